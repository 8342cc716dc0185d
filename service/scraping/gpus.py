"""Memory, load, temperature and power of the GPUs, through NVML."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["Gpus", "open_nvml"]

_LABELS = ("gpu", "name")
_PREFIX = "petroserve_gpu"
# From the metric to what it means.
_FIGURES = {
    "memory_used_bytes": "Memory of a GPU that is in use, by whichever process.",
    "memory_total_bytes": "Memory of a GPU.",
    "utilisation_fraction": "Share of the time in which a GPU worked, of the last moments.",
    "temperature_celsius": "Temperature of a GPU.",
    "power_watts": "Power that a GPU draws.",
}


def open_nvml() -> Any | None:
    """Open NVML; None where there is no GPU of Nvidia or no driver."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


class Gpus(Collector):
    """What NVML says of every GPU that the container sees, at the time of the scrape.

    Parameters
    ----------
    open_library : callable
        Opens NVML at the first scrape; gives None where there is none, and then nothing is shown.
    """

    def __init__(self, open_library: Callable[[], Any | None] = open_nvml) -> None:
        self._open = open_library
        self._nvml: Any | None = None
        self._is_open = False

    def collect(self) -> Iterable[Metric]:
        """Give the metrics; all without values where there is no GPU."""
        families = {
            figure: GaugeMetricFamily(f"{_PREFIX}_{figure}", what, labels=_LABELS)
            for figure, what in _FIGURES.items()
        }
        for labels, figure, value in self._figures():
            families[figure].add_metric(labels, value)
        return families.values()

    def _figures(self) -> Iterator[tuple[list[str], str, float]]:
        if not self._is_open:
            self._nvml, self._is_open = self._open(), True
        nvml = self._nvml
        if nvml is None:
            return
        count = 0
        with contextlib.suppress(nvml.NVMLError):
            count = nvml.nvmlDeviceGetCount()
        for index in range(count):
            # One that fell off the bus must not hide the others.
            with contextlib.suppress(nvml.NVMLError):
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                labels = [str(index), str(nvml.nvmlDeviceGetName(handle))]
                for figure, value in _of_one(nvml, handle):
                    yield labels, figure, value


def _of_one(nvml: Any, handle: Any) -> Iterator[tuple[str, float]]:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    yield "memory_used_bytes", memory.used
    yield "memory_total_bytes", memory.total
    # A part of a divided GPU tells memory, but neither load nor power.
    with contextlib.suppress(nvml.NVMLError):
        yield "utilisation_fraction", nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    with contextlib.suppress(nvml.NVMLError):
        celsius = nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
        yield "temperature_celsius", celsius
    with contextlib.suppress(nvml.NVMLError):
        yield "power_watts", nvml.nvmlDeviceGetPowerUsage(handle) / 1000
