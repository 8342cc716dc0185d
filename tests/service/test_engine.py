"""Admission, cancellation and the kept analyses, without any protocol."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.requests import ClientDisconnect

from petrography.errors import (
    AnalysisNotFoundError,
    DamagedImageError,
    InvalidParameterError,
    ModelCardError,
    ModelNotFoundError,
    NotReadyError,
    OverloadedError,
)
from petrography.pipeline import AnalysisRequest
from service.engine import ArtefactStore, Engine
from service.engine.admission import Admission
from service.http_api.disconnection import until_disconnect
from service.settings import Settings
from service.telemetry import Telemetry
from tests.http_service import png, settings_for
from tests.tiny_model import TILE_PX, paint, write_model

pytestmark = pytest.mark.anyio

WITHIN_S = 60.0
FIELD = png(paint(np.zeros((TILE_PX, 6 * TILE_PX), dtype=np.intp)))


class Gate(io.BytesIO):
    """An image file whose reading waits until it is let through."""

    def __init__(self, content: bytes = FIELD) -> None:
        super().__init__(content)
        self.reached = threading.Event()
        self.opened = threading.Event()

    def read(self, size: int | None = -1) -> bytes:
        self.reached.set()
        assert self.opened.wait(WITHIN_S)
        return super().read(size)


async def reached(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, WITHIN_S)


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[Engine]:
    engine = Engine(settings, Telemetry())
    async with engine.running():
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    engine.require_ready()
                    break
                except NotReadyError:
                    await asyncio.sleep(0.005)
        yield engine


@pytest.fixture
async def engine(model_folder: Path, tmp_path: Path) -> AsyncIterator[Engine]:
    async with started(settings_for(model_folder, tmp_path / "artefacts")) as running:
        yield running


def metric(engine: Engine, name: str) -> float:
    lines = engine.telemetry.exposition().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


# the engine ---------------------------------------------------------------------------------------


async def test_a_finished_analysis_is_kept(engine: Engine) -> None:
    finished = await engine.analyse(io.BytesIO(FIELD), AnalysisRequest(), href_root="/somewhere")

    with engine.store.open(finished.analysis_id, "result.json").file as file:
        assert file.read() == finished.result_json
    assert f'"/somewhere/{finished.analysis_id}/labels.png"'.encode() in finished.result_json


async def test_what_cannot_be_analysed_leaves_nothing_behind(engine: Engine) -> None:
    for image, request, error in (
        (FIELD[:-30], AnalysisRequest(), DamagedImageError),
        (FIELD, AnalysisRequest(association="S99"), InvalidParameterError),
        (FIELD, AnalysisRequest(model="gold"), ModelNotFoundError),
    ):
        with pytest.raises(error):
            await engine.analyse(io.BytesIO(image), request)

    assert list(engine.settings.artefacts_folder.iterdir()) == []
    assert metric(engine, "petroserve_queue_depth") == 0.0


async def test_cancelling_a_running_analysis_stops_it_before_the_next_begins(
    engine: Engine,
) -> None:
    gate = Gate()
    running = asyncio.create_task(engine.analyse(gate, AnalysisRequest()))
    await reached(gate.reached)

    running.cancel()
    await asyncio.sleep(0)
    # Its thread still holds the turn; only now may it go on, and it ends at the next step.
    assert not running.done()
    gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert list(engine.settings.artefacts_folder.iterdir()) == []
    # Cancelled after decoding at the latest: none of the six tiles was run.
    assert metric(engine, "petroserve_tiles_total") == 0.0
    assert metric(engine, 'petroserve_analyses_total{model="tiny:1",outcome="cancelled"}') == 1.0
    await engine.analyse(io.BytesIO(FIELD), AnalysisRequest())


async def test_a_running_analysis_is_stopped_at_the_next_tile(engine: Engine) -> None:
    at_tile, go_on = threading.Event(), threading.Event()
    loaded = engine.repository.get("tiny")
    original: Callable[[str, int, float], None] | None = loaded.observe
    assert original is not None

    def observe(provider: str, tiles: int, seconds: float) -> None:
        original(provider, tiles, seconds)
        at_tile.set()
        assert go_on.wait(WITHIN_S)

    # A frozen record, swapped here for one that waits in the first tile.
    object.__setattr__(loaded, "observe", observe)
    running = asyncio.create_task(engine.analyse(io.BytesIO(FIELD), AnalysisRequest()))
    await reached(at_tile)
    running.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert metric(engine, "petroserve_tiles_total") < 6.0


async def test_who_waits_and_goes_frees_the_place(engine: Engine) -> None:
    gate = Gate()
    running = asyncio.create_task(engine.analyse(gate, AnalysisRequest()))
    await reached(gate.reached)
    unread = Gate()
    waiting = asyncio.create_task(engine.analyse(unread, AnalysisRequest()))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.opened.set()
    await running

    assert not unread.reached.is_set()


async def test_a_client_that_goes_cancels_its_work() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def receive() -> dict[str, Any]:
        await began.wait()
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        await until_disconnect(receive, work())
    assert ended.is_set()


async def test_a_broken_model_folder_stops_the_start(model_folder: Path, tmp_path: Path) -> None:
    (model_folder / "tiny" / "1" / "model.json").write_text("{}")

    with pytest.raises(ModelCardError):
        async with Engine(settings_for(model_folder, tmp_path / "a"), Telemetry()).running():
            pytest.fail("it started")


async def test_a_model_that_cannot_be_warmed_makes_the_process_unfit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from tests.service.test_repository import bright_or_white

    write_model(tmp_path / "models", bright_or_white(softmax=False))
    engine = Engine(settings_for(tmp_path / "models", tmp_path / "artefacts"), Telemetry())
    async with engine.running(), asyncio.timeout(WITHIN_S):
        engine.require_alive()
        while "warm-up failed" not in caplog.text:
            await asyncio.sleep(0.005)
        with pytest.raises(NotReadyError, match="could not be warmed up"):
            engine.require_alive()
        with pytest.raises(NotReadyError, match="could not be warmed up"):
            engine.require_ready()


async def test_after_the_stop_nothing_is_taken(model_folder: Path, tmp_path: Path) -> None:
    async with started(settings_for(model_folder, tmp_path / "artefacts")) as engine:
        engine.require_ready()

    with pytest.raises(NotReadyError, match="stopping"):
        engine.require_ready()
    with pytest.raises(NotReadyError, match="stopping"):
        await engine.analyse(io.BytesIO(FIELD), AnalysisRequest())


# admission ----------------------------------------------------------------------------------------


def admission(*, concurrent: int = 1, queue_length: int = 0) -> tuple[Admission, Telemetry]:
    telemetry = Telemetry()
    return (
        Admission(concurrent=concurrent, queue_length=queue_length, telemetry=telemetry),
        telemetry,
    )


async def test_places_are_bounded_and_come_back() -> None:
    admitting, telemetry = admission(concurrent=1, queue_length=2)
    with ExitStack() as taken:
        for _ in range(3):
            taken.enter_context(admitting.place())
        assert b"petroserve_queue_depth 3.0" in telemetry.exposition()
        with pytest.raises(OverloadedError, match="3 are accepted") as refused, admitting.place():
            pytest.fail("a fourth was admitted")
        assert refused.value.retry_after_s >= 1
    with admitting.place():
        assert b"petroserve_queue_depth 1.0" in telemetry.exposition()
    assert b"petroserve_queue_depth 0.0" in telemetry.exposition()


async def test_turns_come_in_order_and_never_more_than_allowed() -> None:
    admitting, telemetry = admission(concurrent=2)
    running, most, order = 0, 0, []

    async def take(number: int) -> None:
        nonlocal running, most
        async with admitting.turn():
            running += 1
            most = max(most, running)
            order.append(number)
            for _ in range(3):
                await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(take(number) for number in range(10)))

    assert (most, order) == (2, list(range(10)))
    assert b"petroserve_queue_wait_seconds_count 10.0" in telemetry.exposition()


async def test_a_turn_that_was_waited_for_in_vain_is_not_lost() -> None:
    admitting, _ = admission()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(admitting.turn())
        waiting = asyncio.create_task(stack.enter_async_context(admitting.turn()))
        await asyncio.sleep(0)
        waiting.cancel()
    async with asyncio.timeout(WITHIN_S), admitting.turn():
        pass


# kept analyses ------------------------------------------------------------------------------------


def store(folder: Path, *, max_count: int = 100, max_bytes: int = 10**9) -> ArtefactStore:
    kept = ArtefactStore(folder, max_count=max_count, max_bytes=max_bytes)
    kept.open_folder()
    return kept


def publish(kept: ArtefactStore, folder: Path, age_s: int, size_bytes: int = 10) -> str:
    """Keep an analysis and make it as old as wanted."""
    analysis_id = str(uuid.uuid4())
    kept.publish(analysis_id, {"result.json": b"x" * size_bytes})
    if (folder / analysis_id).exists():
        os.utime(folder / analysis_id, (1_700_000_000 - age_s, 1_700_000_000 - age_s))
    return analysis_id


def test_the_oldest_go_beyond_a_count(tmp_path: Path) -> None:
    kept = store(tmp_path, max_count=3)
    ids = [publish(kept, tmp_path, age_s) for age_s in (50, 40, 30, 20, 10)]

    assert {path.name for path in tmp_path.iterdir()} == set(ids[2:])
    with pytest.raises(AnalysisNotFoundError, match="newest 3"):
        kept.open(ids[0], "result.json")


def test_the_oldest_go_beyond_a_size_and_the_newest_stays(tmp_path: Path) -> None:
    kept = store(tmp_path, max_bytes=100)
    ids = [publish(kept, tmp_path, age_s, 40) for age_s in (50, 40, 30)]
    assert {path.name for path in tmp_path.iterdir()} == set(ids[1:])

    huge = publish(kept, tmp_path, 0, 5000)

    assert [path.name for path in tmp_path.iterdir()] == [huge]


def test_an_analysis_that_is_being_read_survives_its_removal(tmp_path: Path) -> None:
    kept = store(tmp_path, max_count=1)
    reading = kept.open(publish(kept, tmp_path, 50), "result.json")
    publish(kept, tmp_path, 10)

    with reading.file as file:
        assert file.read() == b"x" * 10
    assert reading.size_bytes == 10


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    kept = store(tmp_path)

    with pytest.raises(FileNotFoundError):
        kept.publish(str(uuid.uuid4()), {"result.json": b"x", "no/such/folder.png": b"x"})

    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_a_killed_process_are_cleared_away(tmp_path: Path) -> None:
    for name, age_s in (("old", 4000), ("new", 0)):
        leftover = tmp_path / f".aside-{name}"
        leftover.mkdir()
        (leftover / "labels.png").write_bytes(b"x")
        changed = leftover.stat().st_mtime - age_s
        os.utime(leftover, (changed, changed))
    foreign = tmp_path / "notes"
    foreign.mkdir()

    publish(store(tmp_path, max_count=1), tmp_path, 0)

    assert not (tmp_path / ".aside-old").exists()
    assert (tmp_path / ".aside-new").exists()
    assert foreign.exists()


@pytest.mark.parametrize(
    "analysis_id",
    ["", ".", "..", "../x", "x", "{}", "A" * 36, "00000000-0000-0000-0000-00000000000\u0660"],
)
def test_only_canonical_ids_reach_the_file_system(tmp_path: Path, analysis_id: str) -> None:
    kept = store(tmp_path / "artefacts")
    (tmp_path / "result.json").write_text("secret")

    with pytest.raises(AnalysisNotFoundError):
        kept.open(analysis_id, "result.json")
