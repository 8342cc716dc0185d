"""Which tiles are next: interactive before bulk, and fair between tenants and their requests.

A plain data structure without threads or clocks of its own. Fairness is start-time fair queueing
(Goyal, Vin & Cheng 1997, doi:10.1109/90.649569) in two levels, tenants and the requests of each:
everybody has a count of pixels served, who has the least is next, and who comes back after a pause
begins where the others are, so that a pause earns nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from service.tracing import Place

__all__ = ["PRIORITIES", "Network", "Priority", "QueuedTile", "TileQueue", "TileRequest"]

Priority: TypeAlias = Literal["interactive", "bulk"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
# While bulk waits, every eighth batch is its own: it is slow then, but it ends.
BULK_TURN = 8


class Network(Protocol):
    """What runs a batch of tiles; tiles of one network and one shape may share a batch."""

    @property
    def tile_batch(self) -> int:
        """Most tiles of one run."""

    def run(
        self, tiles: NDArray[np.uint8], allowed: NDArray[np.float32]
    ) -> tuple[list[NDArray[Any]], tuple[str, ...]]:
        """Give the outputs of all tiles, and what the run had to do without."""


@dataclass(eq=False)
class _Share:
    """What somebody was served, in pixels, since a common beginning."""

    served_px: float = 0.0


@dataclass(eq=False)
class _Tenant(_Share):
    """A tenant with the requests that wait; the clock is where the last one served was."""

    clock_px: float = 0.0
    requests: list[TileRequest] = field(default_factory=list)

    def least_served(self) -> list[TileRequest]:
        """Requests, the one that is next first; ties by arrival."""
        return sorted(self.requests, key=lambda request: request.served_px)


@dataclass(eq=False)
class TileRequest(_Share):
    """One request as the queue sees it.

    Attributes
    ----------
    priority : {"interactive", "bulk"}
        Its class.
    tenant : str
        Who shares a part of the machine with the other requests of the same name.
    waiting : deque of QueuedTile
        Its tiles, in order.
    counted_by : object or None
        Within whose count its own has a meaning.
    origin : Place or None
        Where in which trace it was made.
    """

    priority: Priority = "interactive"
    tenant: str = ""
    waiting: deque[QueuedTile] = field(default_factory=deque)
    counted_by: _Tenant | None = None
    origin: Place | None = None


@dataclass(frozen=True, eq=False)
class QueuedTile:
    """One tile that waits.

    Attributes
    ----------
    request : TileRequest
        Whose it is.
    network : Network
        What it goes through.
    tile : ndarray of uint8, shape (height, width, channels)
        The tile.
    allowed : ndarray of float32, shape (classes,)
        1 where a class may occur.
    since_s : float
        When it came, on the clock of who put it here.
    answer : Future
        Receives the outputs of this tile, and what the run had to do without.
    """

    request: TileRequest
    network: Network
    tile: NDArray[np.uint8]
    allowed: NDArray[np.float32]
    since_s: float
    answer: Future[tuple[list[NDArray[Any]], tuple[str, ...]]] = field(default_factory=Future)

    @property
    def cost_px(self) -> int:
        """What it takes of the machine."""
        height_px, width_px = self.tile.shape[:2]
        return int(height_px * width_px)

    def fits_beside(self, other: QueuedTile) -> bool:
        """Whether both may go into one batch."""
        return self.network is other.network and self.tile.shape == other.tile.shape


class _PriorityClass:
    """The waiting requests of one priority, by tenant."""

    def __init__(self) -> None:
        self._tenants: dict[str, _Tenant] = {}
        self._clock_px = 0.0
        self.count = 0

    def put(self, queued: QueuedTile) -> None:
        """Let a tile wait behind the others of its request."""
        request = queued.request
        if not request.waiting:
            self._admit(request)
        request.waiting.append(queued)
        self.count += 1

    def in_order(self) -> Iterator[TileRequest]:
        """Requests whose tiles wait, the one that is next first; ties by arrival."""
        for tenant in sorted(self._tenants.values(), key=lambda tenant: tenant.served_px):
            yield from tenant.least_served()

    def take(self, request: TileRequest) -> QueuedTile:
        """Take the first tile of a request, and charge it."""
        queued = request.waiting.popleft()
        tenant = self._tenants[request.tenant]
        # Who only rides along may be ahead of its turn, so clocks are kept from going back.
        self._clock_px = max(self._clock_px, tenant.served_px)
        tenant.clock_px = max(tenant.clock_px, request.served_px)
        tenant.served_px += queued.cost_px
        request.served_px += queued.cost_px
        self.count -= 1
        self._let_go_if_empty(request)
        return queued

    def drop(self, request: TileRequest) -> list[QueuedTile]:
        """Take all tiles of a request without a charge."""
        dropped = list(request.waiting)
        request.waiting.clear()
        if dropped:
            self.count -= len(dropped)
            self._let_go_if_empty(request)
        return dropped

    def _admit(self, request: TileRequest) -> None:
        """Count in who begins to wait, from where the others are."""
        tenant = self._tenants.setdefault(request.tenant, _Tenant())
        if not tenant.requests:
            tenant.served_px = max(tenant.served_px, self._clock_px)
        if request.counted_by is not tenant:
            request.counted_by, request.served_px = tenant, 0.0
        request.served_px = max(request.served_px, tenant.clock_px)
        tenant.requests.append(request)

    def _let_go_if_empty(self, request: TileRequest) -> None:
        """Keep nothing of who waits for nothing, but what a tenant is ahead of the others."""
        if request.waiting:
            return
        self._tenants[request.tenant].requests.remove(request)
        self._tenants = {
            name: tenant
            for name, tenant in self._tenants.items()
            if tenant.requests or tenant.served_px > self._clock_px
        }


class TileQueue:
    """The tiles that wait in one process."""

    def __init__(self) -> None:
        self._classes = {priority: _PriorityClass() for priority in PRIORITIES}
        self._since_bulk = 0

    def __len__(self) -> int:
        """Tiles that wait."""
        return sum(one.count for one in self._classes.values())

    def depth(self, priority: Priority) -> int:
        """Tiles that wait in one class."""
        return self._classes[priority].count

    def put(self, queued: QueuedTile) -> None:
        """Let a tile wait behind the others of its request."""
        self._classes[queued.request.priority].put(queued)

    def take_batch(self) -> list[QueuedTile]:
        """Take the tiles of the next run.

        Returns
        -------
        list of QueuedTile
            At most `tile_batch` of its network, which may share a batch; those of bulk ride along
            in places that interactive ones leave free. Empty if nothing waits.
        """
        batch: list[QueuedTile] = []
        for priority in self._turn():
            self._fill(batch, self._classes[priority])
        if batch:
            only_interactive = all(one.request.priority == "interactive" for one in batch)
            waits = only_interactive and self.depth("bulk") > 0
            self._since_bulk = self._since_bulk + 1 if waits else 0
        return batch

    def drop(self, request: TileRequest) -> list[QueuedTile]:
        """Take out what a request has waiting."""
        return self._classes[request.priority].drop(request)

    def _turn(self) -> tuple[Priority, Priority]:
        if self._since_bulk >= BULK_TURN - 1:
            return ("bulk", "interactive")
        return ("interactive", "bulk")

    @staticmethod
    def _fill(batch: list[QueuedTile], waiting: _PriorityClass) -> None:
        while waiting.count and (not batch or len(batch) < batch[0].network.tile_batch):
            fitting = (
                request
                for request in waiting.in_order()
                if not batch or request.waiting[0].fits_beside(batch[0])
            )
            request = next(fitting, None)
            if request is None:
                return
            batch.append(waiting.take(request))
