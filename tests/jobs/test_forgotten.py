"""Submissions that come to no end, and jobs whose work has vanished: nothing waits for ever."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from petrography.errors import (
    AnalysisEndedError,
    DatabaseUnavailableError,
    NotReadyError,
    StorageUnavailableError,
)
from service.jobs import forgotten
from service.jobs.callbacks import Callbacks
from service.jobs.durable_queue import DurableQueue, QueueClient
from service.jobs.forgotten import Forgotten
from service.jobs.operating import JobDesk
from tests.http_service import settings_for
from tests.jobs.one_job import OneJob, asked_job, one_job
from tests.jobs.running_jobs import WITHIN_S, running_jobs

FULL = OperationalError("INSERT", {}, Exception("database or disk is full"))


@dataclass
class Queue:
    """Stands in for the queue: what is enqueued again."""

    alive: set[str] = field(default_factory=set)
    enqueued: list[str] = field(default_factory=list)

    def live(self) -> set[str]:
        return self.alive

    def enqueue_again(self, analysis_id: str, _priority: str, _tenant: str) -> int:
        self.enqueued.append(analysis_id)
        return self.enqueued.count(analysis_id)

    def times(self, analysis_id: str) -> int:
        return self.enqueued.count(analysis_id)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgotten, "_FORGOTTEN_S", -1.0)


def mend(job: OneJob, queue: Queue) -> int:
    mending = Forgotten(job.catalogue, job.files, cast("Callbacks", job.told))
    return mending.mend(cast("DurableQueue", queue))


def test_an_unfinished_job_without_work_is_enqueued_and_given_up_in_the_end(tmp_path: Path) -> None:
    with one_job(tmp_path) as job:
        queue = Queue({job.analysis_id})
        assert mend(job, queue) == 0
        queue.alive.clear()
        job.catalogue.note(job.analysis_id, state="running")
        for _ in range(20):
            assert mend(job, queue) == 1
            assert job.record.state == "running"
        assert mend(job, queue) == 1
        assert job.record.state == "dead"
        assert mend(job, queue) == 0


def test_a_job_that_is_given_up_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with one_job(tmp_path) as job:
        job.catalogue.note(job.analysis_id, state="running")
        queue, note = Queue(enqueued=[job.analysis_id] * 20), job.catalogue.note

        def gone(*_: Any, **__: Any) -> bool:
            raise DatabaseUnavailableError("gone")

        monkeypatch.setattr(job.catalogue, "note", gone)
        with pytest.raises(DatabaseUnavailableError):
            mend(job, queue)
        monkeypatch.setattr(job.catalogue, "note", note)
        mend(job, queue)

        assert job.record.state == "dead"
        # Under one id, by which it is sent once.
        assert len(job.told.messages) == 2
        assert {message[:2] for message in job.told.messages} == {(job.analysis_id, "dead")}
        assert len(set(job.told.messages)) == 1
        assert mend(job, queue) == 0


def test_a_record_without_files_fails_and_its_key_can_be_used_again(tmp_path: Path) -> None:
    with one_job(tmp_path) as job:
        begun = job.catalogue.begin(asked_job("k"))
        assert mend(job, Queue({job.analysis_id})) == 1
        record = job.catalogue.get("", begun.analysis_id)
        assert record.state == "failed"
        assert record.problem is not None
        assert record.problem["status"] == 503
        again = job.catalogue.begin(asked_job("k"))
        assert (again.analysis_id, again.fresh) == (begun.analysis_id, True)


def test_an_unreadable_order_stops_nothing(tmp_path: Path) -> None:
    with one_job(tmp_path) as job:
        (tmp_path / "files" / job.analysis_id / "order.json").write_text("{")
        assert mend(job, Queue()) == 1
        assert job.record.state == "failed"


def test_a_cancellation_whose_process_died_is_told(tmp_path: Path) -> None:
    with one_job(tmp_path) as job:
        job.catalogue.note(job.analysis_id, state="cancelled")
        assert mend(job, Queue()) == 0
        assert [message[1] for message in job.told.messages] == ["cancelled"]
        assert job.files.kept() == {}


def test_a_retry_that_cannot_be_enqueued_leaves_the_job_as_it_was(tmp_path: Path) -> None:
    class Full:
        def enqueue_again(self, *_: Any) -> None:
            raise DatabaseUnavailableError("full")

    with one_job(tmp_path) as job:
        job.catalogue.note(job.analysis_id, state="dead", problem={"status": 503})
        desk = JobDesk(job.catalogue, job.files, cast("QueueClient", Full()))
        with pytest.raises(DatabaseUnavailableError):
            desk.retry(job.analysis_id)
        assert (job.record.state, job.record.problem) == ("dead", {"status": 503})


def test_of_two_operators_who_try_a_job_again_one_does(tmp_path: Path) -> None:
    asked: list[str] = []

    class Busy:
        """While one enqueues it, so does the other."""

        def enqueue_again(self, analysis_id: str, *_: Any) -> None:
            asked.append(analysis_id)
            job.catalogue.note(analysis_id, state="running")

    with one_job(tmp_path) as job:
        job.catalogue.note(job.analysis_id, state="dead", problem={"status": 503})
        desk = JobDesk(job.catalogue, job.files, cast("QueueClient", Busy()))
        found = job.record
        desk.retry(job.analysis_id)
        # Whoever has looked before the other one's change, and comes too late.
        get = job.catalogue.get
        looks = iter([found])
        job.catalogue.get = lambda *which: next(looks, None) or get(*which)  # type: ignore[method-assign]
        with pytest.raises(AnalysisEndedError, match="is running"):
            desk.retry(job.analysis_id)
        assert asked == [job.analysis_id]
        assert get("", job.analysis_id).state == "running"


@pytest.mark.anyio
async def test_a_submission_that_is_refused_takes_nothing_from_the_same_one_sent_again(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_jobs(settings_for(model_folder, tmp_path)) as service:
        loop, enqueue, ids = asyncio.get_running_loop(), DurableQueue.enqueue, list[str]()

        def slow(queue: DurableQueue, *job: Any) -> None:
            monkeypatch.setattr(DurableQueue, "enqueue", enqueue)
            again = asyncio.run_coroutine_threadsafe(service.submit(key="k"), loop)
            ids.append(again.result(WITHIN_S))
            raise DatabaseUnavailableError("locked")

        async with service.engine.admission.turn("interactive"):
            monkeypatch.setattr(DurableQueue, "enqueue", slow)
            with pytest.raises(DatabaseUnavailableError):
                await service.submit(key="k")
        assert await service.ended(ids[0]) == "done"


@pytest.mark.anyio
async def test_a_submission_sent_again_is_refused_with_the_first(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_jobs(settings_for(model_folder, tmp_path)) as service:
        enqueue = DurableQueue.enqueue

        def refused_meanwhile(queue: DurableQueue, analysis_id: str, *job: Any) -> None:
            service.catalogue.note(analysis_id, state="failed", problem={"status": 503})
            enqueue(queue, analysis_id, *job)

        async with service.engine.admission.turn("interactive"):
            first = await service.submit(key="k")
            monkeypatch.setattr(DurableQueue, "enqueue", refused_meanwhile)
            with pytest.raises(NotReadyError, match="send it again"):
                await service.submit(key="k")
        assert (await service.jobs.record("", first)).state == "failed"


@pytest.mark.anyio
async def test_a_submission_that_cannot_be_kept_or_enqueued_leaves_nothing(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def full_queue(*_: Any) -> None:
        raise FULL

    async with running_jobs(settings_for(model_folder, tmp_path)) as service:
        for broken, trouble, error in (
            ("service.jobs.job_files.sync_folder", full_disk, StorageUnavailableError),
            (
                "service.jobs.durable_queue.DBOS.enqueue_workflow_with_options",
                full_queue,
                DatabaseUnavailableError,
            ),
        ):
            with monkeypatch.context() as patched:
                patched.setattr(broken, trouble)
                with pytest.raises(error):
                    await service.submit(key="k")
            assert list((tmp_path / "jobs" / "files").iterdir()) == []
            assert service.catalogue.waiting_jobs("") == 0
        assert await service.ended(await service.submit(key="k")) == "done"
