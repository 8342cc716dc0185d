"""How a job can end, and why: problems as documents, and which faults pass by themselves."""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue
from sqlalchemy.exc import SQLAlchemyError

from petrography.errors import (
    AuditUnavailableError,
    NotReadyError,
    OverloadedError,
    StorageUnavailableError,
)
from service import problems

__all__ = ["End", "StoppingError", "is_transient", "problem_of"]

_TRANSIENT = (
    OSError,
    SQLAlchemyError,
    sqlite3.Error,
    NotReadyError,
    OverloadedError,
    # A disk is full there too.
    AuditUnavailableError,
)
_log = logging.getLogger("petroserve.jobs")

Kind = Literal["done", "failed", "again", "cancelled", "dead"]


@dataclass(frozen=True)
class End:
    """How one try of a job ended.

    Attributes
    ----------
    kind : str
        done; failed: the same would fail again; again: may succeed later; cancelled; dead: given up.
    problem : mapping or None
        Why, as members of a problem document (RFC 9457).
    """

    kind: Kind
    problem: dict[str, JsonValue] | None = None

    def as_json(self) -> dict[str, JsonValue]:
        """Write it for the record of the workflow, which holds nothing but JSON."""
        return {"kind": self.kind, "problem": self.problem}


class StoppingError(BaseException):
    """The process stops: the job is left as it is, for the next one.

    No `Exception`, so that nothing takes it for an end of the job and records it.
    """


def is_transient(error: BaseException) -> bool:
    """Tell whether the same may succeed later: the fault lies in disk, database or load.

    Examples
    --------
    >>> is_transient(OSError(28, "No space left on device"))
    True
    >>> is_transient(ValueError("no"))
    False
    """
    return isinstance(error, _TRANSIENT)


def problem_of(error: BaseException, analysis_id: str, instance: str) -> dict[str, JsonValue]:
    """Describe an error as a synchronous request would have had it answered.

    Parameters
    ----------
    error : BaseException
        What ended the job.
    analysis_id : str
        For the log.
    instance : str
        Where the analysis is.

    Returns
    -------
    dict
        Members of a problem document. What is not for clients is in the log only, under the id
        that ``instance`` names.
    """
    if isinstance(error, OSError):
        # Its path says where the service keeps things.
        error = StorageUnavailableError(f"the disk of the service says: {error.strerror}")
    asked = f"job {analysis_id}"
    return problems.problem_of(error, asked=asked, instance=instance, log=_log).members()
