"""Tiles of many requests through one scheduler: order, fairness, equality, errors, ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from petrography.errors import NotReadyError
from service.runtime import TileScheduler
from service.runtime.tile_queue import BULK_TURN, Priority, QueuedTile, TileQueue, TileRequest

WITHIN_S = 60.0
SIDE_PX = 4
ALLOWED = np.ones(2, dtype=np.float32)


@dataclass(eq=False)
class FakeNetwork:
    """Answers with the tile plus a number, and writes down what shared a batch."""

    tile_batch: int = 1
    offset: int = 1
    poison: int | None = None
    batches: list[list[int]] = field(default_factory=list)
    before: Callable[[], object] = lambda: None

    def run(
        self, tiles: NDArray[np.uint8], allowed: NDArray[np.float32]
    ) -> tuple[list[NDArray[Any]], tuple[str, ...]]:
        assert len(tiles) <= self.tile_batch
        self.before()
        first = [int(tile[0, 0, 0]) for tile in tiles]
        self.batches.append(first)
        if self.poison in first:
            msg = "poisoned"
            raise ValueError(msg)
        sums = tiles.astype(np.float32).sum(axis=3) * allowed.sum(axis=1)[:, None, None]
        return [tiles[..., 0] + np.uint8(self.offset), sums], ()


def tiles_of(*values: int) -> NDArray[np.uint8]:
    tiles = np.zeros((len(values), SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    tiles[...] = np.array(values, dtype=np.uint8)[:, None, None, None]
    return tiles


def queued(request: TileRequest, network: FakeNetwork, value: int) -> QueuedTile:
    return QueuedTile(request, network, tiles_of(value)[0], ALLOWED, 0.0)


def values(batch: list[QueuedTile]) -> list[int]:
    return [int(one.tile[0, 0, 0]) for one in batch]


def emptied(queue: TileQueue) -> list[list[int]]:
    batches = []
    while batch := queue.take_batch():
        batches.append(values(batch))
    return batches


# the order ----------------------------------------------------------------------------------------


def test_interactive_goes_before_bulk() -> None:
    network, queue = FakeNetwork(), TileQueue()
    bulk, interactive = TileRequest(priority="bulk"), TileRequest()
    for value in (1, 2):
        queue.put(queued(bulk, network, value))
    for value in (11, 12):
        queue.put(queued(interactive, network, value))

    assert (queue.depth("interactive"), queue.depth("bulk"), len(queue)) == (2, 2, 4)
    assert emptied(queue) == [[11], [12], [1], [2]]
    assert len(queue) == 0


def test_bulk_gets_every_eighth_batch_while_interactive_never_ends() -> None:
    network, queue = FakeNetwork(), TileQueue()
    bulk, interactive = TileRequest(priority="bulk"), TileRequest()
    taken = []
    for number in range(3 * BULK_TURN):
        queue.put(queued(interactive, network, 0))
        queue.put(queued(bulk, network, 1))
        taken += values(queue.take_batch())
        assert sum(taken) == (number + 1) // BULK_TURN


def test_bulk_rides_in_places_that_are_left_free() -> None:
    network, queue = FakeNetwork(tile_batch=4), TileQueue()
    bulk, interactive = TileRequest(priority="bulk"), TileRequest()
    for value in (1, 2, 3, 4, 5):
        queue.put(queued(bulk, network, value))
    queue.put(queued(interactive, network, 11))

    assert emptied(queue) == [[11, 1, 2, 3], [4, 5]]


def test_requests_take_turns_however_much_they_send() -> None:
    network, queue = FakeNetwork(), TileQueue()
    first, second = TileRequest(), TileRequest()
    for value in range(5):
        queue.put(queued(first, network, value))
    queue.put(queued(second, network, 100))
    queue.put(queued(second, network, 101))

    assert emptied(queue) == [[0], [100], [1], [101], [2], [3], [4]]


def test_tenants_share_evenly_however_many_requests_they_have() -> None:
    network, queue = FakeNetwork(), TileQueue()
    crowd = [TileRequest(tenant="crowd") for _ in range(3)]
    single = TileRequest(tenant="single")
    for number, request in enumerate(crowd):
        for value in (number, number + 10):
            queue.put(queued(request, network, value))
    for value in (100, 101, 102):
        queue.put(queued(single, network, value))

    order = [value for (value,) in emptied(queue)]

    assert [value >= 100 for value in order[:6]] == [False, True] * 3
    assert order[::2][:3] == [0, 1, 2]


def test_who_was_alone_for_long_owes_nothing_to_who_comes() -> None:
    network, queue = FakeNetwork(), TileQueue()
    old, new = TileRequest(), TileRequest()
    for value in range(50):
        queue.put(queued(old, network, value))
        queue.take_batch()
    # The old one is in the hands of its thread at the moment when the new one comes.
    for value in (100, 101, 102, 103):
        queue.put(queued(new, network, value))
    for value in (50, 51, 52, 53):
        queue.put(queued(old, network, value))

    order = [value for (value,) in emptied(queue)]

    # One tile ahead at most: what the old one was served last.
    assert sum(value >= 100 for value in order[:4]) in {2, 3}


def test_other_networks_and_shapes_never_share_a_batch() -> None:
    one, other = FakeNetwork(tile_batch=8), FakeNetwork(tile_batch=8)
    queue, request, third = TileQueue(), TileRequest(), TileRequest()
    queue.put(queued(request, one, 1))
    queue.put(queued(TileRequest(), other, 2))
    large = np.zeros((2 * SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    queue.put(QueuedTile(third, one, large, ALLOWED, 0.0))
    queue.put(queued(TileRequest(), one, 4))

    assert emptied(queue) == [[1, 4], [2], [0]]


Action = tuple[int, int]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=60),
    st.integers(1, 4),
)
def test_nothing_is_lost_doubled_or_overtaken(actions: list[Action], tile_batch: int) -> None:
    """Any order of coming, running and leaving; a request's own tiles stay in order."""
    networks = [FakeNetwork(tile_batch=tile_batch), FakeNetwork(tile_batch=1)]
    priorities: list[Priority] = ["interactive", "interactive", "bulk", "bulk", "interactive"]
    requests = [
        TileRequest(priority=priority, tenant=str(number % 2))
        for number, priority in enumerate(priorities)
    ]
    queue = TileQueue()
    put: list[list[int]] = [[] for _ in requests]
    got: list[list[int]] = [[] for _ in requests]

    def take() -> bool:
        batch = queue.take_batch()
        assert len({id(one.network) for one in batch}) <= 1
        for one in batch:
            got[requests.index(one.request)] += values([one])
        return bool(batch)

    for number, (who, what) in enumerate(actions):
        if what < 2:
            put[who].append(number)
            queue.put(queued(requests[who], networks[what], number))
        elif what == 2:
            take()
        else:
            for one in queue.drop(requests[who]):
                put[who].remove(values([one])[0])
        assert len(queue) == sum(map(len, put)) - sum(map(len, got))
    while take():
        pass
    assert got == put
    assert len(queue) == 0


