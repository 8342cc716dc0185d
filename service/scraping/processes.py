"""Memory, processor time and files of all worker processes together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["Processes"]


@dataclass(frozen=True)
class _Usage:
    """What one process uses."""

    resident_bytes: int
    cpu_s: float
    open_files: int
    most_files: int
    threads: int
    began_s: float


class Processes(Collector):
    """What the workers use, read from the system at the time of the scrape.

    Whichever worker answers reads all of them, so the figures do not jump between scrapes, and one
    that was killed is no longer counted. There is no label for the process: ids change at every
    restart, and the series would grow.

    Parameters
    ----------
    pids : callable
        Gives the ids of the processes.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids

    def collect(self) -> Iterable[Metric]:
        """Give the metrics."""
        found = [usage for usage in map(_usage, self._pids()) if usage is not None]
        sizes = [usage.resident_bytes for usage in found]
        cpu_s = sum(usage.cpu_s for usage in found)
        yield _gauge("processes", "Worker processes that live.", len(found))
        yield _gauge("process_resident_bytes", "Resident memory of all workers.", sum(sizes))
        most = max(sizes, default=0)
        yield _gauge("process_resident_max_bytes", "Resident memory of the largest worker.", most)
        cpu = "Processor time of the workers that live."
        yield CounterMetricFamily("petroserve_process_cpu_seconds", cpu, value=cpu_s)
        yield from _files(found)
        threads = sum(usage.threads for usage in found)
        yield _gauge("process_threads", "Threads of all workers.", threads)
        yield from _starts([usage.began_s for usage in found])


def _starts(began_s: Sequence[float]) -> Iterator[Metric]:
    what = "When the oldest worker began, in seconds since 1970."
    yield _gauge("process_start_time_seconds", what, min(began_s, default=0.0))
    # One that dies again and again beside an older one changes only this.
    what = "When the youngest worker began, in seconds since 1970."
    yield _gauge("process_newest_start_time_seconds", what, max(began_s, default=0.0))


def _files(found: Iterable[_Usage]) -> Iterator[Metric]:
    used = sum(usage.open_files for usage in found)
    yield _gauge("process_open_files", "Open files and sockets of all workers.", used)
    shares = [usage.open_files / usage.most_files for usage in found if usage.most_files > 0]
    what = "Largest share of its limit of open files that a worker has used."
    yield _gauge("process_open_files_fraction", what, max(shares, default=0.0))


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(f"petroserve_{name}", what, value=value)


def _usage(pid: int) -> _Usage | None:
    """Read one process; None where it has ended."""
    try:
        process: Any = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            # A limit of -1 is none.
            most_files = process.rlimit(psutil.RLIMIT_NOFILE)[0]
            return _Usage(
                process.memory_info().rss,
                times.user + times.system,
                process.num_fds(),
                most_files,
                process.num_threads(),
                process.create_time(),
            )
    except psutil.Error:
        return None
