"""Statistics of a map while the rest of it is still being made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from petrography.images import Labels
from petrography.segmentation import Band

__all__ = ["Alongside"]


class Alongside:
    """Pushes the bands of a map into statistics, one thread behind the one that makes them.

    Bands arrive from top to bottom and are pushed in that order, one at a time: the statistics are
    those of the same bands pushed by hand. At most one band waits, so that no map piles up. When the
    block ends the last bands may still be on their way: `finish` waits for them.

    Parameters
    ----------
    push : callable
        Takes the labels of a band, shape (rows, width).
    """

    def __init__(self, push: Callable[[Labels], None]) -> None:
        self._push = push
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="statistics")
        self._last: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=error is not None)

    def finish(self) -> None:
        """Wait until all bands are pushed; raises what pushing the last one raised."""
        self._pool.shutdown()
        self._wait()

    def take(self, band: Band) -> None:
        """Take the next band; raises what pushing the one before raised."""
        self._wait()
        self._last = self._pool.submit(self._push, band.labels)

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