# the scheduler ------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    tile_batch=st.integers(1, 5),
    threads=st.integers(1, 2),
    requests=st.lists(
        st.tuples(st.sampled_from(["interactive", "bulk"]), st.lists(st.integers(0, 255), min_size=1, max_size=7)),
        min_size=1,
        max_size=5,
    ),
)  # fmt: skip
def test_the_bytes_are_the_same_alone_and_among_others(
    tile_batch: int, threads: int, requests: list[tuple[Priority, list[int]]]
) -> None:
    network = FakeNetwork(tile_batch=tile_batch)
    scheduler = TileScheduler()
    if threads == 2:
        scheduler.prepare_ahead()

    def send(priority: Priority, sent: list[int]) -> list[NDArray[Any]]:
        with scheduler.request(priority=priority) as request:
            return request.run(network, tiles_of(*sent), ALLOWED)[0]

    with ThreadPoolExecutor(len(requests)) as pool:
        together = list(pool.map(lambda one: send(*one), requests))
    alone = [send(*one) for one in requests]
    scheduler.close()

    for (_, sent), one, other in zip(requests, together, alone, strict=True):
        np.testing.assert_array_equal(one[0], tiles_of(*sent)[..., 0] + np.uint8(1))
        for plane, expected in zip(one, other, strict=True):
            assert plane.dtype == expected.dtype
            assert plane.tobytes() == expected.tobytes()


@dataclass
class Held:
    """A network that waits in its first run until it is let go."""

    reached: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> None:
        self.reached.set()
        assert self.let_go.wait(WITHIN_S)


def waiting_for(scheduler: TileScheduler, tiles: int) -> None:
    """Wait until so many tiles are queued."""
    until_s = time.monotonic() + WITHIN_S
    while scheduler.waiting != tiles:
        assert time.monotonic() < until_s
        time.sleep(0.001)


