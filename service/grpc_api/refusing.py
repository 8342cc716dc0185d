"""Errors as the end of a call: status code, message, and the problem document beside them."""

from __future__ import annotations

import json
import logging
from typing import Any, TypeAlias

import grpc

from service.problems import problem_of, retry_after_s
from service.status import status_of

__all__ = ["PROBLEM_METADATA", "Context", "refuse"]

# Binary, so that a message in any language passes through the headers of HTTP/2.
PROBLEM_METADATA = "petroserve-problem-bin"
# Clients with a retry policy wait that long (gRPC proposal A6, "pushback").
_PUSHBACK_METADATA = "grpc-retry-pushback-ms"
# Headers are bounded, and a message stands in them twice; the longest of our own has 1 000.
_MAX_DETAIL_CHARACTERS = 1500

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_log = logging.getLogger("petroserve.grpc")


async def refuse(context: Context, error: Exception, method: str) -> None:
    """End a call with the code of an error.

    Parameters
    ----------
    context : ServicerContext
        Of the call.
    error : Exception
        What was raised.
    method : str
        Full name of the method.

    Raises
    ------
    grpc.aio.AbortError
        Always: it ends the call.
    """
    problem = problem_of(error, asked=method, instance=method, log=_log)
    detail = problem.detail[:_MAX_DETAIL_CHARACTERS]
    document = json.dumps(problem.model_copy(update={"detail": detail}).members()).encode()
    metadata: list[tuple[str, str | bytes]] = [(PROBLEM_METADATA, document)]
    wait_s = retry_after_s(error)
    if wait_s is not None:
        metadata.append((_PUSHBACK_METADATA, str(1000 * wait_s)))
    code = grpc.StatusCode[status_of(error).grpc]
    await context.abort(code, detail, tuple(metadata))
