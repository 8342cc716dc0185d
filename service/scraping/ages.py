"""How long ago a moment was, at the time of asking."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["Ages"]


class Ages(Collector):
    """Metrics as others collect them, with some moments turned into ages.

    Workers share what they write, and a moment stays true while nobody writes it: with ``livemin``
    the oldest of all workers is left.

    Parameters
    ----------
    inner : Collector
        Gives the metrics.
    ages : mapping of str to tuple of str
        From the name of a gauge of moments, in seconds since 1970, infinite for none, to name and
        meaning of its age.
    clock : callable
        Seconds since 1970.
    """

    def __init__(
        self,
        inner: Collector,
        ages: Mapping[str, tuple[str, str]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inner, self._ages, self._clock = inner, ages, clock

    def collect(self) -> Iterable[Metric]:
        """Give all metrics."""
        for metric in self._inner.collect():
            yield self._aged(metric) if metric.name in self._ages else metric

    def _aged(self, metric: Metric) -> Metric:
        moments = [sample.value for sample in metric.samples]
        oldest = min(moments, default=math.inf)
        seconds = 0.0 if math.isinf(oldest) else max(0.0, self._clock() - oldest)
        name, what = self._ages[metric.name]
        return GaugeMetricFamily(name, what, value=seconds)