def test_an_error_reaches_only_the_request_that_it_belongs_to() -> None:
    held = Held()
    busy, network = FakeNetwork(before=held), FakeNetwork(tile_batch=4, poison=13)
    scheduler = TileScheduler()

    def send(sent: FakeNetwork, *wanted: int) -> NDArray[Any]:
        with scheduler.request() as request:
            outputs: NDArray[Any] = request.run(sent, tiles_of(*wanted), ALLOWED)[0][0]
            return outputs

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(send, busy, 0)
        assert held.reached.wait(WITHIN_S)
        good, bad = pool.submit(send, network, 1, 2), pool.submit(send, network, 13)
        waiting_for(scheduler, 3)
        held.let_go.set()
        first.result(WITHIN_S)
        with pytest.raises(ValueError, match="poisoned"):
            bad.result(WITHIN_S)
        np.testing.assert_array_equal(good.result(WITHIN_S)[:, 0, 0], [2, 3])
    scheduler.close()
    # All three shared a batch that failed, then each request was run by itself.
    assert sorted(map(sorted, network.batches)) == [[1, 2], [1, 2, 13], [13]]


def test_who_leaves_takes_the_waiting_tiles_along() -> None:
    held = Held()
    network = FakeNetwork(before=held)
    scheduler = TileScheduler()

    with scheduler.request() as leaving, ThreadPoolExecutor(1) as pool:
        running = pool.submit(leaving.run, network, tiles_of(*range(9)), ALLOWED)
        assert held.reached.wait(WITHIN_S)
        waiting_for(scheduler, 1)
        leaving.leave()
        held.let_go.set()
        with pytest.raises(CancelledError):
            running.result(WITHIN_S)
        with pytest.raises(CancelledError):
            leaving.run(network, tiles_of(1), ALLOWED)
    # The run that was under way is the only one.
    assert network.batches == [[0]]
    with scheduler.request() as next_one:
        next_one.run(network, tiles_of(7), ALLOWED)
    scheduler.close()
    assert network.batches == [[0], [7]]


def test_a_request_that_dies_between_its_tiles_stops_nobody() -> None:
    network, scheduler = FakeNetwork(tile_batch=2), TileScheduler()

    def die() -> None:
        with scheduler.request() as dying:
            dying.run(network, tiles_of(1), ALLOWED)
            msg = "died"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="died"):
        die()
    with scheduler.request() as request:
        request.run(network, tiles_of(2, 3, 4), ALLOWED)
    scheduler.close()


def test_what_waits_is_bounded() -> None:
    held, depths = Held(), []
    network = FakeNetwork(tile_batch=2, before=held)

    class Observer:
        def observe_tiles_waiting(self, priority: str, tiles: int) -> None:
            assert tiles == 0 or priority == "interactive"
            depths.append(tiles)

        def observe_tile_wait(self, priority: str, seconds: float) -> None:
            assert (priority, seconds >= 0.0) == ("interactive", True)

        def observe_batch_size(self, tiles: int) -> None:
            assert tiles <= 2

    scheduler = TileScheduler(Observer())
    with scheduler.request() as request, ThreadPoolExecutor(1) as pool:
        running = pool.submit(request.run, network, tiles_of(*range(40)), ALLOWED)
        assert held.reached.wait(WITHIN_S)
        held.let_go.set()
        outputs, _ = running.result(WITHIN_S)
    scheduler.close()

    np.testing.assert_array_equal(outputs[0][:, 0, 0], np.arange(1, 41))
    assert 0 < max(depths) <= 4


def test_closing_runs_what_waits_and_refuses_what_comes() -> None:
    held = Held()
    network = FakeNetwork(before=held)
    scheduler = TileScheduler()

    with scheduler.request() as request, ThreadPoolExecutor(2) as pool:
        running = pool.submit(request.run, network, tiles_of(1, 2), ALLOWED)
        assert held.reached.wait(WITHIN_S)
        waiting_for(scheduler, 1)
        closing = pool.submit(scheduler.close)
        held.let_go.set()
        outputs, _ = running.result(WITHIN_S)
        closing.result(WITHIN_S)
        np.testing.assert_array_equal(outputs[0][:, 0, 0], [2, 3])
        with pytest.raises(NotReadyError, match="stopping"):
            request.run(network, tiles_of(3), ALLOWED)
