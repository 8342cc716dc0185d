"""Every metric of the service, declared in one place.

Label values come from closed sets (route templates, known methods, status codes, stages, error
classes, served models), so that no client can make the number of series grow.

With several worker processes the values live in memory-mapped files that any worker can add up:
prometheus-client switches to them when ``PROMETHEUS_MULTIPROC_DIR`` is set before its import.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from petrography.version import installed_version
from service.scraping import Ages, AskedGauge, Counts, Gpus, Processes

__all__ = ["CONTENT_TYPE", "JOB_STATES", "UNMATCHED_ROUTE", "WEBHOOK_STATES", "Telemetry"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
UNMATCHED_ROUTE = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_AcrossWorkers = Literal["livesum", "livemax", "livemin"]
# Half-decades from a tile on a GPU to a panorama on a CPU.
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
# Powers of two up to the largest batch of a GPU.
_TILES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
# CIEDE2000: just visible is 1, "calibrate first" begins at 3 by the hue and 9 by the phases.
_COLOUR_DIFFERENCES = (0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 9.0, 12.0, 20.0, 40.0)
# Finer where good maps are.
_CONFIDENCES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)
_OLDEST_ARRIVAL = "petroserve_queue_oldest_arrival_seconds"
_AGES = {
    _OLDEST_ARRIVAL: (
        "petroserve_queue_oldest_wait_seconds",
        "Age of the request that has waited longest for its turn, 0 where none waits.",
    )
}
JOB_STATES = ("queued", "running", "done", "failed", "cancelled", "dead")
WEBHOOK_STATES = ("waiting", "delivered", "dead")


class _Declaring(CollectorRegistry):
    """A registry that declares metrics of this project in one line each.

    Attributes
    ----------
    labels : dict of str to tuple of str
        Names of the labels of each metric.
    """

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[str, tuple[str, ...]] = {}

    def counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(self._named(name, labels), what, labels, registry=self)

    def seconds(self, name: str, what: str, *labels: str) -> Histogram:
        return self.spread(f"{name}_seconds", what, *labels, buckets=_SECONDS)

    def spread(self, name: str, what: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
        name = self._named(name, labels)
        return Histogram(name, what, labels, buckets=buckets, registry=self)

    def gauge(self, name: str, what: str, *labels: str, across: _AcrossWorkers) -> Gauge:
        name = self._named(name, labels)
        return Gauge(name, what, labels, multiprocess_mode=across, registry=self)

    def _named(self, name: str, labels: tuple[str, ...]) -> str:
        self.labels[f"petroserve_{name}"] = labels
        return f"petroserve_{name}"


class Telemetry:
    """The metrics of one process.

    Parameters
    ----------
    multiprocess_folder : Path, optional
        Folder shared by the workers; without it this process is the only one.
    gpus : Collector, optional
        Instead of what NVML says.

    Attributes
    ----------
    labels : mapping of str to tuple of str
        Names of the labels of each metric that has any and is declared here.
    jobs, webhooks : Counts
        Told by ``ask`` who counts jobs (`JOB_STATES`) and messages (`WEBHOOK_STATES`) by state;
        without values until then.
    oldest_queued_job : AskedGauge
        Told by ``ask`` who knows for how many seconds the oldest waiting job has waited.
    """

    def __init__(
        self, multiprocess_folder: Path | None = None, *, gpus: Collector | None = None
    ) -> None:
        self._folder = multiprocess_folder
        self.jobs = Counts("petroserve_jobs", "Jobs by state.", JOB_STATES)
        self.oldest_queued_job = AskedGauge(
            "petroserve_jobs_oldest_queued_seconds",
            "Time for which the oldest waiting job has waited.",
        )
        self.webhooks = Counts(
            "petroserve_webhooks", "Webhook messages that are kept, by state.", WEBHOOK_STATES
        )
        self._gpus = gpus or Gpus()
        self._declare_requests(own := _Declaring())
        self._declare_tiles(own)
        self._declare_models(own)
        self._declare_input(own)
        self._declare_webhooks(own)
        self._registry = own
        self.labels: Mapping[str, tuple[str, ...]] = own.labels

    def _declare_requests(self, own: _Declaring) -> None:
        self.requests = own.counter("http_requests", "HTTP answers.", "route", "method", "status")
        self.request_seconds = own.seconds(
            "http_request",
            "From the begin of a request to the end of its answer.",
            "route",
            "method",
        )
        self.in_flight = own.gauge(
            "http_requests_in_flight", "HTTP requests being answered.", across="livesum"
        )
        self.calls = own.counter("grpc_calls", "gRPC answers.", "method", "code")
        self.call_seconds = own.seconds(
            "grpc_call", "From the begin of a call to the end of its answer.", "method"
        )
        self.calls_in_flight = own.gauge(
            "grpc_calls_in_flight", "gRPC calls being answered.", across="livesum"
        )
        self.errors = own.counter("errors", "Requests that ended in an error.", "error")
        self.analyses = own.counter("analyses", "Analyses that ended.", "model", "outcome")
        self.inferences = own.counter("inferences", "Inferences that ended.", "model", "outcome")
        self.imaging = own.counter("imaging", "Imaging that ended.", "kind", "outcome")
        self.stage_seconds = own.seconds("stage", "Time in one stage of the work.", "stage")
        self.queue_depth = own.gauge(
            "queue_depth", "Requests that were accepted and wait.", across="livesum"
        )
        self.queue_wait_seconds = own.seconds("queue_wait", "Time until a request had its turn.")
        # Shown as its age, see `_AGES`.
        self._oldest_arrival = Gauge(
            _OLDEST_ARRIVAL, "Moment.", multiprocess_mode="livemin", registry=own
        )
        self._oldest_arrival.set(math.inf)

    def _declare_models(self, own: _Declaring) -> None:
        info = own.gauge("build_info", "1, with what runs.", "version", "python", across="livemax")
        info.labels(installed_version(), platform.python_version()).set(1)
        self.model_info = own.gauge(
            "model_info",
            "1 for every model that is served.",
            "name",
            "version",
            "sha256",
            "provider",
            across="livemax",
        )
        self.model_load_seconds = own.gauge(
            "model_load_seconds",
            "Time to verify, open and warm a model.",
            "name",
            "version",
            across="livemax",
        )

        self._declare_reloading(own)

    def _declare_reloading(self, own: _Declaring) -> None:
        self.model_changes = own.counter(
            "model_changes", "Changes of what is served, by what became of them.", "outcome"
        )
        self.models_refused = own.gauge(
            "models_refused", "Versions and weights that cannot be served.", across="livemax"
        )

    def _declare_tiles(self, own: _Declaring) -> None:
        self.tiles = own.counter("tiles", "Tiles through a network.")
        self.tile_batch_seconds = own.seconds(
            "tile_batch", "One run of a network over a batch of tiles.", "provider"
        )
        self.model_tiles = own.counter("model_tiles", "Tiles through the networks.", "model")
        self.tile_batch_tiles = own.spread(
            "tile_batch_tiles",
            "Tiles of one run of a network, without those that fill it up.",
            buckets=_TILES,
        )
        self.tiles_waiting = own.gauge(
            "tiles_waiting", "Tiles that wait for a run.", "priority", across="livesum"
        )
        self.tile_wait_seconds = own.seconds(
            "tile_wait", "Time that a tile waited for its run.", "priority"
        )

    def _declare_input(self, own: _Declaring) -> None:
        self._hue_distance = own.spread(
            "input_hue_distance",
            "CIEDE2000 between the bright colours of an image and those of the training images.",
            "model",
            buckets=_COLOUR_DIFFERENCES,
        )
        self._colour_distance = own.spread(
            "input_colour_distance",
            "Mean CIEDE2000 between the phases of an image and their colours in training.",
            "model",
            buckets=_COLOUR_DIFFERENCES,
        )
        self._confidence = own.spread(
            "mean_confidence", "Mean confidence of an analysis.", "model", buckets=_CONFIDENCES
        )
        self.calibrate_first = own.counter(
            "calibrate_first", 'Analyses whose colours say "calibrate first".', "model"
        )
        self.degradations = own.counter(
            "degradations", "What finished analyses had to do without.", "kind"
        )

    def _declare_webhooks(self, own: _Declaring) -> None:
        self.webhook_tries = own.counter("webhook_tries", "Tries to deliver a webhook.", "outcome")
        for outcome in WEBHOOK_STATES:
            # Of a series that begins at 1 `increase` misses the first.
            self.webhook_tries.labels(outcome)
        self.webhook_try_seconds = own.seconds("webhook_try", "Time of one try.")

    def observe_request(self, *, route: str, method: str, status: int, seconds: float) -> str:
        """Count one answered request; gives its method, folded.

        Parameters
        ----------
        route : str
            Template of the route, `UNMATCHED_ROUTE` for a URL that has none.
        method : str
            As sent; unknown ones are folded into ``OTHER``.
        status : int
            HTTP status; 499 where the client was gone before the answer.
        seconds : float
            Duration.
        """
        known = method if method in _METHODS else "OTHER"
        self.requests.labels(route, known, str(status)).inc()
        self.request_seconds.labels(route, known).observe(seconds)
        return known

    def observe_call(self, *, method: str, code: str, seconds: float) -> None:
        """Count one answered call of gRPC.

        Parameters
        ----------
        method : str
            Service and method, of those that there are.
        code : str
            Name of the gRPC status code.
        seconds : float
            Duration.
        """
        self.calls.labels(method, code).inc()
        self.call_seconds.labels(method).observe(seconds)

    def observe_error(self, error: BaseException) -> None:
        """Count one error under the name of its class."""
        self.errors.labels(type(error).__name__).inc()

    def observe_stage(self, stage: str, seconds: float) -> None:
        """Record the time of one stage of the work."""
        self.stage_seconds.labels(stage).observe(seconds)

    def observe_tile_batch(
        self, provider: str, tiles: int, seconds: float, *, model: str | None = None
    ) -> None:
        """Record one run of a network, of a served model, over `tiles` tiles."""
        self.tiles.inc(tiles)
        self.tile_batch_seconds.labels(provider).observe(seconds)
        if model is not None:
            self.model_tiles.labels(model).inc(tiles)

    def observe_tiles_waiting(self, priority: str, tiles: int) -> None:
        """Record how many tiles of a priority wait."""
        self.tiles_waiting.labels(priority).set(tiles)

    def observe_tile_wait(self, priority: str, seconds: float) -> None:
        """Record how long a tile waited for its run."""
        self.tile_wait_seconds.labels(priority).observe(seconds)

    def observe_batch_size(self, tiles: int) -> None:
        """Record how many tiles shared a run."""
        self.tile_batch_tiles.observe(tiles)

    def observe_oldest_waiting(self, arrived_s: float | None) -> None:
        """Record when the request that waits longest arrived, in seconds since 1970."""
        self._oldest_arrival.set(math.inf if arrived_s is None else arrived_s)

    def observe_input(
        self,
        model: str,
        *,
        hue_distance: float | None,
        colour_distance: float | None,
        mean_confidence: float | None,
    ) -> None:
        """Record how far the image of an analysis is from what the model was trained on.

        Parameters
        ----------
        model : str
            NAME:VERSION.
        hue_distance, colour_distance : float or None
            CIEDE2000, at least 0; None where it was not judged.
        mean_confidence : float or None
            In [0, 1].
        """
        for metric, value in (
            (self._hue_distance, hue_distance),
            (self._colour_distance, colour_distance),
            (self._confidence, mean_confidence),
        ):
            if value is not None:
                metric.labels(model).observe(value)

    def observe_webhook(self, outcome: str, seconds: float) -> None:
        """Record a try to deliver a webhook: delivered, waiting (for the next try) or dead."""
        self.webhook_tries.labels(outcome).inc()
        self.webhook_try_seconds.observe(seconds)

    def exposition(self) -> bytes:
        """The metrics of all workers in the Prometheus text format 0.0.4."""
        registry = CollectorRegistry()
        for collector in self._collectors():
            registry.register(collector)
        return generate_latest(registry)

    def families(self) -> tuple[Metric, ...]:
        """Every metric that there is, with its samples of now."""
        return tuple(metric for one in self._collectors() for metric in one.collect())

    def _collectors(self) -> Iterable[Collector]:
        own: Collector = self._registry
        if self._folder is not None:
            self._forget_the_killed(self._folder)
            own = MultiProcessCollector(None, path=str(self._folder))
        yield Ages(own, _AGES)
        yield Processes(self._pids)
        yield self._gpus
        yield self.jobs
        yield self.oldest_queued_job
        yield self.webhooks

    def _pids(self) -> set[int]:
        return {os.getpid()} if self._folder is None else _living(self._folder)

    @staticmethod
    def _forget_the_killed(folder: Path) -> None:
        """Take the gauges of processes out of the sum that had no time to say goodbye."""
        for pid in _pids_in(folder, "gauge_live*") - _living(folder):
            # Another worker may be doing the same.
            with contextlib.suppress(FileNotFoundError):
                mark_process_dead(pid, path=str(folder))

    def close(self) -> None:
        """Take this process's gauges out of the sum of the workers."""
        if self._folder is not None:
            mark_process_dead(os.getpid(), path=str(self._folder))


def _pids_in(folder: Path, kind: str = "*") -> set[int]:
    """Find the processes that wrote metrics: their files are ``<kind>_<pid>.db``."""
    ends = (path.stem.rpartition("_")[2] for path in folder.glob(f"{kind}_*.db"))
    return {int(end) for end in ends if end.isdigit()}


def _living(folder: Path) -> set[int]:
    return {pid for pid in _pids_in(folder) if psutil.pid_exists(pid)}
