"""One scheduler of tiles for all requests of a process.

Requests hand in tiles from their own threads and wait; the scheduler's thread forms batches of
what waits, whoever sent it, and runs them one after the other with all cores, or the whole GPU.
Batches are always of the one size of their network, filled up where tiles are missing, so that an
answer does not depend on who shared the batch.

A second thread on a GPU prepares the next batch while one runs. Nothing here waits for a request:
one that dies or leaves takes its waiting tiles along and costs the others nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.errors import NotReadyError, TileTooLargeError
from service import tracing
from service.runtime.tile_queue import (
    PRIORITIES,
    Network,
    Priority,
    QueuedTile,
    TileQueue,
    TileRequest,
)

__all__ = ["Outputs", "ScheduledRequest", "SchedulerObserver", "TileScheduler"]

_log = logging.getLogger("petroserve.runtime")
Outputs: TypeAlias = tuple[list[NDArray[Any]], tuple[str, ...]]
# Batches of one request that may wait, so that the next is there when one ends. What all requests
# have waiting is bounded by this and by how many are admitted.
BATCHES_AHEAD = 2


class SchedulerObserver(Protocol):
    """Told what waits and what is run."""

    def observe_tiles_waiting(self, priority: str, tiles: int) -> None:
        """Take note of how many tiles wait."""

    def observe_tile_wait(self, priority: str, seconds: float) -> None:
        """Take note of how long a tile waited."""

    def observe_batch_size(self, tiles: int) -> None:
        """Take note of the tiles of one batch."""


class TileScheduler:
    """Orders the tiles of all requests of one process.

    Parameters
    ----------
    observer : SchedulerObserver, optional
        Told what waits and what is run.
    """

    def __init__(self, observer: SchedulerObserver | None = None) -> None:
        self._observer = observer
        self._queue = TileQueue()
        self._changed = threading.Condition()
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self._start_thread()

    def prepare_ahead(self) -> None:
        """Let a second thread prepare the next batch while one runs: for a GPU.

        On the CPU one run takes all cores, and a batch that is taken early would only be in the
        way of an interactive one.
        """
        self._start_thread()

    @contextmanager
    def request(
        self, *, priority: Priority = "interactive", tenant: str = ""
    ) -> Iterator[ScheduledRequest]:
        """Let a request hand in tiles for the length of the block.

        Parameters
        ----------
        priority : {"interactive", "bulk"}
            Its class.
        tenant : str
            Who shares with the other requests of the same name.
        """
        request = TileRequest(priority=priority, tenant=tenant, origin=tracing.here())
        scheduled = ScheduledRequest(self, request)
        try:
            yield scheduled
        finally:
            scheduled.leave()

    def close(self) -> None:
        """Run what waits, then stop; what comes later is refused."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _start_thread(self) -> None:
        name = f"tiles-{len(self._threads)}"
        self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
        self._threads[-1].start()

    @property
    def waiting(self) -> int:
        """Tiles that wait for their turn."""
        with self._changed:
            return len(self._queue)

    def put(self, queued: QueuedTile) -> None:
        """Let a tile wait for its turn.

        Raises
        ------
        NotReadyError
            If the scheduler is closed.
        """
        with self._changed:
            if self._stopping:
                msg = "the service is stopping"
                raise NotReadyError(msg)
            self._queue.put(queued)
            self._show_depth()
            self._changed.notify()

    def drop(self, request: TileRequest) -> None:
        """Take out what a request has waiting; who waits for it gets `CancelledError`."""
        with self._changed:
            dropped = self._queue.drop(request)
            self._show_depth()
        for queued in dropped:
            queued.answer.cancel()

    def _work(self) -> None:
        while self._work_once():
            pass

    def _work_once(self) -> bool:
        """Run the next batch; False when there will be none. Afterwards nothing holds its model."""
        batch = self._next_batch()
        if batch:
            self._run(batch)
        return bool(batch)

    def _next_batch(self) -> list[QueuedTile]:
        """Wait for tiles; none when the scheduler is closed and nothing waits."""
        with self._changed:
            while not len(self._queue):
                if self._stopping:
                    return []
                self._changed.wait()
            batch = self._queue.take_batch()
            self._show_depth()
        for queued in batch:
            queued.answer.set_running_or_notify_cancel()
        self._observe(batch)
        return batch

    def _run(self, batch: list[QueuedTile]) -> None:
        try:
            with _batch_span(batch):
                _answer(batch)
        except TileTooLargeError as error:
            # No fault: those who sent the tiles cut smaller ones.
            for queued in batch:
                queued.answer.set_exception(error)
        except Exception as error:  # noqa: BLE001 - the thread that serves everybody must go on
            # Whatever it is, it belongs to who sent the tiles.
            _log.exception("a batch of %d tiles failed", len(batch))
            by_request: dict[TileRequest, list[QueuedTile]] = {}
            for queued in batch:
                by_request.setdefault(queued.request, []).append(queued)
            if len(by_request) == 1:
                for queued in batch:
                    queued.answer.set_exception(error)
                return
            # Each alone, so that only the one at fault gets its error.
            for of_one in by_request.values():
                self._run(of_one)

    def _observe(self, batch: list[QueuedTile]) -> None:
        if self._observer is None:
            return
        now_s = time.monotonic()
        self._observer.observe_batch_size(len(batch))
        for queued in batch:
            self._observer.observe_tile_wait(queued.request.priority, now_s - queued.since_s)

    def _show_depth(self) -> None:
        if self._observer is not None:
            for priority in PRIORITIES:
                self._observer.observe_tiles_waiting(priority, self._queue.depth(priority))


