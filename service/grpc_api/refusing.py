"""Errors as the end of a call: status code, message, and the problem document beside them."""

from __future__ import annotations

import json
import logging
from typing import Any, TypeAlias
from urllib.parse import quote

import grpc

from service.problems import Problem, problem_of, retry_after_s
from service.status import status_of

__all__ = ["PROBLEM_METADATA", "Context", "refuse"]

# Binary, so that a message in any language passes through the headers of HTTP/2.
PROBLEM_METADATA = "petroserve-problem-bin"
# Clients with a retry policy wait that long (gRPC proposal A6, "pushback").
_PUSHBACK_METADATA = "grpc-retry-pushback-ms"
# Clients take 8 KiB of headers, and with more they show an error of their own. A message stands in
# them twice: with three characters for a byte that is not ASCII, and in the document, of which four
# come for three bytes. The longest of our own has 1 000 characters.
_MAX_MESSAGE_CHARACTERS, _MAX_DOCUMENT_BYTES = 3000, 3200

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
    detail = problem.detail
    while len(quote(detail)) > _MAX_MESSAGE_CHARACTERS:
        detail = detail[: len(detail) * 9 // 10]
    document = _document(problem.model_copy(update={"detail": detail}))
    metadata: list[tuple[str, str | bytes]] = [(PROBLEM_METADATA, document)]
    wait_s = retry_after_s(error)
    if wait_s is not None:
        metadata.append((_PUSHBACK_METADATA, str(1000 * wait_s)))
    code = grpc.StatusCode[status_of(error).grpc]
    await context.abort(code, detail, tuple(metadata))


def _document(problem: Problem) -> bytes:
    """Write a problem, with as many of the fields at fault as there is room for."""
    faults = problem.errors or ()
    while True:
        told = problem.model_copy(update={"errors": faults or None})
        # Letters as they are: escaped ones take two to three times the room.
        document = json.dumps(told.members(), ensure_ascii=False).encode(errors="replace")
        if len(document) <= _MAX_DOCUMENT_BYTES or not faults:
            return document
        faults = faults[:-1]
