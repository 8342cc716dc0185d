"""How far an epoch is, for a log that nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from tqdm import tqdm

__all__ = ["StepLines", "tell_line"]

T = TypeVar("T")

_EVERY_S = 60.0


def tell_line(line: str) -> None:
    """Write a line to stderr, beside any progress bar."""
    tqdm.write(line, file=sys.stderr)


class StepLines(Generic[T]):
    """Stands in for a progress bar where there is no terminal: one line a minute.

    Parameters
    ----------
    steps : iterable
        What is gone through.
    total : int
        How many they are.
    desc : str
        Begins every line.
    tell : callable
        Takes a line.
    now : callable
        Seconds of a clock that never goes back.

    Examples
    --------
    >>> ticks = iter([0.0, 30.0, 62.0, 90.0])
    >>> with StepLines("abc", total=3, desc="epoch 1/2", tell=print, now=ticks.__next__) as lines:
    ...     for _ in lines:
    ...         lines.set_postfix(loss="0.7")
    epoch 1/2: 2 of 3 steps, loss 0.7, 31 s left
    """

    def __init__(
        self,
        steps: Iterable[T],
        *,
        total: int,
        desc: str,
        tell: Callable[[str], object] = tell_line,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._steps, self._total, self._desc = steps, total, desc
        self._tell, self._now = tell, now
        self._figures = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is open."""

    def __iter__(self) -> Iterator[T]:
        began = last = self._now()
        for done, step in enumerate(self._steps, start=1):
            yield step
            now = self._now()
            if now - last >= _EVERY_S:
                last = now
                left_s = (now - began) / done * (self._total - done)
                self._tell(
                    f"{self._desc}: {done} of {self._total} steps{self._figures}, {left_s:.0f} s left"
                )

    def set_postfix(self, **figures: str) -> None:
        """Take what the next line says beside the count, as `tqdm.tqdm.set_postfix` does."""
        self._figures = "".join(f", {name} {value}" for name, value in figures.items())
