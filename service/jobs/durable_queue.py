"""The durable queue: DBOS around one workflow, in a process that works and in one that asks.

There is one queue for bulk jobs and one for interactive ones, each with workers of its own, so that
neither waits for the other. Within both tenants take turns (`service.jobs.fair_rank`).

DBOS is one a process. It starts when the first job comes, or at once where there were jobs before,
so that a service without jobs has neither its threads nor its file.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from dbos import DBOS, EnqueueOptions, WorkflowStatus
from dbos import error as dbos_error
from sqlalchemy.exc import SQLAlchemyError

from petrography.errors import DatabaseUnavailableError, NotReadyError
from service.jobs.adopting import Adoption
from service.jobs.dbos_process import (
    NAME,
    SCHEMA,
    VERSION,
    client_of,
    configuration,
    prepare_process,
)
from service.jobs.fair_rank import QueueRanks
from service.jobs.job_database import JobDatabase
from service.jobs.job_runner import Step
from service.jobs.slots import HeldSlot, held_slot
from service.runtime import Priority

__all__ = ["DurableQueue", "QueueClient"]

# Versions with one queue for all jobs had that of the bulk jobs.
_QUEUES: dict[Priority, str] = {"bulk": "analyses", "interactive": "interactive analyses"}
WORKFLOW = "analysis"
# Between the id of an analysis and how often it was enqueued.
_AGAIN = ":"
_POLL_S = 0.25
_STOP_WITHIN_S = 10.0
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_WAITING = ["ENQUEUED", "DELAYED", "PENDING"]
_log = logging.getLogger("petroserve.jobs")
_one_a_process = threading.Lock()


class DurableQueue:
    """The queue in a process that works.

    Parameters
    ----------
    database : JobDatabase
        Where it lies.
    work : callable
        From the id of an analysis and what records steps to nothing; called in a thread. What it
        did in a step that was recorded it is not asked to do again.
    concurrent : int
        Bulk jobs that are worked on at the same time in this process.
    interactive : int
        Interactive jobs that are worked on beside them.
    """

    def __init__(
        self,
        database: JobDatabase,
        work: Callable[[str, Step], None],
        *,
        concurrent: int,
        interactive: int = 1,
    ) -> None:
        self._database = database
        self._work = work
        self._workers: dict[Priority, int] = {"bulk": concurrent, "interactive": interactive}
        self._changing = threading.Lock()
        self._enqueuing = threading.Lock()
        self._ranks = {one: QueueRanks(queue, VERSION) for one, queue in _QUEUES.items()}
        self._started = False
        self._slot: HeldSlot | None = None
        self._adoption = Adoption(_QUEUES["bulk"])
        self._workflow: Callable[[str], None] | None = None

    def start(self) -> None:
        """Start, and go on with the jobs of the process before; blocks.

        Raises
        ------
        NotReadyError
            If another queue runs in this process, or DBOS cannot start.
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the database does not answer: it can be started again later.
        """
        if not _one_a_process.acquire(blocking=False):
            msg = "another service in this process works on jobs; one a process can"
            raise NotReadyError(msg)
        self._started = True
        try:
            self._database.prepare()
            self._begin()
        except dbos_error.DBOSException as troubled:
            self.stop()
            raise NotReadyError(str(troubled)) from troubled
        except BaseException:
            self.stop()
            raise

    def _begin(self) -> None:
        self._slot = held_slot(self._database.slots())
        self._launch(self._slot.name)

    def _launch(self, slot: str) -> None:
        prepare_process()
        self._prepare_queues()
        DBOS(config=configuration(self._database.url, slot))

        def analysis(analysis_id: str) -> None:
            with self._adoption.working(DBOS.workflow_id):
                self._work(analysis_id, lambda name, call: DBOS.run_step({"name": name}, call))

        # The work itself counts how often a job has killed its process.
        self._workflow = DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)(analysis)
        DBOS.launch()

    def _prepare_queues(self) -> None:
        """Make the queues before DBOS looks for queues, which it does once a second."""
        DBOS.migrate(self._database.url, schema=SCHEMA)
        client = client_of(self._database)
        try:
            for priority, workers in self._workers.items():
                client.register_queue(
                    _QUEUES[priority],
                    worker_concurrency=workers,
                    polling_interval_sec=_POLL_S,
                    application_name=NAME,
                )
        finally:
            client.destroy()

    def stop(self) -> None:
        """Stop; what was not recorded as done is done again by the next process. Blocks."""
        self._started = False
        # Who looks after jobs may wait for a database that is gone; the process ends all the same.
        alone = self._changing.acquire(timeout=_STOP_WITHIN_S)
        try:
            self._end()
        finally:
            _one_a_process.release()
            if alone:
                self._changing.release()

    def _end(self) -> None:
        self._workflow = None
        DBOS.destroy(destroy_registry=True)
        if self._slot is not None:
            self._slot.release()
            self._slot = None

    def enqueue(self, analysis_id: str, priority: Priority, tenant: str = "") -> None:
        """Enqueue a job; the same id is worked on once, however often this is called.

        Parameters
        ----------
        analysis_id : str
            Which.
        priority : {"interactive", "bulk"}
            With which workers.
        tenant : str
            With whose jobs it shares the turns.

        Raises
        ------
        NotReadyError
            If the queue is not started.
        DatabaseUnavailableError
            If its database takes nothing.
        """
        self._enqueue(analysis_id, analysis_id, priority, tenant)

    def enqueue_again(self, analysis_id: str, priority: Priority, tenant: str = "") -> int:
        """Enqueue a job whose work has ended; parameters and errors as for `enqueue`.

        Every process looks for such jobs: what another one has enqueued meanwhile stays as it is,
        and of two at the same moment both enqueue the same.

        Returns
        -------
        int
            How often it was enqueued, this time included.
        """
        found = _enqueued(DBOS, analysis_id)
        number = _last_of(found)
        if not any(one.status in _WAITING for one in found):
            number += 1
            self._enqueue(_workflow_id(analysis_id, number), analysis_id, priority, tenant)
        return number

    def times(self, analysis_id: str) -> int:
        """Tell how often a job was enqueued; older times of it may be forgotten."""
        return _last_of(_enqueued(DBOS, analysis_id))

    def _enqueue(self, workflow_id: str, analysis_id: str, priority: Priority, tenant: str) -> None:
        if self._workflow is None:
            msg = "jobs cannot be taken yet; try again in a few seconds"
            raise NotReadyError(msg)
        try:
            # One after the other: of two at the same time both would get the same turn.
            with self._enqueuing:
                rank = self._ranks[priority].next_rank(DBOS, tenant)
                options = _options(workflow_id, priority, tenant, rank)
                DBOS.enqueue_workflow_with_options(options, analysis_id)
        except SQLAlchemyError as error:
            raise DatabaseUnavailableError(_why(error)) from error

    def live(self) -> set[str]:
        """Find the analyses that wait, or are worked on, or will be when they are adopted."""
        found = DBOS.list_workflows(status=_WAITING, load_input=False, load_output=False)
        return {one.workflow_id.partition(_AGAIN)[0] for one in found}

    def adopt(self) -> int:
        """Take over the jobs that no living process works on.

        A process whose own slot is not certain takes nothing: what cut its lock, such as a restart
        of the database, has cut those of others.

        Returns
        -------
        int
            How many.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the database does not answer.
        """
        with self._changing:
            slot = self._certain_slot()
            return 0 if slot is None else self._adoption.adopt(slot)

    def _certain_slot(self) -> HeldSlot | None:
        """The slot of this process, known to be its own in this moment."""
        if not self._started:
            return None
        if self._slot is not None and self._workflow is not None and self._slot.is_kept():
            return self._slot
        # What was begun in the name of the slot is now another's; this one begins anew.
        _log.error("another process has the slot of this one, which takes another")
        self._end()
        self._begin()
        return None

    def forget(self, before_s: float) -> int:
        """Forget the workflows that ended before a time, in seconds since 1970."""
        return _forget(DBOS, before_s)


class QueueClient:
    """The queue for somebody who does not work: the command line.

    Parameters
    ----------
    database : JobDatabase
        Where it lies.
    """

    def __init__(self, database: JobDatabase) -> None:
        database.prepare()
        prepare_process()
        self._client = client_of(database)

    def close(self) -> None:
        """Close its connections."""
        self._client.destroy()

    def enqueue_again(self, analysis_id: str, priority: Priority, tenant: str = "") -> None:
        """Enqueue a job that ended; parameters as for `DurableQueue.enqueue`.

        Raises
        ------
        DatabaseUnavailableError
            If the database takes nothing.
        """
        try:
            number = _last_of(_enqueued(self._client, analysis_id)) + 1
            workflow_id = _workflow_id(analysis_id, number)
            rank = QueueRanks(_QUEUES[priority], VERSION).next_rank(self._client, tenant)
            options = _options(workflow_id, priority, tenant, rank)
            self._client.enqueue(options, analysis_id)
        except SQLAlchemyError as error:
            raise DatabaseUnavailableError(_why(error)) from error

    def forget(self, before_s: float) -> int:
        """Forget the workflows that ended before a time, in seconds since 1970."""
        return _forget(self._client, before_s)


def _options(workflow_id: str, priority: Priority, tenant: str, rank: int) -> EnqueueOptions:
    return {
        "workflow_name": WORKFLOW,
        "queue_name": _QUEUES[priority],
        "workflow_id": workflow_id,
        "app_version": VERSION,
        "priority": rank,
        # By which the last job of a tenant is found.
        "authenticated_user": tenant,
        "application_name": NAME,
    }


def _workflow_id(analysis_id: str, number: int) -> str:
    return analysis_id if number == 1 else f"{analysis_id}{_AGAIN}{number}"


def _enqueued(dbos: Any, analysis_id: str) -> list[WorkflowStatus]:
    found: list[WorkflowStatus] = dbos.list_workflows(
        workflow_id_prefix=analysis_id, load_input=False, load_output=False
    )
    return found


def _last_of(found: Sequence[WorkflowStatus]) -> int:
    numbers = [one.workflow_id.partition(_AGAIN)[2] for one in found]
    return max((int(number or 1) for number in numbers), default=0)


def _why(error: Exception) -> str:
    return (
        f"the queue of jobs takes nothing ({type(error).__name__}); nothing is half done; the same "
        "request may succeed later"
    )


def _forget(dbos: Any, before_s: float) -> int:
    ended = dbos.list_workflows(status=_ENDED, load_input=False, load_output=False)
    old = [one.workflow_id for one in ended if (one.updated_at or 0) < before_s * 1000.0]
    if old:
        dbos.delete_workflows(old)
    return len(old)
