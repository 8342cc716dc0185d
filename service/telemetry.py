"""Every metric of the service, declared in one place.

Label values come from closed sets (route templates, known methods, status codes, stages, error
classes, served models), so that no client can make the number of series grow.

With several worker processes the values live in memory-mapped files that any worker can add up:
prometheus-client switches to them when ``PROMETHEUS_MULTIPROC_DIR`` is set before its import.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

__all__ = ["CONTENT_TYPE", "UNMATCHED_ROUTE", "Telemetry"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
UNMATCHED_ROUTE = "unmatched"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_AcrossWorkers = Literal["livesum", "livemax"]
# Half-decades from a tile on a GPU to a panorama on a CPU.
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
# Powers of two up to the largest batch of a GPU.
_TILES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class _Declaring(CollectorRegistry):
    """A registry that declares metrics of this project in one line each."""

    def counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"petroserve_{name}", what, labels, registry=self)

    def seconds(self, name: str, what: str, *labels: str) -> Histogram:
        name = f"petroserve_{name}_seconds"
        return Histogram(name, what, labels, buckets=_SECONDS, registry=self)

    def gauge(self, name: str, what: str, *labels: str, across: _AcrossWorkers) -> Gauge:
        name = f"petroserve_{name}"
        return Gauge(name, what, labels, multiprocess_mode=across, registry=self)


class Telemetry:
    """The metrics of one process.

    Parameters
    ----------
    multiprocess_folder : Path, optional
        Folder shared by the workers; without it this process is the only one.
    """

    def __init__(self, multiprocess_folder: Path | None = None) -> None:
        self._folder = multiprocess_folder
        self._registry = own = _Declaring()
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
        self.errors = own.counter("errors", "Requests that ended in an error.", "error")
        self.analyses = own.counter("analyses", "Analyses that ended.", "model", "outcome")
        self.imaging = own.counter("imaging", "Imaging that ended.", "kind", "outcome")
        self.stage_seconds = own.seconds("stage", "Time in one stage of the work.", "stage")
        self._declare_tiles(own)
        self.queue_depth = own.gauge(
            "queue_depth", "Requests that were accepted and wait.", across="livesum"
        )
        self.queue_wait_seconds = own.seconds("queue_wait", "Time until a request had its turn.")
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
        self.tile_batch_tiles = Histogram(
            "petroserve_tile_batch_tiles",
            "Tiles of one run of a network, without those that fill it up.",
            buckets=_TILES,
            registry=own,
        )
        self.tiles_waiting = own.gauge(
            "tiles_waiting", "Tiles that wait for a run.", "priority", across="livesum"
        )
        self.tile_wait_seconds = own.seconds(
            "tile_wait", "Time that a tile waited for its run.", "priority"
        )

    def observe_request(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request.

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

    def exposition(self) -> bytes:
        """The metrics of all workers in the Prometheus text format 0.0.4."""
        if self._folder is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._folder))
        return generate_latest(registry)

    def close(self) -> None:
        """Take this process's gauges out of the sum of the workers."""
        if self._folder is not None:
            mark_process_dead(os.getpid(), path=str(self._folder))
