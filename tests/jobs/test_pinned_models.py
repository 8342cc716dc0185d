"""A job runs with the version of its model that its submission was answered with, or not at all."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from petrography.errors import ModelNotFoundError
from service.catalogue import NewAnalysis
from service.engine import ANALYSES
from service.jobs import job_runner
from tests.databases import sqlite_url
from tests.http_service import settings_for
from tests.jobs.one_job import asked_job, one_job
from tests.jobs.running_jobs import WITHIN_S, Running, running_jobs
from tests.tiny_model import write_model

pytestmark = pytest.mark.anyio


@pytest.fixture
async def service(model_folder: Path, tmp_path: Path) -> AsyncIterator[Running]:
    settings = settings_for(
        model_folder, tmp_path / "kept", models_reload_s=0.0, concurrent_interactive=0
    )
    async with running_jobs(settings) as running:
        yield running


async def until_served(service: Running, wanted: list[int]) -> None:
    service.engine.readiness.reload()
    async with asyncio.timeout(WITHIN_S):
        while [one.card.version for one in service.engine.repository] != wanted:
            await asyncio.sleep(0.01)


async def waiting_job(service: Running, **asked: object) -> tuple[str, str]:
    """Hand in a job that runs and one that waits behind it."""
    running = await service.submit()
    await service.until(running, lambda record: record.state == "running")
    return running, await service.submit(**asked)


def result_of(service: Running, analysis_id: str) -> Any:
    with service.engine.store.open(ANALYSES, analysis_id, "result.json").file as file:
        return json.load(file)


@pytest.mark.parametrize("asked", [None, "tiny"])
async def test_a_new_version_does_not_take_over_what_waits(
    service: Running, model_folder: Path, asked: str | None
) -> None:
    async with service.engine.admission.turn("bulk"):
        running, waiting = await waiting_job(service, model=asked)
        assert (await service.jobs.record("", waiting)).model == "tiny:1"
        write_model(model_folder, version=2)
        await until_served(service, [1, 2])
    assert [await service.ended(one) for one in (running, waiting)] == ["done", "done"]

    result = result_of(service, waiting)
    assert (result["model"]["name"], result["model"]["version"]) == ("tiny", 1)
    # What the client asked for stays what it asked for.
    assert result["provenance"]["request"]["model"] == asked
    assert (await service.jobs.record("", waiting)).model == "tiny:1"


async def test_a_version_that_was_taken_out_fails_what_waits_by_its_name(
    service: Running, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "_OTHERS_LOAD_S", 0.0)
    async with service.engine.admission.turn("bulk"):
        _, waiting = await waiting_job(service)
        write_model(model_folder, version=2)
        await until_served(service, [1, 2])
        shutil.rmtree(model_folder / "tiny" / "1")
        await until_served(service, [2])
    record = await service.until(waiting)

    assert (record.state, record.model) == ("failed", "tiny:1")
    assert record.problem is not None
    assert record.problem["type"] == "urn:petroserve:problem:model-not-found"
    assert "'tiny:1' is not served; served are tiny:2" in record.problem["detail"]


def test_a_version_that_this_process_has_yet_to_load_is_waited_for(tmp_path: Path) -> None:
    looks: list[str] = []

    class Served:
        def get(self, wanted: str) -> None:
            looks.append(wanted)
            if len(looks) < 3:
                raise ModelNotFoundError(wanted)

    with one_job(tmp_path, model="tiny:2") as job:
        vars(job.engine)["repository"] = Served()
        assert job.work() == "done"
    assert looks == ["tiny:2"] * 3


def test_what_is_begun_again_is_told_with_the_model_that_it_gets(
    tmp_path: Path, open_catalogue: Any
) -> None:
    catalogue = open_catalogue(sqlite_url(tmp_path))
    asked: NewAnalysis = asked_job("k")
    first = catalogue.begin(asked)
    catalogue.note(first.analysis_id, state="failed", problem={"status": 503})

    assert catalogue.begin(replace(asked, model="tiny:2")).fresh
    assert catalogue.get("", first.analysis_id).model == "tiny:2"
    assert catalogue.get("", first.analysis_id).created_utc < datetime.now(UTC)
