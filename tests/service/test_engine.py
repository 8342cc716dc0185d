"""Admission, cancellation and what is kept, without any protocol."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.requests import ClientDisconnect

from petrography.errors import (
    DamagedImageError,
    InvalidParameterError,
    ModelCardError,
    ModelNotFoundError,
    NotReadyError,
    OverloadedError,
)
from petrography.pipeline import AnalysisRequest
from service.engine import ANALYSES, AnalysisEvent, Engine
from service.engine.admission import Admission
from service.http_api.disconnection import until_disconnect
from service.repository import LoadedModel
from service.settings import Settings
from service.telemetry import Telemetry
from tests.http_service import png, settings_for, watch_runs
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


def kept_paths(folder: Path) -> list[Path]:
    """Everything that lies in the folders of the kinds."""
    return list(folder.glob("*/*"))


def metric(engine: Engine, name: str) -> float:
    lines = engine.telemetry.exposition().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


# the engine ---------------------------------------------------------------------------------------


async def test_a_finished_analysis_is_kept(engine: Engine) -> None:
    finished = await engine.analyse(io.BytesIO(FIELD), AnalysisRequest(), href_root="/somewhere")

    with engine.store.open(ANALYSES, finished.result_id, "result.json").file as file:
        assert file.read() == finished.document
    assert f'"/somewhere/{finished.result_id}/labels.png"'.encode() in finished.document


async def test_an_analysis_repeated_under_its_id_keeps_the_first(engine: Engine) -> None:
    told: list[AnalysisEvent] = []
    asked = {"analysis_id": "0" * 32, "on_event": told.append}
    first = await engine.analyse(io.BytesIO(FIELD), AnalysisRequest(), **asked)
    await engine.analyse(io.BytesIO(FIELD), AnalysisRequest(), **asked)

    with engine.store.open(ANALYSES, "0" * 32, "result.json").file as file:
        assert file.read() == first.document
    assert len(kept_paths(engine.settings.artefacts_folder)) == 1
    half = len(told) // 2
    assert told[:half] == told[half:]
    tiles = [event for event in told[:half] if event.stage == "segmentation"]
    assert [event.done for event in tiles] == [*range(1, tiles[0].total + 1), 1]
    assert told[0] == AnalysisEvent("decode", 1, 1)


async def test_what_cannot_be_analysed_leaves_nothing_behind(engine: Engine) -> None:
    for image, request, error in (
        (FIELD[:-30], AnalysisRequest(), DamagedImageError),
        (FIELD, AnalysisRequest(association="S99"), InvalidParameterError),
        (FIELD, AnalysisRequest(model="gold"), ModelNotFoundError),
    ):
        with pytest.raises(error):
            await engine.analyse(io.BytesIO(image), request)

    assert kept_paths(engine.settings.artefacts_folder) == []
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

    assert kept_paths(engine.settings.artefacts_folder) == []
    # Cancelled after decoding at the latest: none of the six tiles was run.
    assert metric(engine, "petroserve_tiles_total") == 0.0
    assert metric(engine, 'petroserve_analyses_total{model="tiny:1",outcome="cancelled"}') == 1.0
    await engine.analyse(io.BytesIO(FIELD), AnalysisRequest())


async def test_who_is_cancelled_twice_holds_the_turn_until_the_thread_has_stopped(
    engine: Engine,
) -> None:
    """A client cancels its analysis, and then closes its connection."""
    gate = Gate()
    running = asyncio.create_task(engine.analyse(gate, AnalysisRequest()))
    await reached(gate.reached)

    for _ in range(2):
        running.cancel()
        await asyncio.sleep(0.05)
    assert not running.done()
    assert engine.admission.expected_wait_s("bulk") > 0.0
    gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_running_analysis_is_stopped_at_the_next_tile(engine: Engine) -> None:
    at_tile, go_on = threading.Event(), threading.Event()
    loaded = engine.repository.get("tiny")
    original: Callable[[str, int, float], None] | None = loaded.observe
    assert original is not None

    def observe(provider: str, tiles: int, seconds: float) -> None:
        original(provider, tiles, seconds)
        at_tile.set()
        assert go_on.wait(WITHIN_S)

    watch_runs(loaded, observe)
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


async def test_a_stop_while_models_are_warmed_lets_them_go(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(model_folder, version=2)
    warming, go_on, warm_up = threading.Event(), threading.Event(), LoadedModel.warm_up
    warmed: list[int] = []

    def slowly(model: LoadedModel) -> float:
        warmed.append(model.card.version)
        warming.set()
        assert go_on.wait(WITHIN_S)
        return warm_up(model)

    monkeypatch.setattr(LoadedModel, "warm_up", slowly)
    engine = Engine(settings_for(model_folder, tmp_path / "artefacts"), Telemetry())
    async with engine.running():
        await reached(warming)
        asyncio.get_running_loop().call_later(0.1, go_on.set)

    with pytest.raises(NotReadyError, match="stopping"):
        engine.require_ready()
    # Nobody waits for the others.
    assert len(warmed) == 1


async def test_a_stop_while_models_are_switched_serves_none(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts", models_reload_s=0.01)
    switching, go_on = threading.Event(), threading.Event()
    async with started(settings) as engine:

        def slowly(*_: object) -> None:
            switching.set()
            assert go_on.wait(WITHIN_S)

        monkeypatch.setattr(engine.audit, "model_loaded", slowly)
        write_model(model_folder, version=2)
        await reached(switching)
        asyncio.get_running_loop().call_later(0.1, go_on.set)

    with pytest.raises(NotReadyError, match="stopping"):
        engine.require_ready()


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
            taken.enter_context(admitting.place(""))
        assert b"petroserve_queue_depth 3.0" in telemetry.exposition()
        with pytest.raises(OverloadedError, match="3 are accepted") as refused, admitting.place(""):
            pytest.fail("a fourth was admitted")
        assert refused.value.retry_after_s >= 1
    with admitting.place(""):
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
