"""The durable queue alone: what is done once, what is done again, and by whom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from petrography.errors import NotReadyError
from service.jobs.durable_queue import DurableQueue, QueueClient
from service.jobs.ends import StoppingError
from service.jobs.job_database import JobDatabase
from service.jobs.job_runner import Step
from service.jobs.slots import FileSlots, PostgresSlots, held_slot
from service.settings import Settings
from tests.databases import fresh_postgresql

WITHIN_S = 60.0


def database_in(folder: Path) -> JobDatabase:
    file = folder / "queue.sqlite"
    return JobDatabase(f"sqlite:///{file}", file, folder / "slots")


@contextmanager
def started(database: JobDatabase, work: Callable[[str, Step], None]) -> Iterator[DurableQueue]:
    queue = DurableQueue(database, work, concurrent=1)
    queue.start()
    try:
        yield queue
    finally:
        queue.stop()


def test_a_stopped_job_goes_on_behind_its_last_step_in_the_next_process(tmp_path: Path) -> None:
    calls: list[str] = []
    at_second, done = threading.Event(), threading.Event()

    def stopped(analysis_id: str, step: Step) -> None:
        def second() -> None:
            at_second.set()
            raise StoppingError

        assert step("first", lambda: calls.append("first") or {"is": 1}) == {"is": 1}
        step("second", second)

    def resumed(analysis_id: str, step: Step) -> None:
        assert step("first", lambda: calls.append("again")) == {"is": 1}
        step("second", lambda: calls.append("second"))
        done.set()

    with started(database_in(tmp_path), stopped) as queue:
        queue.enqueue("a", "bulk")
        assert at_second.wait(WITHIN_S)
    with started(database_in(tmp_path), resumed):
        assert done.wait(WITHIN_S)
    assert calls == ["first", "second"]


def test_one_queue_a_process(tmp_path: Path) -> None:
    with (
        started(database_in(tmp_path), lambda _id, _step: None),
        pytest.raises(NotReadyError, match="one a process"),
    ):
        DurableQueue(database_in(tmp_path), lambda _id, _step: None, concurrent=1).start()


def test_an_ended_job_is_enqueued_again_from_outside(tmp_path: Path) -> None:
    worked: list[str] = []
    rounds = [threading.Event(), threading.Event()]

    def work(analysis_id: str, step: Step) -> None:
        worked.append(analysis_id)
        rounds[len(worked) - 1].set()

    with started(database_in(tmp_path), work) as queue:
        queue.enqueue("a", "bulk")
        assert rounds[0].wait(WITHIN_S)
        client = QueueClient(database_in(tmp_path))
        client.enqueue_again("a", "bulk")
        client.close()
        assert rounds[1].wait(WITHIN_S)
    assert worked == ["a", "a"]


def test_what_another_process_has_enqueued_again_is_worked_on_once(tmp_path: Path) -> None:
    worked: list[str] = []
    rounds = [threading.Event(), threading.Event()]
    go_on = threading.Event()

    def work(analysis_id: str, step: Step) -> None:
        worked.append(analysis_id)
        rounds[min(len(worked), 2) - 1].set()
        if len(worked) > 1:
            assert go_on.wait(WITHIN_S)

    with started(database_in(tmp_path), work) as queue:
        queue.enqueue("a", "bulk")
        assert rounds[0].wait(WITHIN_S)
        until(lambda: not queue.live())
        # Both have found that nobody works on it.
        assert [queue.enqueue_again("a", "bulk") for _ in range(2)] == [2, 2]
        assert rounds[1].wait(WITHIN_S)
        assert queue.enqueue_again("a", "bulk") == 2
        assert queue.times("a") == 2
        go_on.set()
        until(lambda: not queue.live())
    assert worked == ["a", "a"]


def until(condition: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < give_up_s
        time.sleep(0.02)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_jobs_of_a_slot_are_taken_over_when_nobody_holds_it(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresSlots, "grace_s", 0.0)
    server = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    url = None if server is None else fresh_postgresql(server)
    database = JobDatabase.of(Settings(artefacts_folder=tmp_path, database_url=url))
    begun, taken = threading.Event(), threading.Event()

    def left(analysis_id: str, step: Step) -> None:
        begun.set()
        raise StoppingError

    with started(database, left) as queue:
        queue.enqueue("a", "bulk")
        assert begun.wait(WITHIN_S)
    lock = database.slots().take(1)
    assert lock is not None
    with started(database, lambda _id, _step: taken.set()) as queue:
        # Somebody holds the first slot: he may be at work.
        assert queue.adopt() == 0
        lock.release()
        assert queue.adopt() == 1
        assert taken.wait(WITHIN_S)
        assert queue.adopt() == 0


def test_slots_are_held_by_one_and_free_again(tmp_path: Path) -> None:
    slots = FileSlots(tmp_path)
    first, second = held_slot(slots), held_slot(slots)
    assert (first.name, second.name) == ("slot-1", "slot-2")
    asked: list[str] = []
    assert not second.while_free("slot-1", lambda: asked.append("taken"))
    assert not second.while_free("slot-2", lambda: asked.append("own"))
    assert not second.while_free("no slot", lambda: asked.append("strange"))
    first.release()
    assert second.while_free("slot-1", lambda: asked.append("free"))
    assert asked == ["free"]
    assert held_slot(slots).name == "slot-1"
    second.release()