@contextmanager
def _batch_span(batch: list[QueuedTile]) -> Iterator[None]:
    """Record a run as a part of who came first, with links to all who share it."""
    places = dict.fromkeys(one.request.origin for one in batch if one.request.origin is not None)
    if not places:
        yield
        return
    first = next(iter(places))
    links = tuple(places) if len(places) > 1 else ()
    size = {"petroserve.tiles": len(batch), "petroserve.requests": len(places)}
    with tracing.span("tile batch", size, under=first, links=links):
        yield


def _answer(batch: list[QueuedTile]) -> None:
    """Run a batch and give every tile its outputs."""
    if len(batch) == 1:
        tiles, allowed = batch[0].tile[np.newaxis], batch[0].allowed[np.newaxis]
    else:
        tiles = np.stack([queued.tile for queued in batch])
        allowed = np.stack([queued.allowed for queued in batch])
    outputs, degradations = batch[0].network.run(tiles, allowed)
    for index, queued in enumerate(batch):
        queued.answer.set_result(([output[index] for output in outputs], degradations))


class ScheduledRequest:
    """One request that hands in tiles; made by `TileScheduler.request`."""

    def __init__(self, scheduler: TileScheduler, request: TileRequest) -> None:
        self._scheduler = scheduler
        self._request = request
        self._left = threading.Event()
        self.waited_s = 0.0
        """Seconds that its threads spent waiting for answers."""

    def leave(self) -> None:
        """Drop the tiles that wait; may be called from any thread, also while others wait."""
        self._left.set()
        self._scheduler.drop(self._request)

    def run(
        self, network: Network, tiles: NDArray[np.uint8], allowed: NDArray[np.float32]
    ) -> Outputs:
        """Send tiles through a network and wait for all of them.

        Parameters
        ----------
        network : Network
            What they go through.
        tiles : ndarray of uint8, shape (tiles, height, width, channels)
            At least one; not to be changed before the answer is there.
        allowed : ndarray of float32, shape (classes,)
            1 where a class may occur.

        Returns
        -------
        outputs : list of ndarray
            Every output of the network, in the order of the tiles.
        degradations : tuple of str
            What the runs had to do without.

        Raises
        ------
        concurrent.futures.CancelledError
            If the request left.
        NotReadyError
            If the scheduler is closed.
        Exception
            What the network raises on these tiles.
        """
        began_s = time.monotonic()
        try:
            answers = list(self._answers(network, tiles, allowed))
        finally:
            self.waited_s += time.monotonic() - began_s
        degradations = dict.fromkeys(one for _, found in answers for one in found)
        outputs = zip(*(planes for planes, _ in answers), strict=True)
        return [_stacked(planes) for planes in outputs], tuple(degradations)

    def _answers(
        self, network: Network, tiles: NDArray[np.uint8], allowed: NDArray[np.float32]
    ) -> Iterator[Outputs]:
        waiting: deque[QueuedTile] = deque()
        try:
            for tile in tiles:
                if len(waiting) >= BATCHES_AHEAD * network.tile_batch:
                    yield waiting.popleft().answer.result()
                if self._left.is_set():
                    msg = "the request left before its tiles were run"
                    raise CancelledError(msg)
                queued = QueuedTile(self._request, network, tile, allowed, time.monotonic())
                self._scheduler.put(queued)
                waiting.append(queued)
            while waiting:
                yield waiting.popleft().answer.result()
        finally:
            # After an error nobody asks for the others any more.
            if waiting:
                self._scheduler.drop(self._request)


def _stacked(planes: tuple[NDArray[Any], ...]) -> NDArray[Any]:
    return planes[0][np.newaxis] if len(planes) == 1 else np.stack(planes)
