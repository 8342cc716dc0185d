"""The durable queue: DBOS around one workflow, in a process that works and in one that asks.

DBOS is one a process. It starts when the first job comes, or at once where there were jobs before,
so that a service without jobs has neither its threads nor its file.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from dbos import (
    DBOS,
    DBOSClient,
    DBOSConfig,
    EnqueueOptions,
    Serializer,
    SetEnqueueOptions,
    SetWorkflowID,
)
from dbos import error as dbos_error

from petrography.errors import NotReadyError
from service.jobs.job_database import JobDatabase
from service.jobs.job_runner import Step
from service.jobs.slots import HeldSlot, held_slot
from service.runtime import Priority

__all__ = ["DurableQueue", "QueueClient"]

QUEUE = "analyses"
WORKFLOW = "analysis"
_NAME = "petroserve"
# What a workflow of this version recorded, a later one with the same version can go on with: to be
# counted up when the steps of the workflow change.
_VERSION = "1"
_POLL_S = 0.25
_SCHEMA = "petroserve_jobs"
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_WAITING = ["ENQUEUED", "DELAYED", "PENDING"]
_RANKS: dict[Priority, int] = {"interactive": 1, "bulk": 10}
_log = logging.getLogger("petroserve.jobs")
_one_a_process = threading.Lock()


class _Json(Serializer):
    """Workflows hold JSON: nothing that is read back can run code, as a pickle could."""

    def serialize(self, data: Any) -> str:
        return json.dumps(data, default=repr)

    def deserialize(cls, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "json"


class _Forward(logging.Handler):
    """DBOS's warnings in the log of the service."""

    def emit(self, record: logging.LogRecord) -> None:
        _log.handle(record)


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
        Jobs that are worked on at the same time in this process.
    """

    def __init__(
        self, database: JobDatabase, work: Callable[[str, Step], None], *, concurrent: int
    ) -> None:
        self._database = database
        self._work = work
        self._concurrent = concurrent
        self._slot: HeldSlot | None = None
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
        try:
            self._database.prepare()
            self._slot = held_slot(self._database.slots())
            self._launch(self._slot.name)
        except dbos_error.DBOSException as troubled:
            self.stop()
            raise NotReadyError(str(troubled)) from troubled
        except BaseException:
            self.stop()
            raise

    def _launch(self, slot: str) -> None:
        _log_through_ours()
        self._prepare_queue()
        DBOS(config=_configuration(self._database.url, slot))

        def analysis(analysis_id: str) -> None:
            self._work(analysis_id, lambda name, call: DBOS.run_step({"name": name}, call))

        # The work itself counts how often a job has killed its process.
        self._workflow = DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)(analysis)
        DBOS.launch()

    def _prepare_queue(self) -> None:
        """Make the queue before DBOS looks for queues, which it does once a second."""
        DBOS.migrate(self._database.url, schema=_SCHEMA)
        client = _client_of(self._database)
        try:
            client.register_queue(
                QUEUE,
                worker_concurrency=self._concurrent,
                polling_interval_sec=_POLL_S,
                application_name=_NAME,
            )
        finally:
            client.destroy()

    def stop(self) -> None:
        """Stop; what was not recorded as done is done again by the next process. Blocks."""
        DBOS.destroy(destroy_registry=True)
        if self._slot is not None:
            self._slot.release()
            self._slot = None
        self._workflow = None
        _one_a_process.release()

    def enqueue(self, analysis_id: str, priority: Priority) -> None:
        """Enqueue a job; the same id is worked on once, however often this is called."""
        if self._workflow is None:
            msg = "jobs cannot be taken yet; try again in a few seconds"
            raise NotReadyError(msg)
        with SetWorkflowID(analysis_id), SetEnqueueOptions(priority=_RANKS[priority]):
            DBOS.enqueue_workflow(QUEUE, self._workflow, analysis_id)

    def known(self, analysis_ids: Iterable[str]) -> set[str]:
        """Find those of some jobs that were ever enqueued."""
        wanted = list(analysis_ids)
        if not wanted:
            return set()
        found = DBOS.list_workflows(workflow_ids=wanted, load_input=False, load_output=False)
        return {one.workflow_id for one in found}

    def adopt(self) -> int:
        """Take over the jobs that no living process works on.

        Returns
        -------
        int
            How many.
        """
        slot, adopted = self._slot, 0
        running = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        for owner in {one.executor_id for one in running if one.executor_id is not None}:
            if slot is None:
                break

            def take_over(owner: str = owner) -> None:
                nonlocal adopted
                # Read again now that nobody can begin work in the name of the slot.
                for one in DBOS.list_workflows(
                    status="PENDING", executor_id=owner, load_input=False, load_output=False
                ):
                    DBOS.resume_workflow(one.workflow_id, queue_name=QUEUE)
                    adopted += 1

            slot.while_free(owner, take_over)
        return adopted

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
        _log_through_ours()
        self._client = _client_of(database)

    def close(self) -> None:
        """Close its connections."""
        self._client.destroy()

    def enqueue_again(self, analysis_id: str, priority: Priority) -> None:
        """Enqueue a job that ended."""
        before = self._client.list_workflows(
            workflow_id_prefix=analysis_id, load_input=False, load_output=False
        )
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": f"{analysis_id}:{len(before) + 1}",
            "app_version": _VERSION,
            "priority": _RANKS[priority],
            "application_name": _NAME,
        }
        self._client.enqueue(options, analysis_id)

    def forget(self, before_s: float) -> int:
        """Forget the workflows that ended before a time, in seconds since 1970."""
        return _forget(self._client, before_s)


def _client_of(database: JobDatabase) -> DBOSClient:
    return DBOSClient(
        system_database_url=database.url,
        dbos_system_schema=_SCHEMA,
        serializer=_Json(),
        application_name=_NAME,
        # Who asks is told that the database does not answer, and does not hang.
        retry_connection_errors=False,
    )


def _forget(dbos: Any, before_s: float) -> int:
    ended = dbos.list_workflows(status=_ENDED, load_input=False, load_output=False)
    old = [one.workflow_id for one in ended if (one.updated_at or 0) < before_s * 1000.0]
    if old:
        dbos.delete_workflows(old)
    return len(old)


def _configuration(url: str, slot: str) -> DBOSConfig:
    return {
        "name": _NAME,
        "system_database_url": url,
        "dbos_system_schema": _SCHEMA,
        "executor_id": slot,
        "application_version": _VERSION,
        "serializer": _Json(),
        "log_level": "WARNING",
        "enable_otlp": False,
    }


def _log_through_ours() -> None:
    """DBOS writes to the console only where nobody listens to its logger."""
    logger = logging.getLogger("dbos")
    if not any(isinstance(one, _Forward) for one in logger.handlers):
        logger.addHandler(_Forward())
        logger.propagate = False
        logger.setLevel(logging.WARNING)
