"""The catalogue follows the versions of a result, also those whose process died before it noted them."""

from __future__ import annotations

import logging

from petrography.errors import AnalysisNotFoundError, DatabaseUnavailableError
from petrography.report import Result
from service.catalogue import Catalogue
from service.engine.artefact_store import ArtefactStore, OpenArtefact
from service.engine.versions import open_version

__all__ = ["catch_up", "open_recorded_version"]

_log = logging.getLogger("petroserve.analyses")


def open_recorded_version(
    catalogue: Catalogue,
    store: ArtefactStore,
    analysis_id: str,
    owner: str = "",
    version: int | None = None,
) -> OpenArtefact:
    """Open the document of an analysis as `open_version` does, and catch up with the newest.

    Parameters
    ----------
    catalogue : Catalogue
        Brought up to the newest version, if that is asked for.
    store, analysis_id, owner, version
        As for `open_version`.

    Raises
    ------
    AnalysisNotFoundError
        If there is no such analysis or no such version of it.
    """
    opened = open_version(store, analysis_id, owner, version)
    if version is None and opened.version > 1:
        result = Result.model_validate_json(opened.file.read())
        opened.file.seek(0)
        catch_up(catalogue, result, owner)
    return opened


def catch_up(catalogue: Catalogue, newest: Result, owner: str = "") -> None:
    """Bring the record of an analysis up to its newest version.

    A database that does not answer, or has forgotten the analysis, is no reason not to read it.

    Parameters
    ----------
    catalogue : Catalogue
        Where the record is.
    newest : Result
        The newest version that is kept.
    owner : str
        Its tenant.
    """
    try:
        if catalogue.get(owner, newest.id).version < newest.version:
            catalogue.note(newest.id, state="done", status=newest.status, version=newest.version)
            _log.warning("the record of analysis %s was behind its newest version", newest.id)
    except AnalysisNotFoundError:
        return
    except DatabaseUnavailableError as error:
        _log.warning("%s", error)
