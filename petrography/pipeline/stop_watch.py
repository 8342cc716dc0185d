"""Seconds by stage, told to whoever listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

__all__ = ["OnStage", "StopWatch"]

OnStage: TypeAlias = Callable[[str, float], None]


class StopWatch:
    """Seconds by stage, told to whoever listens."""

    def __init__(self, on_stage: OnStage | None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_stage = on_stage

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the length of a block; a block that raises is not counted."""
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 4)
        if self._on_stage is not None:
            self._on_stage(name, self.seconds[name])
