"""What the catalogue tells of an analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from petrography.report.review import Status

__all__ = ["ENDED", "AnalysisRecord", "Begun", "NewAnalysis", "Page", "State"]

State = Literal["queued", "running", "done", "failed", "cancelled", "dead"]
# Nothing goes on in these by itself; an operator may queue a failed or dead one again.
ENDED: frozenset[State] = frozenset({"done", "failed", "cancelled", "dead"})


@dataclass(frozen=True)
class NewAnalysis:
    """What is known of an analysis when it is asked for.

    Attributes
    ----------
    owner : str
        Whose it is; empty without API keys.
    sample_id : str or None
        As the laboratory names the sample.
    idempotency_key : str or None
        Under which the client may ask again.
    body_sha256 : str
        Of what was asked (`service.engine.digest_of_upload`); compared where there is a key.
    model : str
        ``name:version``.
    priority : str
        ``interactive`` or ``bulk``.
    asynchronous : bool
        Whether it goes on without its client, as a durable job.
    request_json : str
        The whole request after defaults.
    """

    owner: str
    sample_id: str | None
    idempotency_key: str | None
    body_sha256: str
    model: str
    priority: str
    asynchronous: bool
    request_json: str


@dataclass(frozen=True)
class Begun:
    """An analysis that is to be made (`fresh`), or the one that an earlier request began.

    Of one that an earlier request began and left (`taken_over`) a result may be kept already.
    """

    analysis_id: str
    fresh: bool
    taken_over: bool = False


@dataclass(frozen=True)
class AnalysisRecord:
    """One analysis as it stands.

    Attributes
    ----------
    analysis_id, owner, sample_id, idempotency_key, body_sha256, model, priority, asynchronous, \
request_json
        As it was begun.
    state : str
        Where the work is.
    status : str or None
        Of the result: preliminary, final, corrected or rejected; None before there is one.
    version : int
        Of the result, from 1.
    progress_fraction : float or None
        From 0 to 1.
    stage : str or None
        What is being done.
    problem : mapping or None
        Why it ended without a result, as members of a problem document (RFC 9457).
    created_utc, updated_utc : datetime
        When it was begun, and when anything here changed; with the zone UTC.
    """

    analysis_id: str
    owner: str
    sample_id: str | None
    idempotency_key: str | None
    body_sha256: str
    model: str
    priority: str
    asynchronous: bool
    request_json: str
    state: State
    status: Status | None
    version: int
    progress_fraction: float | None
    stage: str | None
    problem: Mapping[str, Any] | None
    created_utc: datetime
    updated_utc: datetime


@dataclass(frozen=True)
class Page:
    """Some records of a list, and where the next begin; None where there are no more."""

    records: tuple[AnalysisRecord, ...]
    next_cursor: str | None
