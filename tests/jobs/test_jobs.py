"""Jobs over a real engine: taken, worked on, told, cancelled, given up, tried again."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from petrography.errors import (
    AnalysisEndedError,
    AnalysisNotFoundError,
    DamagedJobError,
    IdempotencyConflictError,
    InvalidParameterError,
    ModelNotFoundError,
    OverloadedError,
    PetroserveError,
    StorageUnavailableError,
)
from service.audit import entries_of
from service.engine import ANALYSES
from service.jobs import changes_of
from service.jobs.job_files import JobFiles
from service.jobs.operating import opened_desk
from tests.http_service import settings_for, watch_runs
from tests.jobs.kept_job import kept_job
from tests.jobs.running_jobs import FIELD, WITHIN_S, Running, running_jobs, submission

pytestmark = pytest.mark.anyio

QUICK = {"job_pause_s": 0.0, "job_tries": 3}


def job_folders(folder: Path) -> list[Path]:
    return list((folder / "jobs" / "files").glob("*"))


async def test_a_job_is_done_once_and_leaves_a_result(model_folder: Path, tmp_path: Path) -> None:
    async with running_jobs(settings_for(model_folder, tmp_path)) as service:
        first = await service.submit(key="k")
        assert await service.submit(key="k") == first
        assert await service.ended(first) == "done"
        # The key still leads to the analysis, and nothing is done again.
        assert await service.submit(key="k") == first
        record = await service.jobs.record("", first)
        assert (record.progress_fraction, record.status) == (1.0, "preliminary")
        with service.engine.store.open(ANALYSES, first, "result.json").file as file:
            assert first.encode() in file.read()
        assert len(list((tmp_path / "analyses").iterdir())) == 1
        with pytest.raises(IdempotencyConflictError):
            await service.submit(key="k", um_per_px=2.0)
        with pytest.raises(AnalysisEndedError, match="is done"):
            await service.jobs.cancel("", first)
        with pytest.raises(AnalysisNotFoundError):
            await service.jobs.cancel("another tenant", first)
        changes = [change async for change in changes_of(lambda: record)]
        assert [one.record.state for one in changes if one is not None] == ["done"]


async def test_what_cannot_be_done_is_refused_at_once_or_fails_with_the_reason(
    model_folder: Path, tmp_path: Path
) -> None:
    async with running_jobs(settings_for(model_folder, tmp_path, jobs_queued=1)) as service:
        for asked, error in (
            ({"model": "gold"}, ModelNotFoundError),
            ({"association": "S99"}, InvalidParameterError),
            ({"callback": "https://example.org/x"}, InvalidParameterError),
        ):
            with pytest.raises(error):
                await service.submit(**asked)
        assert job_folders(tmp_path) == []

        damaged = await service.submit(FIELD[:-30])
        record = await service.until(damaged)
        assert record.state == "failed"
        assert record.problem is not None
        assert record.problem["type"] == "urn:petroserve:problem:damaged-image"
        assert record.problem["instance"] == f"/v1/analyses/{damaged}"


async def test_too_many_waiting_jobs_are_refused(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(model_folder, tmp_path, jobs_queued=1, concurrent_interactive=0)
    async with running_jobs(settings) as service, held_turn(service):
        # One has the turn that is held, one is ready for the next.
        running = [await service.submit()]
        await service.until(running[0], lambda record: record.state == "running")
        running.append(await service.submit())
        await service.until(running[1], lambda record: record.state == "running")
        waiting = await service.submit()
        with pytest.raises(OverloadedError, match="1 jobs of this tenant wait"):
            await service.submit()
        for one in (waiting, *running):
            assert (await service.jobs.cancel("", one)).state == "cancelled"
        assert job_folders(tmp_path) == []


async def test_a_small_image_is_not_kept_waiting_by_any_number_of_large_ones(
    model_folder: Path, tmp_path: Path
) -> None:
    async with running_jobs(settings_for(model_folder, tmp_path)) as service:
        async with held_turn(service):
            large = [replace(submission(), priority="bulk") for _ in range(6)]
            begun = [await service.jobs.submit(one) for one in large]
            small = await service.jobs.submit(replace(submission(), priority="interactive"))
            assert await service.ended(small.analysis_id) == "done"
            records = [await service.jobs.record("", one.analysis_id) for one in begun]
            assert {one.state for one in records} == {"running", "queued"}
        assert [await service.ended(one.analysis_id) for one in begun] == ["done"] * 6


async def test_a_running_job_is_cancelled_and_leaves_nothing(
    model_folder: Path, tmp_path: Path
) -> None:
    async with running_jobs(settings_for(model_folder, tmp_path)) as service:
        at_tile, go_on = hold_tiles(service)
        running = await service.submit()
        assert await asyncio.to_thread(at_tile.wait, WITHIN_S)
        record = await service.jobs.cancel("", running)
        assert record.problem is not None
        assert record.problem["status"] == 409
        assert (await service.jobs.cancel("", running)).state == "cancelled"
        go_on.set()
        # The next one has the turn only when the first has left it.
        assert await service.ended(await service.submit()) == "done"
        assert len(list((tmp_path / "analyses").iterdir())) == 1
        assert (await service.jobs.record("", running)).state == "cancelled"


async def test_a_cancellation_whose_process_was_killed_is_put_on_record_by_the_next(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise Killed

    settings = settings_for(model_folder, tmp_path)
    async with running_jobs(settings) as service, held_turn(service):
        waiting = await service.submit()
        with monkeypatch.context() as broken:
            broken.setattr("service.jobs.jobs.finish_cancelled", killed)
            with pytest.raises(Killed):
                await service.jobs.cancel("", waiting)
        for _ in range(2):
            assert (await service.jobs.cancel("", waiting)).state == "cancelled"
    events = [one.event for one in entries_of(settings.audit_log_folder) if one.subject == waiting]
    assert events == ["analysis.cancelled"]


async def test_a_full_disk_is_survived_and_a_dead_job_can_be_tried_again(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(model_folder, tmp_path, **QUICK)
    tries: list[str] = []
    async with running_jobs(settings) as service:
        publish = service.engine.store.publish

        def full(*_: Any) -> None:
            tries.append("full")
            raise OSError(errno.ENOSPC, "No space left on device")

        def full_at_first(*told: Any) -> None:
            if len(tries) == 2:
                return publish(*told)
            return full()

        monkeypatch.setattr(service.engine.store, "publish", full_at_first)
        assert await service.ended(await service.submit()) == "done"

        monkeypatch.setattr(service.engine.store, "publish", full)
        dead = await service.submit()
        record = await service.until(dead)
        assert record.state == "dead"
        assert record.problem is not None
        assert record.problem["status"] == 503
        assert "No space left on device" in record.problem["detail"]
        assert len(tries) == 2 + 3

        monkeypatch.setattr(service.engine.store, "publish", publish)
        with opened_desk(settings) as desk:
            await asyncio.to_thread(desk.retry, dead)
            assert await service.ended(dead) == "done"
            # Its files are removed a moment after it is done.
            with pytest.raises(PetroserveError, match=r"is done|are not kept"):
                desk.retry(dead)


async def test_a_submission_onto_a_full_disk_leaves_nothing(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_jobs(settings_for(model_folder, tmp_path)) as service:

        def full(_descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr("service.jobs.job_files.os.fsync", full)
            with pytest.raises(StorageUnavailableError, match="No space left on device"):
                await service.submit(key="k")
        assert job_folders(tmp_path) == []
        assert await service.ended(await service.submit(key="k")) == "done"


async def test_a_job_goes_on_in_the_next_process(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(model_folder, tmp_path)
    async with running_jobs(settings) as service:
        at_tile, go_on = hold_tiles(service)
        running, waiting = await service.submit(), await service.submit()
        assert await asyncio.to_thread(at_tile.wait, WITHIN_S)
        threading.Timer(0.5, go_on.set).start()
    async with running_jobs(settings) as service:
        assert await service.ended(running) == "done"
        assert await service.ended(waiting) == "done"


def test_what_was_uploaded_is_compared_with_its_digest(tmp_path: Path) -> None:
    files = JobFiles(tmp_path)
    order = kept_job(files, "a")
    with files.open("a") as job:
        assert job.files["image"].read() == FIELD
        assert job.files["image"].read_start(8) == FIELD[:8]
        assert job.order == order
    (tmp_path / "a" / "0").write_bytes(FIELD[:-1] + b"x")
    with pytest.raises(DamagedJobError, match="not the one that was uploaded"), files.open("a"):
        pass
    with pytest.raises(DamagedJobError, match="not there"):
        files.order("b")
    files.remove("a")
    assert files.kept() == {}


def hold_tiles(service: Running) -> tuple[threading.Event, threading.Event]:
    """Let the first tile reach its network and wait there."""
    at_tile, go_on = threading.Event(), threading.Event()
    loaded = service.engine.repository.get("tiny")
    original: Callable[..., None] | None = loaded.observe

    def observe(*told: Any, **more: Any) -> None:
        at_tile.set()
        assert go_on.wait(WITHIN_S)
        if original is not None:
            original(*told, **more)

    watch_runs(loaded, observe)
    return at_tile, go_on


def held_turn(service: Running) -> Any:
    """Hold the turn of large work."""
    return service.engine.admission.turn("bulk")
