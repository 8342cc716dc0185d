"""Work for a client who waits ends as soon as its record says that it was cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from petrography.errors import (
    AnalysisCancelledError,
    AnalysisNotFoundError,
    DatabaseUnavailableError,
)
from service.catalogue import Catalogue

__all__ = ["require_wanted", "while_wanted"]

# The record is the only channel between processes. A tile takes longer than that on a CPU.
_LOOK_S = 0.25


def require_wanted(catalogue: Catalogue, owner: str, analysis_id: str) -> None:
    """Check that an analysis was not cancelled; a database that is away cancels nothing.

    Raises
    ------
    AnalysisCancelledError
        If it was.
    """
    try:
        state = catalogue.get(owner, analysis_id).state
    except (AnalysisNotFoundError, DatabaseUnavailableError):
        return
    if state == "cancelled":
        msg = f"analysis {analysis_id} was cancelled while it was made; ask for it again"
        raise AnalysisCancelledError(msg)


@asynccontextmanager
async def while_wanted(catalogue: Catalogue, owner: str, analysis_id: str) -> AsyncIterator[None]:
    """Cancel the block once its analysis was cancelled, in whichever process.

    Parameters
    ----------
    catalogue : Catalogue
        Has the record.
    owner, analysis_id : str
        Whose, and which.

    Raises
    ------
    AnalysisCancelledError
        If it was cancelled.
    """
    working = asyncio.current_task()
    if working is None:
        msg = "an analysis is made outside of any task"
        raise RuntimeError(msg)
    cancelled: list[AnalysisCancelledError] = []
    watching = asyncio.create_task(_watch(catalogue, owner, analysis_id, working, cancelled))
    # As `asyncio.timeout` does it: other reasons to cancel the same task stay what they are.
    before = working.cancelling()
    try:
        yield
    except asyncio.CancelledError:
        if cancelled and working.uncancel() <= before:
            raise cancelled[0] from None
        raise
    finally:
        watching.cancel()


async def _watch(
    catalogue: Catalogue,
    owner: str,
    analysis_id: str,
    working: asyncio.Task[object],
    cancelled: list[AnalysisCancelledError],
) -> None:
    while True:
        await asyncio.sleep(_LOOK_S)
        try:
            await asyncio.to_thread(require_wanted, catalogue, owner, analysis_id)
        except AnalysisCancelledError as error:
            cancelled.append(error)
            working.cancel()
            return
