"""How many inferences every model made, and how long each part of them took, since the start.

The parts are those of the statistics extension of Triton, so that its clients can read them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

__all__ = ["BatchCounts", "Duration", "InferenceTimes", "ModelStatistics", "StatisticsBook"]


@dataclass(frozen=True)
class Duration:
    """A cumulative duration.

    Attributes
    ----------
    count : int
        How often it was measured.
    ns : int
        All of it, in nanoseconds.
    """

    count: int = 0
    ns: int = 0

    def plus(self, ns: int) -> Duration:
        """Add one measurement."""
        return Duration(self.count + 1, self.ns + ns)


@dataclass(frozen=True)
class InferenceTimes:
    """Nanoseconds of the parts of one inference.

    Attributes
    ----------
    total : int
        From the request to its answer.
    queue : int
        Until its turn came.
    compute_input : int
        Decoding of an encoded file.
    compute_infer : int
        Tiles through the networks, their waits for batches included, to maps.
    compute_output : int
        From maps to the answer.
    """

    total: int
    queue: int
    compute_input: int
    compute_infer: int
    compute_output: int


@dataclass(frozen=True)
class BatchCounts:
    """Durations of the requests with so many images."""

    compute_input: Duration = Duration()
    compute_infer: Duration = Duration()
    compute_output: Duration = Duration()

    def plus(self, times: InferenceTimes) -> BatchCounts:
        """Add one inference."""
        return BatchCounts(
            self.compute_input.plus(times.compute_input),
            self.compute_infer.plus(times.compute_infer),
            self.compute_output.plus(times.compute_output),
        )


@dataclass(frozen=True)
class ModelStatistics:
    """What one version of a model did in this process.

    Attributes
    ----------
    name, version : str
        Of the model.
    last_inference_ms : int
        When its latest inference ended, milliseconds since 1970; 0 before the first.
    inference_count : int
        Images of successful requests.
    execution_count : int
        Successful requests. Tiles of several requests share runs of the network, so these are not
        the runs.
    success, fail, queue : Duration
        Of requests: successful and failed ones as a whole, and the wait of successful ones.
    by_images : mapping of int to BatchCounts
        By images of the request, at most 64 of them.
    """

    name: str
    version: str
    last_inference_ms: int = 0
    inference_count: int = 0
    success: Duration = Duration()
    fail: Duration = Duration()
    queue: Duration = Duration()
    by_images: dict[int, BatchCounts] = field(default_factory=dict)

    @property
    def execution_count(self) -> int:
        """Successful requests."""
        return self.success.count

    def computing(self) -> BatchCounts:
        """Sum over the numbers of images."""
        return BatchCounts(
            _sum(counts.compute_input for counts in self.by_images.values()),
            _sum(counts.compute_infer for counts in self.by_images.values()),
            _sum(counts.compute_output for counts in self.by_images.values()),
        )


class StatisticsBook:
    """The statistics of all models of a process; may be used from several threads."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], ModelStatistics] = {}
        self._changing = threading.Lock()

    def of(self, name: str, version: str) -> ModelStatistics:
        """Tell what a version of a model did; all zero where it did nothing yet."""
        with self._changing:
            return self._kept.get((name, version), ModelStatistics(name, version))

    def succeeded(self, name: str, version: str, images: int, times: InferenceTimes) -> None:
        """Count a successful request.

        Parameters
        ----------
        name, version : str
            Of the model.
        images : int
            That it had.
        times : InferenceTimes
            What it took.
        """
        with self._changing:
            before = self._kept.get((name, version), ModelStatistics(name, version))
            counts = before.by_images.get(images, BatchCounts())
            self._kept[name, version] = ModelStatistics(
                name,
                version,
                last_inference_ms=time.time_ns() // 1_000_000,
                inference_count=before.inference_count + images,
                success=before.success.plus(times.total),
                fail=before.fail,
                queue=before.queue.plus(times.queue),
                by_images=before.by_images | {images: counts.plus(times)},
            )

    def failed(self, name: str, version: str, ns: int) -> None:
        """Count a request that was refused, failed, or left by its client."""
        with self._changing:
            before = self._kept.get((name, version), ModelStatistics(name, version))
            self._kept[name, version] = replace(before, fail=before.fail.plus(ns))


def _sum(durations: Iterable[Duration]) -> Duration:
    listed = list(durations)
    return Duration(sum(one.count for one in listed), sum(one.ns for one in listed))
