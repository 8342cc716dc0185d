"""Errors as RFC 9457 problem documents."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from petrography.errors import InvalidParameterError, UnauthenticatedError
from service.http_api.inference_errors import inference_error, is_inference
from service.problems import PROBLEM_MEDIA_TYPE, Problem, problem_of, retry_after_s
from service.status import http_problem

__all__ = [
    "PROBLEM_MEDIA_TYPE",
    "parameter_error",
    "problem_of_error",
    "problem_of_http_exception",
    "problem_response",
    "problem_schema",
]

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_log = logging.getLogger("petroserve.http")


def problem_of_error(request: Request, error: Exception) -> Response:
    """Answer an error with the status of its class.

    An error whose class is not public is logged under the id of its trace; the client gets only
    the id.
    """
    path = request.url.path
    problem = problem_of(error, asked=f"{request.method} {path}", instance=path, log=_log)
    headers: dict[str, str] = {}
    wait_s = retry_after_s(error)
    if wait_s is not None:
        headers["Retry-After"] = str(wait_s)
    elif isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = 'Bearer realm="petroserve"'
    return _answer(request, problem, headers)


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


def problem_schema() -> dict[str, Any]:
    """Describe a problem document as a whole, without references: OpenAPI takes it as a part."""
    schema = Problem.model_json_schema()
    definitions = schema.pop("$defs")
    (of_field,) = definitions.values()
    schema["properties"]["errors"] = {
        "type": "array",
        "items": of_field,
        "description": "The fields of the request that are at fault, where single ones are.",
    }
    return schema


def problem_of_http_exception(request: Request, error: HTTPException) -> Response:
    """Answer what the web framework refuses: unknown routes, wrong methods, wrong media types."""
    kind = http_problem(error.status_code)
    details = {
        404: f"There is nothing at {request.url.path[:200]}; /docs lists what there is.",
        405: f"{request.url.path[:200]} does not take {request.method[:20]}.",
    }
    # Without a detail of its own the framework repeats the phrase of the status.
    given = error.detail if error.detail != HTTPStatus(error.status_code).phrase else None
    problem = Problem(
        type=kind.type_uri,
        title=kind.title,
        status=error.status_code,
        detail=given or details.get(error.status_code, kind.title),
        instance=request.url.path,
    )
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(sorted(_allowed(request)))
    return _answer(request, problem, headers)


def _answer(request: Request, problem: Problem, headers: dict[str, str]) -> Response:
    if is_inference(request.url.path):
        reference = "" if problem.instance == request.url.path else f" ({problem.instance})"
        return inference_error(problem.status, problem.detail + reference, headers)
    return _response(problem, headers)


def _allowed(request: Request) -> set[str]:
    """List the methods of all routes of an address; the framework names those of one."""
    methods = {
        method
        for method in _METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
    # The layer around the routes answers HEAD wherever there is GET.
    return methods | ({"HEAD"} if "GET" in methods else set())


def _response(problem: Problem, headers: dict[str, str]) -> Response:
    # ASCII, so that a path with unpaired surrogates cannot make the answer itself fail.
    return Response(
        json.dumps(problem.members()),
        status_code=problem.status,
        headers=headers,
        media_type=PROBLEM_MEDIA_TYPE,
    )
