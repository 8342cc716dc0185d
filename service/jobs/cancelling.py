"""The end of a cancelled job: its callback is told, then its files are removed."""

from __future__ import annotations

from petrography.errors import DamagedJobError
from service.catalogue import Catalogue
from service.jobs.callbacks import Callbacks
from service.jobs.job_files import JobFiles
from service.jobs.job_state import state_of

__all__ = ["finish_cancelled"]


def finish_cancelled(
    analysis_id: str, catalogue: Catalogue, files: JobFiles, callbacks: Callbacks | None
) -> None:
    """Finish a job that was cancelled; one that was not stays as it is.

    Whoever cancels does this, and so does whoever finds a job cancelled: one of them may die. The
    files go last, because they say whom to tell; the record of a cancelled job never changes, so
    that both tell the same message, which is sent once.

    Parameters
    ----------
    analysis_id : str
        Which.
    catalogue, files, callbacks
        Where it is known, kept and told.

    Raises
    ------
    DatabaseUnavailableError, StorageUnavailableError, sqlite3.Error
        If it cannot be told now; the files stay for whoever tries again.
    """
    try:
        order = files.order(analysis_id)
    except DamagedJobError:
        # Somebody else has told it and removed them.
        return
    record = catalogue.get(order.owner, analysis_id)
    if record.state != "cancelled":
        return
    if order.callback is not None and callbacks is not None:
        state = state_of(record, order.href_root)
        happened = record.updated_utc
        callbacks.send(order.callback, state, happened=happened, owner=order.owner)
    files.remove(analysis_id)
