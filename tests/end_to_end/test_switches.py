"""Models are switched while clients analyse: none notices, and what was taken out is freed."""

from __future__ import annotations

import asyncio
import gc
import shutil
import weakref
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.catalogue import Begun, NewAnalysis
from service.engine import Engine
from tests.hostile.refusals import assert_problem
from tests.http_service import png, running_service, settings_for
from tests.tiny_model import CODES, paint, write_model

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("clean_environment")]

SWITCHES, CLIENTS, WITHIN_S = 3, 2, 120.0
INDICES = np.random.default_rng(4).integers(0, len(CODES), (60, 60))
FIELD = png(paint(INDICES))


async def analyse(client: httpx.AsyncClient, request: str = "{}") -> httpx.Response:
    files = {"image": ("field.png", FIELD), "request": (None, request)}
    return await client.post("/v1/analyses", files=files)


async def versions(client: httpx.AsyncClient) -> list[int]:
    listed = (await client.get("/v1/models")).json()["models"]
    assert all(one["state"] == "ready" for one in listed)
    return [one["version"] for one in listed]


async def until_served(client: httpx.AsyncClient, engine: Engine, wanted: list[int]) -> None:
    engine.readiness.reload()
    async with asyncio.timeout(WITHIN_S):
        while await versions(client) != wanted:
            await asyncio.sleep(0.01)


async def test_switches_under_load_fail_no_request_and_free_what_was(
    model_folder: Path, tmp_path: Path
) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts", models_reload_s=0.0)
    answered: Counter[int] = Counter()
    stop = asyncio.Event()
    async with running_service(settings) as (client, engine):

        async def one_client() -> None:
            while not stop.is_set():
                response = await analyse(client)
                assert response.status_code == 201, response.text
                answered[response.json()["model"]["version"]] += 1

        sessions = []
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(one_client())
            for version in range(2, SWITCHES + 2):
                sessions.append(weakref.ref(engine.repository.get("tiny").opened.labels))
                write_model(model_folder, version=version)
                await until_served(client, engine, [version - 1, version])
                before = answered[version]
                async with asyncio.timeout(WITHIN_S):
                    while answered[version] == before:
                        await asyncio.sleep(0.01)
                shutil.rmtree(model_folder / "tiny" / str(version - 1))
                await until_served(client, engine, [version])
            stop.set()
        gc.collect()

        assert set(answered) <= set(range(1, SWITCHES + 2))
        assert [session() for session in sessions] == [None] * SWITCHES
        metrics = (await client.get("/metrics")).text
        assert f'petroserve_model_changes_total{{outcome="loaded"}} {SWITCHES}.0' in metrics
        assert f'petroserve_model_changes_total{{outcome="removed"}} {SWITCHES}.0' in metrics
        assert 'petroserve_model_info{name="tiny",provider="cpu"' in metrics
        gone = await analyse(client, '{"model": "tiny:1"}')
        assert_problem(gone, 404, "is not served")


async def test_a_refused_version_is_told_and_the_others_go_on(
    model_folder: Path, tmp_path: Path
) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts", models_reload_s=0.01)
    async with running_service(settings) as (client, _):
        (write_model(model_folder, version=2) / "model.onnx").write_bytes(b"half")
        async with asyncio.timeout(WITHIN_S):
            while True:
                listed = (await client.get("/v1/models")).json()
                if [one["state"] for one in listed["not_served"]] == ["refused"]:
                    break
                await asyncio.sleep(0.01)

        assert "was altered" in listed["not_served"][0]["reason"]
        assert (await analyse(client)).json()["model"]["version"] == 1
        assert "petroserve_models_refused 1.0" in (await client.get("/metrics")).text


async def test_the_same_image_gets_the_same_version(model_folder: Path, tmp_path: Path) -> None:
    write_model(model_folder, version=2)
    (model_folder / "tiny" / "traffic.toml").write_text("[weights]\n1 = 1\n2 = 1\n")
    settings = settings_for(model_folder, tmp_path / "artefacts")
    got = set()
    async with running_service(settings) as (client, _):
        for number in range(6):
            image = png(paint((INDICES + number) % len(CODES)))
            answers = [
                await client.post("/v1/analyses", files={"image": ("field.png", image)})
                for _ in range(2)
            ]
            first, again = (answer.json()["model"]["version"] for answer in answers)
            assert first == again
            got.add(first)
        listed = (await client.get("/v1/models")).json()["models"]

    assert got == {1, 2}
    assert [one["weight"] for one in listed] == [0.5, 0.5]


async def test_a_switch_after_an_analysis_was_recorded_does_not_change_its_model(
    model_folder: Path, tmp_path: Path
) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts", models_reload_s=0.0)
    async with running_service(settings) as (client, engine):
        catalogue, loop = engine.recorded.catalogue, asyncio.get_running_loop()
        begin = catalogue.begin

        def begin_slowly(new: NewAnalysis) -> Begun:
            begun = begin(new)
            write_model(model_folder, version=2)
            shutil.rmtree(model_folder / "tiny" / "1")
            switching = until_served(client, engine, [2])
            asyncio.run_coroutine_threadsafe(switching, loop).result(WITHIN_S)
            return begun

        with pytest.MonkeyPatch.context() as slow:
            slow.setattr(catalogue, "begin", begin_slowly)
            made = await analyse(client, '{"model": "tiny:1"}')

        assert made.status_code == 201, made.text
        listed = (await client.get("/v1/analyses")).json()["analyses"]
        assert [one["model"] for one in listed] == ["tiny:1"]
        assert made.json()["model"]["version"] == 1
