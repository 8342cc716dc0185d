"""How far an analysis is, as one number that never falls."""

from __future__ import annotations

from service.engine import AnalysisEvent

__all__ = ["Progress"]

# Where each stage ends, of 1: shares of an image of 9 megapixels on a CPU.
_ENDS = {
    "decode": 0.05,
    "calibration": 0.08,
    "registration": 0.1,
    "segmentation": 0.8,
    "statistics": 0.9,
    "report": 0.99,
}
_TILES_BEGIN = _ENDS["registration"]


class Progress:
    """The progress of one analysis; told in one thread and read in another."""

    def __init__(self) -> None:
        self._latest: tuple[str, float] | None = None

    def on_event(self, event: AnalysisEvent) -> None:
        """Take note of an event.

        Examples
        --------
        >>> progress = Progress()
        >>> progress.on_event(AnalysisEvent("segmentation", 1, 2))
        >>> progress.on_event(AnalysisEvent("decode", 1, 1))
        >>> progress.latest()
        ('decode', 0.45)
        """
        end = _ENDS.get(event.stage, _TILES_BEGIN)
        if event.stage == "segmentation":
            share = event.done / max(event.total, 1)
            end = _TILES_BEGIN + (end - _TILES_BEGIN) * share
        before = 0.0 if self._latest is None else self._latest[1]
        self._latest = (event.stage, round(max(before, end), 4))

    def latest(self) -> tuple[str, float] | None:
        """The stage, and the fraction from 0 to 1; None before the first."""
        return self._latest
