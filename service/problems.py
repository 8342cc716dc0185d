"""Errors as RFC 9457 problem documents, the same for every protocol."""

from __future__ import annotations

import logging
import uuid

from pydantic import BaseModel, ConfigDict

from petrography.errors import NotReadyError, OverloadedError
from service import tracing
from service.status import status_of

__all__ = ["PROBLEM_MEDIA_TYPE", "Problem", "problem_of", "retry_after_s"]

PROBLEM_MEDIA_TYPE = "application/problem+json"
_WARM_UP_RETRY_S = 5


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
    )


def retry_after_s(error: BaseException) -> int | None:
    """Seconds after which the same request may succeed; None where it will not."""
    if isinstance(error, OverloadedError):
        return error.retry_after_s
    return _WARM_UP_RETRY_S if isinstance(error, NotReadyError) else None
