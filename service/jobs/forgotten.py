"""Jobs that their records say are to be done, or told, and that nothing does."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from petrography.errors import (
    JobAbandonedError,
    JobError,
    StorageUnavailableError,
)
from service.catalogue import AnalysisRecord, Catalogue, State
from service.jobs.callbacks import Callbacks
from service.jobs.cancelling import finish_cancelled
from service.jobs.ends import problem_of
from service.jobs.job_files import JobFiles, JobOrder
from service.jobs.job_state import state_of
from service.jobs.ordering import queued_as

if TYPE_CHECKING:
    from service.jobs.durable_queue import DurableQueue

__all__ = ["Forgotten"]

# Everything between two lines that belong together takes less, unless the process dies there.
_FORGOTTEN_S = 60.0
_MOST_TIMES = 20
_UNFINISHED: tuple[State, ...] = ("queued", "running")
_CANCELLED: tuple[State, ...] = ("cancelled",)
_NEVER_KEPT = (
    "the submission did not come to its end, so that its files were not kept; the same request may "
    "succeed now"
)
_ABANDONED = (
    f"its work has ended without a result {_MOST_TIMES} times; an operator can queue it again "
    "(petroserve jobs retry)"
)
_log = logging.getLogger("petroserve.jobs")


class Forgotten:
    """Finds them; every process looks, and nothing is done twice by it.

    Parameters
    ----------
    catalogue, files, callbacks
        Where jobs are known, kept and told.
    """

    def __init__(self, catalogue: Catalogue, files: JobFiles, callbacks: Callbacks | None) -> None:
        self._catalogue = catalogue
        self._files = files
        self._callbacks = callbacks

    def mend(self, queue: DurableQueue) -> int:
        """Enqueue what has no workflow, end what has no files, tell what was cancelled.

        Parameters
        ----------
        queue : DurableQueue
            Where the jobs should be.

        Returns
        -------
        int
            How many jobs had been forgotten.

        Raises
        ------
        DatabaseUnavailableError, StorageUnavailableError, sqlalchemy.exc.SQLAlchemyError
            If something does not answer; the next call goes on.
        """
        before = datetime.now(UTC) - timedelta(seconds=_FORGOTTEN_S)
        kept = self._files.kept()
        unfinished = self._catalogue.job_ids(_UNFINISHED, before)
        # Asked last: a job that ended meanwhile is not live, but has ended in the catalogue too.
        missing = unfinished - queue.live() if unfinished else unfinished
        for analysis_id in missing:
            if analysis_id in kept:
                self._enqueue(analysis_id, queue, before)
            else:
                self._end(analysis_id, StorageUnavailableError(_NEVER_KEPT))
        for analysis_id in self._catalogue.job_ids(_CANCELLED, before) & kept.keys():
            finish_cancelled(analysis_id, self._catalogue, self._files, self._callbacks)
        return len(missing)

    def _enqueue(self, analysis_id: str, queue: DurableQueue, before: datetime) -> None:
        if not self._catalogue.job_ids(_UNFINISHED, before, analysis_id):
            return
        try:
            order = self._files.order(analysis_id)
        except JobError as error:
            self._end(analysis_id, error)
            return
        record = self._catalogue.get(order.owner, analysis_id)
        if queue.times(analysis_id) >= _MOST_TIMES:
            self._give_up(record, order)
            return
        times = queue.enqueue_again(analysis_id, queued_as(record), order.tenant)
        _log.warning(
            "job %s had no work in the queue; enqueued for the %d. time", analysis_id, times
        )

    def _give_up(self, record: AnalysisRecord, order: JobOrder) -> None:
        """Tell that a job is dead, then note it: who finds it again tells the same, which is sent once."""
        instance = f"{order.href_root}/{order.analysis_id}"
        problem = problem_of(JobAbandonedError(_ABANDONED), order.analysis_id, instance)
        if order.callback is not None and self._callbacks is not None:
            dead = replace(record, state="dead", problem=problem)
            state = state_of(dead, order.href_root)
            # When anything was last heard of it: the same whoever tells it.
            happened = record.updated_utc
            self._callbacks.send(order.callback, state, happened=happened, owner=order.owner)
        self._catalogue.note(order.analysis_id, state="dead", problem=problem)

    def _end(self, analysis_id: str, error: Exception) -> None:
        problem = problem_of(error, analysis_id, analysis_id)
        self._catalogue.note(analysis_id, state="failed", problem=problem)
