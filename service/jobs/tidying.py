"""What goes on beside the jobs: those of dead processes are taken over, old ones removed."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from petrography.errors import JobError, NotFoundError
from service.catalogue import Catalogue
from service.jobs.callbacks import Callbacks
from service.jobs.job_files import JobFiles
from service.jobs.job_state import has_ended
from service.settings import Settings

if TYPE_CHECKING:
    from service.jobs.durable_queue import DurableQueue

__all__ = ["Tidying"]

_DAY_S = 86_400.0
_OFTEN_S, _SELDOM_S = 5.0, 3600.0
# A submission takes less from keeping its files to enqueuing its job, unless its process dies.
_FORGOTTEN_S = 60.0
_log = logging.getLogger("petroserve.jobs")


class Tidying:
    """Looks after the jobs of all processes; each process does, and nothing is done twice by it.

    Parameters
    ----------
    settings : Settings
        How long what is left is kept.
    catalogue, files, callbacks
        What is looked after.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        files: JobFiles,
        callbacks: Callbacks | None,
    ) -> None:
        self._kept_s = settings.jobs_kept_days * _DAY_S
        self._catalogue = catalogue
        self._files = files
        self._callbacks = callbacks
        self._often = self._seldom = float("-inf")

    def look_after(self, queue: DurableQueue) -> None:
        """Do what is due."""
        now = time.monotonic()
        if now - self._often > _OFTEN_S:
            self._often = now
            adopted = queue.adopt()
            if adopted:
                _log.warning("took over %d jobs of a process that is gone", adopted)
            self._enqueue_forgotten(queue)
        if now - self._seldom > _SELDOM_S:
            self._seldom = now
            self.remove_old(queue)

    def remove_old(self, queue: DurableQueue) -> int:
        """Remove what is left of jobs that ended long ago; returns how many."""
        before_s = time.time() - self._kept_s
        if self._callbacks is not None:
            self._callbacks.forget(before_s)
        for analysis_id, made_s in self._files.kept().items():
            if made_s < before_s and self._has_ended(analysis_id):
                self._files.remove(analysis_id)
        return queue.forget(before_s)

    def _enqueue_forgotten(self, queue: DurableQueue) -> None:
        """Enqueue jobs whose process died between keeping their files and enqueuing them."""
        kept = self._files.kept()
        old = [one for one, made_s in kept.items() if time.time() - made_s > _FORGOTTEN_S]
        for analysis_id in set(old) - queue.known(old):
            if not self._has_ended(analysis_id):
                queue.enqueue(analysis_id, "bulk")

    def _has_ended(self, analysis_id: str) -> bool:
        try:
            order = self._files.order(analysis_id)
            return has_ended(self._catalogue.get(order.owner, analysis_id))
        except (JobError, NotFoundError, ValueError):
            # An order that cannot be read is no work any more, and must not stand in the way of
            # the other jobs.
            return True
