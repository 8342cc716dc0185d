"""What is wanted of a result that there is not yet, or never will be: told as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from petrography.errors import AnalysisCancelledError, AnalysisNotFoundError, ConflictError
from service.catalogue import Catalogue
from service.engine.artefact_store import ArtefactStore
from service.engine.kinds import ANALYSES

__all__ = ["unfinished_told"]


@contextmanager
def unfinished_told(
    catalogue: Catalogue, store: ArtefactStore, analysis_id: str, owner: str = ""
) -> Iterator[None]:
    """Say of an analysis of which something is not found how it stands, if it has no result.

    Nothing is said of an analysis that is unknown, another tenant's, or had its result.

    Parameters
    ----------
    catalogue : Catalogue
        Tells how the analysis stands.
    store : ArtefactStore
        Asked whether the result came meanwhile.
    analysis_id, owner : str
        Which, and the tenant that asks.

    Raises
    ------
    AnalysisNotFoundError
        As the block does, where there is a result or was one.
    ConflictError
        If it is queued or running, or ended without a result.
    AnalysisCancelledError
        If it was cancelled.
    DatabaseUnavailableError
        If the database does not answer.
    """
    try:
        yield
    except AnalysisNotFoundError:
        _require_ended(catalogue, store, analysis_id, owner)
        raise


def _require_ended(
    catalogue: Catalogue, store: ArtefactStore, analysis_id: str, owner: str
) -> None:
    try:
        state = catalogue.get(owner, analysis_id).state
    except AnalysisNotFoundError:
        return
    if state == "done" or store.is_kept(ANALYSES, analysis_id, owner):
        return
    if state == "cancelled":
        msg = f"analysis {analysis_id} was cancelled and has no result; wanted a new request"
        raise AnalysisCancelledError(msg)
    wanted = "one that is done" if state in {"queued", "running"} else "a new request"
    msg = f"analysis {analysis_id} is {state} and has no result; wanted {wanted}"
    raise ConflictError(msg)
