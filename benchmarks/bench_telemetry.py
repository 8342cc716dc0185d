"""What it costs to be observed: requests with and without traces, a scrape, a line of the log.

::

    python benchmarks/bench_telemetry.py [--model lumenstone-pspnet] [--requests 40]

Services of their own run side by side: text log without traces, JSON log without traces, and JSON
log with every request traced to a collector that reads all it gets. Every round asks each of them
once, so that what else the machine does hits all alike; the difference of a round is free of it.
Then come costs within a process: a span that nobody records, one that is sent, a line of the log,
and a scrape of one worker.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import argparse
import io
import logging
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell
from benchmarks.serving import serving
from petrography.image_codec import encode_jpeg
from petrography.phantoms import phantom
from service import tracing
from service.logs import JsonLines
from service.span_export import SpanRecorder
from service.telemetry import Telemetry

IMAGE_PX = 512
REPEATS = 2000


def main() -> None:
    """Measure and write a table."""
    arguments = parser().parse_args()
    with tempfile.TemporaryDirectory() as name, collecting() as collector, ExitStack() as stack:
        ways = {
            "text log": {"PETROSERVE_LOG_FORMAT": "text"},
            "JSON log": {"PETROSERVE_LOG_FORMAT": "json"},
            "JSON log and traces": {
                "PETROSERVE_LOG_FORMAT": "json",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            },
        }
        clients = {
            way: stack.enter_context(service(Path(name) / way, arguments.model, variables))
            for way, variables in ways.items()
        }
        rows = requests(clients, arguments.requests)
    table = "\n".join([*head(arguments), *rows, "", *within_a_process()])
    tell(table, arguments)


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    options = recorded_options(__doc__)
    options.add_argument("--model", default="lumenstone-pspnet")
    options.add_argument("--requests", type=int, default=40, help="rounds")
    return options


def head(arguments: argparse.Namespace) -> list[str]:
    """Say what is measured, where and how."""
    return [
        "### The price of logs, traces and metrics",
        "",
        (
            f"{machine()}; `python benchmarks/bench_telemetry.py --model {arguments.model} "
            f"--requests {arguments.requests}`. Differences are medians over rounds that ask every "
            "service once."
        ),
        "",
        "| request | service | p50, ms | p95, ms | over the text log, ms |",
        "|---|---|--:|--:|--:|",
    ]


@contextmanager
def collecting() -> Iterator[str]:
    """Read whatever is sent; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@contextmanager
def service(folder: Path, model: str, variables: dict[str, str]) -> Iterator[httpx.Client]:
    """Run a service for the length of the block."""
    folder.mkdir()
    with (
        serving(folder, {"PETROSERVE_DEFAULT_MODEL": model, **variables}) as served,
        httpx.Client(base_url=served.address, timeout=600.0) as client,
    ):
        yield client


def requests(clients: dict[str, httpx.Client], rounds: int) -> list[str]:
    """Measure a small and a whole request on every service."""
    image = encode_jpeg(phantom("S1", 1, IMAGE_PX, IMAGE_PX).image, quality=94)
    files = {"image": ("image.jpg", image)}
    asks: dict[str, tuple[int, Callable[[httpx.Client], httpx.Response]]] = {
        "`GET /v1/models`": (10 * rounds, lambda client: client.get("/v1/models")),
        f"`POST /v1/analyses`, {IMAGE_PX} px": (
            rounds,
            lambda client: client.post("/v1/analyses", files=files),
        ),
    }
    return [
        row
        for what, (count, ask) in asks.items()
        for row in rows_of(what, {way: seconds_of(ask) for way in clients}, clients, count)
    ]


def seconds_of(
    ask: Callable[[httpx.Client], httpx.Response],
) -> Callable[[httpx.Client], float]:
    """Make of a request its time."""

    def timed(client: httpx.Client) -> float:
        began = time.perf_counter()
        ask(client).raise_for_status()
        return time.perf_counter() - began

    return timed


def rows_of(
    what: str,
    asks: dict[str, Callable[[httpx.Client], float]],
    clients: dict[str, httpx.Client],
    rounds: int,
) -> list[str]:
    """Ask every service in every round and write the lines of one request."""
    for way, client in clients.items():
        asks[way](client)
    seconds = [{way: asks[way](clients[way]) for way in clients} for _ in range(rounds)]
    first = next(iter(clients))
    rows = []
    for way in clients:
        own = [one[way] * 1e3 for one in seconds]
        over = statistics.median(one[way] * 1e3 - one[first] * 1e3 for one in seconds)
        half, most = statistics.median(own), statistics.quantiles(own, n=20)[-1]
        rows.append(f"| {what} | {way} | {half:.2f} | {most:.2f} | {over:+.2f} |")
    return rows


def within_a_process() -> list[str]:
    """Measure what one event costs."""
    log = logging.getLogger("petroserve.benchmark")
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(JsonLines())
    log.propagate = False
    log.setLevel("INFO")
    log.addHandler(handler)
    fields = {"route": "/v1/analyses", "status": 201, "duration_s": 0.25}
    telemetry = Telemetry()

    def span() -> None:
        with tracing.span("stage"):
            pass

    unrecorded = microseconds(span)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    before = tracing.install(SpanRecorder(provider))
    recorded = microseconds(span)
    tracing.install(before)
    provider.shutdown()
    line = microseconds(lambda: log.info("POST '/v1/analyses' 201 0.250 s", extra=fields))
    scrape = microseconds(telemetry.exposition, repeats=50)
    figures = {
        "a span that nobody records": unrecorded,
        "a span that is recorded and handed to the exporter": recorded,
        "a line of JSON, secrets looked for": line,
        "a scrape of one worker, nothing measured yet": scrape,
    }
    rows = [f"| {what} | {figure:.1f} |" for what, figure in figures.items()]
    return ["| within a process | µs |", "|---|--:|", *rows]


def microseconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Time of one call: the median of runs of many."""
    runs = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(repeats):
            work()
        runs.append((time.perf_counter() - began) / repeats * 1e6)
    return statistics.median(runs)


if __name__ == "__main__":
    main()
