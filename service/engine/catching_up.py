"""The catalogue follows what is kept, also where a process is about to note it or died before."""

from __future__ import annotations

import logging

from petrography.errors import AnalysisNotFoundError, DatabaseUnavailableError
from petrography.report import Result
from service.catalogue import Catalogue, State
from service.engine.artefact_store import ArtefactStore
from service.engine.course import LAST_STAGE
from service.engine.open_artefact import OpenArtefact
from service.engine.versions import open_version, parsed_version

__all__ = ["catch_up", "open_recorded_version"]

# Of these there should be no result. What was cancelled stays cancelled.
_WITHOUT_RESULT: frozenset[State] = frozenset({"queued", "running", "failed", "dead"})
_log = logging.getLogger("petroserve.analyses")


def open_recorded_version(
    catalogue: Catalogue,
    store: ArtefactStore,
    analysis_id: str,
    owner: str = "",
    version: int | None = None,
) -> OpenArtefact:
    """Open the document of an analysis as `open_version` does; its record follows what is read.

    Nobody who has read a result is told afterwards that it is being made, or that a version that he
    has read is still to come.

    Parameters
    ----------
    catalogue : Catalogue
        Brought up to what is opened.
    store, analysis_id, owner, version
        As for `open_version`.

    Raises
    ------
    AnalysisNotFoundError
        If there is no such analysis or no such version of it.
    DamagedResultError
        If the file is not what was kept.
    """
    opened = open_version(store, analysis_id, owner, version)
    if _is_behind(catalogue, analysis_id, owner, opened.version):
        result = parsed_version(analysis_id, opened.file.read())
        opened.file.seek(0)
        catch_up(catalogue, result, owner)
    return opened


def catch_up(catalogue: Catalogue, newest: Result, owner: str = "") -> None:
    """Bring the record of an analysis up to a version of its result.

    A database that does not answer, or has forgotten the analysis, is no reason not to read it.

    Parameters
    ----------
    catalogue : Catalogue
        Where the record is.
    newest : Result
        The newest version that is known to be kept.
    owner : str
        Its tenant.
    """
    if not _is_behind(catalogue, newest.id, owner, newest.version):
        return
    try:
        catalogue.note(
            newest.id,
            state="done",
            stage=LAST_STAGE,
            status=newest.status,
            version=newest.version,
            sample=newest.sample,
        )
    except DatabaseUnavailableError as error:
        _log.warning("%s", error)


def _is_behind(catalogue: Catalogue, analysis_id: str, owner: str, version: int) -> bool:
    try:
        record = catalogue.get(owner, analysis_id)
    except AnalysisNotFoundError:
        return False
    except DatabaseUnavailableError as error:
        _log.warning("%s", error)
        return False
    return record.state in _WITHOUT_RESULT or record.version < version
