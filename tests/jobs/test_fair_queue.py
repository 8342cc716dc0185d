"""Whose stored job is next: interactive ones have workers of their own, tenants take turns."""

from __future__ import annotations

import heapq
import itertools
import threading
from contextlib import closing
from pathlib import Path

import pytest
from dbos import EnqueueOptions

from service.jobs.durable_queue import QueueClient
from service.jobs.ends import StoppingError
from service.jobs.fair_rank import FIRST_RANK, QueueRanks, rank_after
from service.jobs.job_database import JobDatabase
from service.jobs.job_runner import Step
from service.jobs.slots import PostgresSlots
from service.settings import Settings
from tests.databases import fresh_postgresql
from tests.jobs.test_durable_queue import WITHIN_S, database_in, started


class Held:
    """Work that notes what it is given, and goes on when it is let.

    Parameters
    ----------
    last : str
        When this one was worked on, `all_done` is set.
    """

    def __init__(self, last: str) -> None:
        self.order: list[str] = []
        self.begun, self.go_on, self.all_done = (threading.Event() for _ in range(3))
        self._last = last

    def __call__(self, analysis_id: str, _step: Step) -> None:
        self.order.append(analysis_id)
        self.begun.set()
        assert self.go_on.wait(WITHIN_S)
        if analysis_id == self._last:
            self.all_done.set()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> JobDatabase:
    if request.param == "sqlite":
        return database_in(tmp_path)
    monkeypatch.setattr(PostgresSlots, "grace_s", 0.0)
    url = fresh_postgresql(request.getfixturevalue("postgresql"))
    return JobDatabase.of(Settings(artefacts_folder=tmp_path, database_url=url))


def test_tenants_take_turns_whoever_came_first_and_with_how_many(database: JobDatabase) -> None:
    work = Held(last="a6")
    with started(database, work) as queue:
        for number in range(1, 5):
            queue.enqueue(f"a{number}", "bulk", "a")
        assert work.begun.wait(WITHIN_S)
        for one in ("b1", "b2", "c1"):
            queue.enqueue(one, "bulk", one[0])
        # Who has had a turn comes behind, also from beside the service.
        client = QueueClient(database)
        client.enqueue_again("a5", "bulk", "a")
        client.close()
        queue.enqueue("c1", "bulk", "c")
        assert queue.enqueue_again("a6", "bulk", "a") == 1
        work.go_on.set()
        assert work.all_done.wait(WITHIN_S)
    assert work.order == ["a1", "b1", "c1", "a2", "b2", "a3", "a4", "a5", "a6"]


def test_an_interactive_job_waits_for_no_bulk_one(tmp_path: Path) -> None:
    small = threading.Event()
    bulk = Held(last="large 2")

    def work(analysis_id: str, step: Step) -> None:
        small.set() if analysis_id == "small" else bulk(analysis_id, step)

    with started(database_in(tmp_path), work) as queue:
        queue.enqueue("large 1", "bulk")
        queue.enqueue("large 2", "bulk")
        assert bulk.begun.wait(WITHIN_S)
        queue.enqueue("small", "interactive")
        assert queue.live() == {"large 1", "large 2", "small"}
        assert small.wait(WITHIN_S)
        assert bulk.order == ["large 1"]
        bulk.go_on.set()
        assert bulk.all_done.wait(WITHIN_S)


def test_jobs_of_the_version_with_one_queue_are_done_first(database: JobDatabase) -> None:
    work = Held(last="new")
    work.go_on.set()
    with started(database, work):
        pass
    # As versions up to 0.1 enqueued: one queue, two ranks, no tenant.
    database.prepare()
    client = QueueClient(database)
    client.enqueue_again("new", "bulk", "a")
    for name, rank in (("old bulk", 10), ("old small", 1)):
        older: EnqueueOptions = {
            "workflow_name": "analysis",
            "queue_name": "analyses",
            "workflow_id": name,
            "app_version": "1",
            "priority": rank,
            "application_name": "petroserve",
        }
        client._client.enqueue(older, name)
    client.close()
    with started(database, work):
        assert work.all_done.wait(WITHIN_S)
    assert work.order == ["old small", "old bulk", "new"]


def test_turns_and_workers_outlive_the_process(database: JobDatabase) -> None:
    begun, small_done, bulk = threading.Event(), threading.Event(), Held(last="a2")

    def left(_analysis_id: str, _step: Step) -> None:
        begun.set()
        raise StoppingError

    def work(analysis_id: str, step: Step) -> None:
        small_done.set() if analysis_id == "small" else bulk(analysis_id, step)

    with started(database, left) as queue:
        queue.enqueue("small", "interactive", "s")
        assert begun.wait(WITHIN_S)
    # While nobody works: what the first process had begun would be adopted later, out of its turn.
    with closing(QueueClient(database)) as client:
        for one in ("a1", "a2", "b1"):
            client.enqueue_again(one, "bulk", one[0])
    lock = database.slots().take(1)
    assert lock is not None
    with started(database, work) as queue:
        lock.release()
        assert bulk.begun.wait(WITHIN_S)
        # The worker of the bulk jobs is held: what was begun goes back to those of its own kind.
        queue.adopt()
        assert small_done.wait(WITHIN_S)
        bulk.go_on.set()
        assert bulk.all_done.wait(WITHIN_S)
    assert bulk.order == ["a1", "b1", "a2"]


def test_nobody_starves_and_nobody_is_before_his_turn() -> None:
    """A backlog, somebody who sends twenty whenever his are done, and a late newcomer."""
    waiting: list[tuple[int, int, str]] = []
    ticks, order = itertools.count(), []
    begun = (0, "nobody")

    def hand_in(tenant: str) -> None:
        own = [rank for rank, _, whose in waiting if whose == tenant]
        own += [begun[0]] if begun[1] == tenant else []
        oldest = min(waiting, key=lambda one: one[1], default=(None,))[0]
        rank = rank_after([begun[0]], oldest, max(own, default=None))
        heapq.heappush(waiting, (rank, next(ticks), tenant))

    for _ in range(400):
        hand_in("backlog")
    for turn in range(300):
        rank, _, tenant = heapq.heappop(waiting)
        begun = (rank, tenant)
        order.append(tenant)
        if not any(whose == "again" for _, _, whose in waiting) and tenant != "again":
            for _ in range(20):
                hand_in("again")
        if turn == 150:
            hand_in("newcomer")
    assert 140 <= order.count("again") <= 155
    assert "newcomer" in order[151:153]
    in_a_row = max(len(list(group)) for _, group in itertools.groupby(order))
    assert in_a_row <= 2


class EmptyQueue:
    """A database of jobs in which none waits; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def list_workflows(self, **_: object) -> list[object]:
        self.asked += 1
        return []


def test_many_jobs_at_once_ask_the_database_a_few_times() -> None:
    database, ranks = EmptyQueue(), QueueRanks("analyses", "1")
    given = [ranks.next_rank(database, tenant) for tenant in ("a", "b") for _ in range(50)]
    assert given == 2 * list(range(FIRST_RANK, FIRST_RANK + 50))
    # For what is worked on, what has waited the longest, and the last of each tenant.
    assert database.asked == 4
