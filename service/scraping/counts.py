"""Counts by state, and other numbers, of what a database keeps for all workers, such as jobs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["AskedGauge", "Counts"]

_log = logging.getLogger("petroserve.telemetry")


class AskedGauge(Collector):
    """A gauge whose one value is asked for at the time of the scrape, as `Counts` are.

    Parameters
    ----------
    name, what : str
        Name and meaning of the gauge.
    """

    def __init__(self, name: str, what: str) -> None:
        self._name, self._what = name, what
        self._measure: Callable[[], float] | None = None

    def ask(self, measure: Callable[[], float]) -> None:
        """Set who knows the value; called in the thread of a scrape, so it must be quick."""
        self._measure = measure

    def collect(self) -> Iterable[Metric]:
        """Give the gauge; without a value while nobody knows it."""
        gauge = GaugeMetricFamily(self._name, self._what)
        if self._measure is not None:
            try:
                gauge.add_metric([], self._measure())
            except Exception:  # noqa: BLE001 - as for `Counts`
                _log.exception("%s could not be measured", self._name)
        yield gauge


class Counts(Collector):
    """A gauge by state whose values are asked for at the time of the scrape.

    The answering worker asks once for all: what is kept in common must not be added up over the
    workers.

    Parameters
    ----------
    name, what : str
        Name and meaning of the gauge.
    states : iterable of str
        All that there are: each is always shown, and another one is counted as ``other``.
    """

    def __init__(self, name: str, what: str, states: Iterable[str]) -> None:
        self._name, self._what = name, what
        self._states = tuple(states)
        self._count: Callable[[], Mapping[str, int]] | None = None

    def ask(self, count: Callable[[], Mapping[str, int]]) -> None:
        """Set who knows the counts; called in the thread of a scrape, so it must be quick."""
        self._count = count

    def collect(self) -> Iterable[Metric]:
        """Give the gauge; without values while nobody knows them."""
        gauge = GaugeMetricFamily(self._name, self._what, labels=["state"])
        for state, number in self._counted().items():
            gauge.add_metric([state], number)
        yield gauge

    def _counted(self) -> dict[str, int]:
        if self._count is None:
            return {}
        try:
            counted = self._count()
        except Exception:  # noqa: BLE001 - whatever a database raises, the other metrics are shown
            _log.exception("%s could not be counted", self._name)
            return {}
        found = {state: counted.get(state, 0) for state in self._states}
        other = sum(number for state, number in counted.items() if state not in found)
        return {**found, "other": other} if other else found
