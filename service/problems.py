"""Errors as RFC 9457 problem documents, the same for every protocol."""

from __future__ import annotations

import logging
import uuid
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from petrography.errors import InvalidParameterError, NotReadyError, OverloadedError
from service import tracing
from service.status import status_of

__all__ = ["PROBLEM_MEDIA_TYPE", "FieldProblem", "Problem", "problem_of", "retry_after_s"]

PROBLEM_MEDIA_TYPE = "application/problem+json"
_WARM_UP_RETRY_S = 5
_MAX_DETAIL_CHARACTERS, _MAX_NAME_CHARACTERS = 200, 50


class FieldProblem(BaseModel):
    """What is wrong with one field of the request."""

    model_config = ConfigDict(extra="forbid")

    pointer: str
    """Where it is in the JSON of the request: a JSON pointer (RFC 6901) as a fragment."""
    detail: str
    """What is wanted."""


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
    errors: tuple[FieldProblem, ...] | None = None
    """The fields that are at fault, the first ten, where single ones are."""

    def members(self) -> dict[str, Any]:
        """Those that it has, for JSON."""
        return self.model_dump(mode="json", exclude_none=True)


def problem_of(error: BaseException, *, asked: str, instance: str, log: logging.Logger) -> Problem:
    """Describe an error for a client.

    An error whose class is not public is logged under the id of its trace; the client gets only the
    id.

    Parameters
    ----------
    error : BaseException
        What was raised.
    asked : str
        What was asked for, for the log.
    instance : str
        The same for the client.
    log : logging.Logger
        Of the protocol.
    """
    status = status_of(error)
    detail = str(error)
    if not status.public:
        place = tracing.here()
        instance = (uuid.uuid4() if place is None else uuid.UUID(hex=place.trace_id)).urn
        detail = "The service failed; its log says why under the id of this instance."
        log.error("%s %s", instance, asked, exc_info=error)
    return Problem(
        type=status.type_uri,
        title=status.title,
        status=status.http,
        detail=detail,
        instance=instance,
        errors=_field_problems(error),
    )


def _field_problems(error: BaseException) -> tuple[FieldProblem, ...] | None:
    faults = error.faults if isinstance(error, InvalidParameterError) else ()
    found = tuple(
        FieldProblem(pointer=_pointer(one.path), detail=one.detail[:_MAX_DETAIL_CHARACTERS])
        for one in faults
    )
    return found or None


def _pointer(path: tuple[str | int, ...]) -> str:
    """Write a JSON pointer as a fragment, of names that a client may have made up."""
    steps = (
        str(step)[:_MAX_NAME_CHARACTERS].replace("~", "~0").replace("/", "~1") for step in path
    )
    return "#" + "".join(f"/{quote(step, safe='~', errors='replace')}" for step in steps)


def retry_after_s(error: BaseException) -> int | None:
    """Seconds after which the same request may succeed; None where it will not."""
    if isinstance(error, OverloadedError):
        return error.retry_after_s
    return _WARM_UP_RETRY_S if isinstance(error, NotReadyError) else None
