"""The course of one piece of work through a thread: its stages are timed, and it can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass

from service import tracing
from service.telemetry import Telemetry

__all__ = ["LAST_STAGE", "AnalysisEvent", "Course"]

# With its end an analysis is about to be kept.
LAST_STAGE = "report"

# The only stage of an analysis that tells its steps, which are tiles.
_STEPPED = "segmentation"


@dataclass(frozen=True)
class AnalysisEvent:
    """How far an analysis is.

    Attributes
    ----------
    stage : str
        Which stage; from a closed set.
    done, total : int
        Its steps: tiles of the segmentation; 1 of 1 where another stage has ended.
    """

    stage: str
    done: int
    total: int


class Course:
    """The course of one piece of work.

    Between stages, and whenever the work tells its progress, it ends with `CancelledError` once
    nobody waits for it any more.

    Parameters
    ----------
    telemetry : Telemetry
        Told the seconds of every stage. Names of stages come from a closed set.
    on_event : callable, optional
        Told how far the work is, in the thread of the work; what it raises ends the work.
    """

    def __init__(
        self, telemetry: Telemetry, on_event: Callable[[AnalysisEvent], object] | None = None
    ) -> None:
        self.telemetry = telemetry
        self._on_event = on_event
        self._stop = threading.Event()
        self._on_stop: list[Callable[[], object]] = []

    def stop(self) -> None:
        """Let the work end at its next step; called from another thread."""
        self._stop.set()
        for call in tuple(self._on_stop):
            call()

    @contextmanager
    def telling_stop(self, call: Callable[[], object]) -> Iterator[None]:
        """Call something as soon as the work is stopped during the block.

        Parameters
        ----------
        call : callable
            May be called twice, and from another thread.
        """
        self._on_stop.append(call)
        try:
            # It may have been stopped just before.
            if self._stop.is_set():
                call()
            yield
        finally:
            self._on_stop.remove(call)

    def go_on(self) -> None:
        """Leave the work if it was stopped.

        Raises
        ------
        concurrent.futures.CancelledError
            If it was.
        """
        if self._stop.is_set():
            msg = "nobody waits for this work any more"
            raise CancelledError(msg)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the length of a block; a block that raises is not counted."""
        self.go_on()
        began = time.perf_counter()
        yield
        self.on_stage(name, time.perf_counter() - began)

    def on_stage(self, stage: str, seconds: float) -> None:
        """Record the end of a stage."""
        self.telemetry.observe_stage(stage, seconds)
        tracing.past_span(stage, seconds)
        self._tell(AnalysisEvent(stage, 1, 1))
        self.go_on()

    def on_progress(self, done: int, total: int) -> None:
        """Take note of a step."""
        self._tell(AnalysisEvent(_STEPPED, done, total))
        self.go_on()

    def _tell(self, event: AnalysisEvent) -> None:
        if self._on_event is not None:
            self._on_event(event)
