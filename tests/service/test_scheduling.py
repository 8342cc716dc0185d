"""Requests of the engine through one scheduler: small ones pass, the gone take their tiles along."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from fastapi import Request

from petrography.pipeline import AnalysisRequest
from service.access import Principal
from service.engine import Engine
from service.engine.course import Course
from service.engine.turns import Turns
from service.http_api.urgency import stated_priority, tenant_of
from service.telemetry import Telemetry
from tests.http_service import png, settings_for, watch_runs
from tests.service.test_engine import metric, reached, started
from tests.tiny_model import TILE_PX, paint

pytestmark = pytest.mark.anyio

WITHIN_S = 60.0
SMALL = png(paint(np.ones((TILE_PX, TILE_PX), dtype=np.intp)))
LARGE = png(paint(np.zeros((TILE_PX, 6 * TILE_PX), dtype=np.intp)))


class Uploaded(io.BytesIO):
    """A file whose begin can be read by itself."""

    def read_start(self, size_bytes: int) -> bytes:
        return self.getvalue()[:size_bytes]


@pytest.fixture
async def engine(model_folder: Path, tmp_path: Path) -> AsyncIterator[Engine]:
    settings = settings_for(model_folder, tmp_path / "artefacts", interactive_pixels=TILE_PX**2)
    async with started(settings) as running:
        yield running


async def test_a_small_analysis_passes_a_large_one_that_runs(engine: Engine) -> None:
    """The large one waits in its first tile until the small one is done but for its own tile."""
    at_tile, go_on = threading.Event(), threading.Event()
    loaded = engine.repository.get("tiny")
    runs: list[int] = []

    def observe(provider: str, tiles: int, seconds: float) -> None:
        runs.append(tiles)
        if len(runs) == 1:
            at_tile.set()
            assert go_on.wait(WITHIN_S)

    watch_runs(loaded, observe)
    large = asyncio.create_task(engine.analyse(Uploaded(LARGE), AnalysisRequest()))
    await reached(at_tile)
    small = asyncio.create_task(engine.analyse(Uploaded(SMALL), AnalysisRequest()))
    async with asyncio.timeout(WITHIN_S):
        while metric(engine, 'petroserve_tiles_waiting{priority="interactive"}') < 1.0:
            await asyncio.sleep(0.005)
    go_on.set()
    await asyncio.gather(large, small)

    assert sum(runs) == 7
    assert metric(engine, 'petroserve_tile_wait_seconds_count{priority="interactive"}') == 1.0
    assert metric(engine, 'petroserve_tile_wait_seconds_count{priority="bulk"}') == 6.0
    assert metric(engine, "petroserve_tile_batch_tiles_count") == 7.0
    assert metric(engine, "petroserve_tiles_waiting") == 0.0


async def test_a_client_that_goes_takes_its_waiting_tiles_along(engine: Engine) -> None:
    at_tile, go_on = threading.Event(), threading.Event()
    loaded = engine.repository.get("tiny")

    def observe(provider: str, tiles: int, seconds: float) -> None:
        at_tile.set()
        assert go_on.wait(WITHIN_S)

    watch_runs(loaded, observe)
    running = asyncio.create_task(engine.analyse(Uploaded(LARGE), AnalysisRequest()))
    await reached(at_tile)
    waiting = asyncio.create_task(engine.analyse(Uploaded(SMALL), AnalysisRequest()))
    async with asyncio.timeout(WITHIN_S):
        while metric(engine, 'petroserve_tiles_waiting{priority="interactive"}') < 1.0:
            await asyncio.sleep(0.005)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    # It ended although the network still runs a tile of the other.
    assert not running.done()
    assert metric(engine, "petroserve_tiles_waiting") == 0.0
    go_on.set()
    await running


async def test_after_the_stop_the_scheduler_has_ended(model_folder: Path, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    async with started(settings_for(model_folder, tmp_path / "artefacts")) as engine:
        await engine.analyse(Uploaded(SMALL), AnalysisRequest())
    left = {one.name for one in set(threading.enumerate()) - before}
    assert not any(name.startswith(("tiles-", "work")) for name in left)


def test_whoever_wants_to_know_of_a_stop_is_told_even_if_late() -> None:
    course, told = Course(Telemetry()), []
    with course.telling_stop(lambda: told.append("first")):
        assert told == []
        course.stop()
    with course.telling_stop(lambda: told.append("late")):
        pass
    course.stop()
    assert told == ["first", "late"]


async def test_the_wait_for_a_turn_is_what_the_others_have_left() -> None:
    turns = Turns(2)
    async with turns.taken(100.0):
        assert turns.expected_wait_s() == 0.0
        async with turns.taken(0.0):
            # One of two turns is as good as free, the other lasts 100 s.
            assert turns.expected_wait_s() == 0.0
            waiting = asyncio.create_task(turns.taken(60.0).__aenter__())
            await asyncio.sleep(0)
            assert 50.0 < turns.expected_wait_s() <= 60.0
            waiting.cancel()
            await asyncio.wait([waiting])
        assert turns.expected_wait_s() == 0.0


class Queue:
    """One turn, and tasks that wait for it and note when they have it."""

    def __init__(self) -> None:
        self.turns = Turns(1)
        self.order: list[str] = []
        self.end = asyncio.Event()

    async def one(self, name: str) -> None:
        async with self.turns.taken(1.0, tenant=name[0], urgent=name.endswith("!")):
            self.order.append(name)
            await self.end.wait() if name == "first" else await asyncio.sleep(0)

    async def begin(self, *names: str) -> list[asyncio.Task[None]]:
        tasks = []
        for name in names:
            tasks.append(asyncio.create_task(self.one(name)))
            await asyncio.sleep(0)
        return tasks


async def test_turns_are_shared_between_tenants_and_in_order_within_each() -> None:
    queue = Queue()
    tasks = await queue.begin("first", "a1", "a2", "a3", "b1", "b2", "c1")
    queue.end.set()
    await asyncio.gather(*tasks)
    assert queue.order == ["first", "a1", "b1", "c1", "a2", "b2", "a3"]


async def test_who_is_urgent_goes_before_all_who_are_not() -> None:
    queue = Queue()
    tasks = await queue.begin("first", "a1", "b1", "a2!", "a3!", "c1!")
    queue.end.set()
    await asyncio.gather(*tasks)
    assert queue.order == ["first", "a2!", "c1!", "a3!", "b1", "a1"]


async def test_who_comes_one_at_a_time_starves_nobody() -> None:
    queue = Queue()
    waiting = await queue.begin("first", "a1", "b1", "c1")
    queue.end.set()
    await asyncio.gather(*waiting)
    queue.end.clear()
    tasks = await queue.begin("first", "b2", "c2", "a2")
    queue.end.set()
    await asyncio.gather(*tasks)
    # b and c come again at once, but had a turn after a.
    assert queue.order[5:] == ["a2", "b2", "c2"]


async def test_one_who_leaves_while_waiting_or_when_called_blocks_nobody() -> None:
    queue = Queue()
    first, leaving, last = await queue.begin("first", "a1", "b1")
    leaving.cancel()
    queue.end.set()
    await asyncio.gather(first, last)
    assert queue.order == ["first", "b1"]
    queue.end.clear()
    first, called = await queue.begin("first", "a2")
    queue.end.set()
    while not first.done():
        await asyncio.sleep(0)
    called.cancel()
    await asyncio.wait([called])
    await asyncio.gather(*await queue.begin("b3"))
    assert queue.order[-1] == "b3"


async def test_the_fewest_turns_held_go_first() -> None:
    turns, order = Turns(2), []

    async def hold(tenant: str, end: asyncio.Event) -> None:
        async with turns.taken(1.0, tenant):
            order.append(tenant)
            await end.wait()

    ends = [asyncio.Event() for _ in range(4)]
    tasks = []
    for tenant, end in zip("abab", ends, strict=True):
        tasks.append(asyncio.create_task(hold(tenant, end)))
        await asyncio.sleep(0)
    assert order == ["a", "b"]
    ends[0].set()
    await tasks[0]
    await asyncio.sleep(0)
    assert order == ["a", "b", "a"]  # b holds one, a none
    for end in ends:
        end.set()
    await asyncio.gather(*tasks)


def test_the_tenant_is_that_of_the_key_or_the_address() -> None:
    client = {"type": "http", "headers": [], "client": ("192.0.2.7", 5000)}
    assert tenant_of(Request(client)) == "192.0.2.7"
    assert tenant_of(Request({"type": "http", "headers": []})) == ""
    principal = Principal("k", "lab", frozenset())
    assert tenant_of(Request({**client, "state": {"principal": principal}})) == "lab"


@pytest.mark.parametrize(
    ("headers", "priority"),
    [
        ([], None),
        (["u=3"], None),
        (["u=0, i"], None),
        (["u=4"], "bulk"),
        (["i, u=7"], "bulk"),
        (["u=6;x=1, i"], "bulk"),
        (["u=1", "u=5"], "bulk"),
        (["u=9"], None),
        (["menu=5"], None),
        (["u=high"], None),
    ],
)
def test_a_client_may_let_others_go_first(headers: list[str], priority: str | None) -> None:
    raw = [(b"priority", one.encode()) for one in headers]
    assert stated_priority(Request({"type": "http", "headers": raw})) == priority
