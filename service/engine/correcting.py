"""Reviews of a kept analysis: approved, corrected or rejected, as one more version."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from petrography.errors import (
    BucketUnavailableError,
    ConflictError,
    DatabaseUnavailableError,
    InvalidParameterError,
)
from petrography.report import Result, Sample, result_json, reviewed
from service.audit import Who
from service.catalogue import Catalogue
from service.engine.artefact_store import ArtefactStore
from service.engine.catching_up import catch_up
from service.engine.unfinished import unfinished_told
from service.engine.versions import add_version, read_version

__all__ = ["CorrectionRequest", "correct"]

# Control characters break rows of tables and messages that others read line by line.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
_log = logging.getLogger("petroserve.analyses")


class CorrectionRequest(BaseModel):
    """What a reviewer decides about an analysis."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    status: Literal["final", "corrected", "rejected"]
    """final approves; corrected takes other sample fields or the numbers of another analysis;
    rejected is for good."""
    reviewer: Annotated[str, Field(min_length=1, max_length=256, pattern=_PLAIN)]
    """Who vouches for it: another than the operators of all versions, and of the analysis named."""
    reason: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """Why; a correction and a rejection want one."""
    sample: Sample | None = None
    """For a correction: the fields of the sample that were wrong, as they should be."""
    analysis: Annotated[str, Field(max_length=64)] | None = None
    """For a correction: the id of the analysis whose numbers stand from now on."""
    version: Annotated[int, Field(ge=1)] | None = None
    """The version that was looked at: if there is a newer one by now, nothing is done."""

    @model_validator(mode="after")
    def _fits_the_status(self) -> CorrectionRequest:
        given = [name for name in ("sample", "analysis") if getattr(self, name) is not None]
        if self.status == "corrected" and not given:
            msg = "status is corrected, and nothing is; wanted sample or analysis, or both"
            raise ValueError(msg)
        if self.status != "corrected" and given:
            told = " and ".join(given)
            msg = f"status is {self.status}, with {told}; wanted {told} with status corrected only"
            raise ValueError(msg)
        return self


def correct(
    catalogue: Catalogue,
    store: ArtefactStore,
    analysis_id: str,
    request: CorrectionRequest,
    *,
    at: datetime,
    owner: str = "",
    who: Who | None = None,
    put_on_record: Callable[[Result], object] | None = None,
) -> Result:
    """Make the next version of an analysis; all versions before stay as they are.

    Parameters
    ----------
    catalogue : Catalogue
        Follows with status, version and sample.
    store : ArtefactStore
        Where the versions are.
    analysis_id : str
        Which analysis.
    request : CorrectionRequest
        What is decided.
    at : datetime
        When, with a zone.
    owner : str
        The tenant whose analysis it is.
    who : Who, optional
        Asks: written into the review beside the reviewer, whom the request names.
    put_on_record : callable, optional
        Told the new version before it is kept; there is none if it raises.

    Returns
    -------
    Result
        The new version.

    Raises
    ------
    AnalysisNotFoundError
        If the analysis, or the one that it names, is not kept.
    InvalidParameterError
        If the status cannot follow the one there is, the reviewer made the analysis, or a
        correction changes nothing.
    ConflictError
        If there is a newer version than the one that was looked at, or either analysis has no
        result yet, or ended without one.
    DamagedResultError
        If what is kept of it, or of the one that it names, is not what was kept.
    DatabaseUnavailableError
        If the database does not answer; there is no new version then, unless a bucket that stopped
        answering meanwhile has it already.
    StorageUnavailableError
        If the disk does not take it; there is no new version then.
    """
    newest = partial(_newest, catalogue, store, owner)
    result = newest(analysis_id)
    # A process may have died between a version and the record of it.
    catch_up(catalogue, result, owner)
    if request.version not in {None, result.version}:
        msg = (
            f"analysis {analysis_id} is at version {result.version}, not {request.version}; read it "
            "and decide again"
        )
        raise ConflictError(msg)
    following = _reviewed(result, request, at, newest, who or Who())
    catalogue.beat(analysis_id)
    if put_on_record is not None:
        put_on_record(following)
    path = add_version(store, analysis_id, following.version, result_json(following), owner)
    try:
        catalogue.note(
            analysis_id,
            state="done",
            status=following.status,
            version=following.version,
            sample=following.sample,
        )
    except DatabaseUnavailableError:
        _take_back(store, path)
        raise
    return following


def _take_back(store: ArtefactStore, path: Path) -> None:
    """Remove a version that is not in the catalogue; where that fails, the catalogue follows later."""
    try:
        store.take_back(path)
    except (BucketUnavailableError, OSError) as error:
        _log.error("a version stays that its reviewer was told there is not: %s", error)


def _newest(catalogue: Catalogue, store: ArtefactStore, owner: str, analysis_id: str) -> Result:
    with unfinished_told(catalogue, store, analysis_id, owner):
        return read_version(store, analysis_id, owner)


def _reviewed(
    result: Result,
    request: CorrectionRequest,
    at: datetime,
    newest: Callable[[str], Result],
    who: Who,
) -> Result:
    if request.analysis == result.id:
        msg = f"analysis {result.id} is to take its own numbers; wanted the id of another analysis"
        raise InvalidParameterError(msg)
    content = None if request.analysis is None else newest(request.analysis)
    return reviewed(
        result,
        request.status,
        reviewer=request.reviewer,
        at=at,
        reason=request.reason,
        content=content,
        sample=request.sample,
        tenant=who.tenant,
        key_id=who.key_id,
    )
