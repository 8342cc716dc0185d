"""Errors as RFC 9457 problem documents."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import Response

from petrography.errors import (
    InvalidParameterError,
    NotReadyError,
    OverloadedError,
    UnauthenticatedError,
)
from service.status import status_of

__all__ = [
    "PROBLEM_MEDIA_TYPE",
    "Problem",
    "parameter_error",
    "problem_of_error",
    "problem_of_http_exception",
    "problem_response",
]

PROBLEM_MEDIA_TYPE = "application/problem+json"
_WARM_UP_RETRY_S = 5
_log = logging.getLogger("petroserve.http")


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(extra="forbid")

    type: str
    """Stable URI of the kind of problem."""
    title: str
    """The kind of problem, in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What was given, what is wanted, what would work."""
    instance: str
    """The path that was asked for, or the id of the entry in the service's log."""


def problem_of_error(request: Request, error: Exception) -> Response:
    """Answer an error with the status of its class.

    An error whose class is not public is logged under a new id; the client gets only the id.
    """
    status = status_of(error)
    detail, instance = str(error), request.url.path
    if not status.public:
        instance = f"urn:uuid:{uuid.uuid4()}"
        detail = "The service failed; its log says why under the id of this instance."
        _log.error("%s %s %s", instance, request.method, request.url.path, exc_info=error)
    headers: dict[str, str] = {}
    if isinstance(error, OverloadedError):
        headers["Retry-After"] = str(error.retry_after_s)
    elif isinstance(error, NotReadyError):
        headers["Retry-After"] = str(_WARM_UP_RETRY_S)
    elif isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = 'Bearer realm="petroserve"'
    problem = Problem(
        type=status.type_uri,
        title=status.title,
        status=status.http,
        detail=detail,
        instance=instance,
    )
    return _response(problem, headers)


def parameter_error(error: Exception) -> InvalidParameterError:
    """Name the parameters of a URL that the web framework refused, and why."""
    problems = error.errors() if isinstance(error, RequestValidationError) else ()
    described = "; ".join(
        f"{'.'.join(str(step)[:50] for step in one['loc'][1:])}: {one['msg'][:200]}"
        for one in problems[:10]
    )
    return InvalidParameterError(f"parameters of the URL are not possible: {described}")


def problem_response(members: Mapping[str, Any]) -> Response:
    """Answer a problem whose members are known."""
    return _response(Problem.model_validate(members), {})


def problem_of_http_exception(request: Request, error: HTTPException) -> Response:
    """Answer what the web framework refuses: unknown routes, wrong methods, wrong media types."""
    phrase = HTTPStatus(error.status_code).phrase
    details = {
        404: f"There is nothing at {request.url.path[:200]}; /docs lists what there is.",
        405: f"{request.url.path[:200]} does not take {request.method[:20]}.",
    }
    given = error.detail if error.detail != phrase else None
    problem = Problem(
        type=f"urn:petroserve:problem:{phrase.lower().replace(' ', '-')}",
        title=phrase,
        status=error.status_code,
        detail=given or details.get(error.status_code, phrase),
        instance=request.url.path,
    )
    headers = dict(error.headers or {})
    if "GET" in headers.get("Allow", ""):
        # The layer around the routes answers HEAD wherever there is GET.
        headers["Allow"] += ", HEAD"
    return _response(problem, headers)


def _response(problem: Problem, headers: dict[str, str]) -> Response:
    # ASCII, so that a path with unpaired surrogates cannot make the answer itself fail.
    content: dict[str, Any] = problem.model_dump()
    return Response(
        json.dumps(content),
        status_code=problem.status,
        headers=headers,
        media_type=PROBLEM_MEDIA_TYPE,
    )
