"""What looks after jobs in the background outlives every trouble."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from petrography.errors import DatabaseUnavailableError
from service.catalogue import Catalogue, database_url
from service.jobs import jobs as jobs_module
from service.jobs.job_database import JobDatabase
from service.jobs.opening_files import open_job_files
from service.jobs.tidying import Tidying
from service.settings import Settings
from tests.http_service import settings_for
from tests.jobs.running_jobs import running_jobs

pytestmark = pytest.mark.anyio


def test_a_queue_that_is_locked_or_no_database_is_told_as_such(tmp_path: Path) -> None:
    database = JobDatabase.of(Settings(artefacts_folder=tmp_path))
    assert database.file is not None
    database.file.parent.mkdir()
    database.file.write_bytes(b"no database" * 100)
    with pytest.raises(DatabaseUnavailableError, match="does not answer: file is not a database"):
        database.prepare()


@pytest.mark.parametrize("trouble", [sqlite3.OperationalError("full"), KeyError("?")])
async def test_jobs_are_taken_after_whatever_stood_in_the_way_of_the_start(
    trouble: Exception, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles, prepare = [trouble], JobDatabase.prepare

    def troubled(database: JobDatabase) -> None:
        if troubles:
            raise troubles.pop()
        prepare(database)

    monkeypatch.setattr(JobDatabase, "prepare", troubled)
    monkeypatch.setattr(jobs_module, "_LOOK_S", 0.01)
    async with running_jobs(settings_for(model_folder, tmp_path)) as service:
        assert await service.ended(await service.submit()) == "done"
    assert troubles == []


async def test_what_went_wrong_while_looking_after_is_not_the_end_of_it(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    def failing(_self: Tidying, _queue: Any) -> None:
        looks.append("failed")
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(Tidying, "look_after", failing)
    monkeypatch.setattr(jobs_module, "_LOOK_S", 0.01)
    async with running_jobs(settings_for(model_folder, tmp_path)) as service:
        await service.ended(await service.submit())
        await service.ended(await service.submit())
        assert len(looks) > 1
    # Stopped in spite of it: another service in this process can work on jobs.
    monkeypatch.undo()
    async with running_jobs(settings_for(model_folder, tmp_path)) as service:
        assert await service.ended(await service.submit()) == "done"


class Queue:
    """A queue that knows nothing, and keeps what it is asked to."""

    def __init__(self) -> None:
        self.enqueued: list[str] = []

    def adopt(self) -> int:
        return 0

    def live(self) -> set[str]:
        return set()

    def enqueue_again(self, analysis_id: str, _priority: str, _tenant: str) -> int:
        self.enqueued.append(analysis_id)
        return 1

    def forget(self, _before_s: float) -> int:
        return 0


def test_an_order_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(artefacts_folder=tmp_path)
    queue: Any = Queue()
    catalogue = Catalogue(database_url(settings))
    catalogue.open()
    files = tmp_path / "jobs" / "files"
    for content in ("{", "{}", "\udcff"):
        folder = files / f"job-{len(content.encode('utf-8', 'surrogateescape'))}{content[:1]!r}"
        folder.mkdir(parents=True)
        (folder / "order.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    monkeypatch.setattr("service.jobs.forgotten._FORGOTTEN_S", -1.0)
    Tidying(settings, catalogue, open_job_files(settings), None).look_after(queue)
    assert queue.enqueued == []
    catalogue.close()
