"""Jobs that were begun and that nobody works on: of processes that are gone, and of this one."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from dbos import DBOS, WorkflowStatus

from service.jobs.slots import HeldSlot

__all__ = ["Adoption"]

# From taking a job off the queue to its thread it is milliseconds.
_IDLE_S = 3.0


class Adoption:
    """What one process may take over.

    Parameters
    ----------
    queue_name : str
        Where a job is put that was in no queue.
    """

    def __init__(self, queue_name: str) -> None:
        self._queue_name = queue_name
        self._working: Counter[str] = Counter()
        self._changing = threading.Lock()
        self._seen_idle: dict[str, float] = {}

    @contextmanager
    def working(self, workflow_id: str | None) -> Iterator[None]:
        """Take note that a thread of this process works on a job for the length of the block."""
        name = workflow_id or ""
        with self._changing:
            self._working[name] += 1
        try:
            yield
        finally:
            with self._changing:
                self._working[name] -= 1

    def adopt(self, slot: HeldSlot) -> int:
        """Put back into the queue what nobody works on.

        Parameters
        ----------
        slot : HeldSlot
            Of this process, known to be kept.

        Returns
        -------
        int
            How many jobs.
        """
        running = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        adopted = self._resume(self._idle([one for one in running if one.executor_id == slot.name]))
        for owner in {one.executor_id for one in running if one.executor_id is not None}:

            def take_over(owner: str = owner) -> None:
                nonlocal adopted
                # Read again now that nobody can begin work in the name of the slot.
                left = DBOS.list_workflows(
                    status="PENDING", executor_id=owner, load_input=False, load_output=False
                )
                adopted += self._resume(left)

            slot.while_abandoned(owner, take_over)
        return adopted

    def _idle(self, own: list[WorkflowStatus]) -> list[WorkflowStatus]:
        """Those that were begun here and whose thread has died, for instance of a full disk."""
        now = time.monotonic()
        with self._changing:
            idle = [one for one in own if not self._working[one.workflow_id]]
        self._seen_idle = {
            one.workflow_id: self._seen_idle.get(one.workflow_id, now) for one in idle
        }
        return [one for one in idle if now - self._seen_idle[one.workflow_id] >= _IDLE_S]

    def _resume(self, left: list[WorkflowStatus]) -> int:
        for one in left:
            # Back to the workers of its priority, in the turn that it had.
            DBOS.resume_workflow(one.workflow_id, queue_name=one.queue_name or self._queue_name)
        return len(left)
