"""Small requests beside a large one: how long do they wait?

::

    python benchmarks/bench_concurrency.py [--model lumenstone-pspnet] [--large 12000x8000]
        [--clients 1 4 16 64] [--root ANOTHER_CHECKOUT]

The service runs in a process of its own. So many clients at a time send images of 512 x 512 px, each
its next when the last is answered, first to an idle service, then while the analysis of a large image
runs, which is sent again when it is done. Times are those of the clients, from the first byte sent to
the whole answer. ``--root`` measures the service of another checkout with the clients of this one.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell
from benchmarks.serving import Parts, serving

SMALL_PX = 512
FIELD_HEIGHT_PX, FIELD_WIDTH_PX = 2000, 3000
ANSWER_WITHIN_S = 3600.0


@dataclass(frozen=True)
class Load:
    """What was measured with so many clients."""

    clients: int
    seconds: list[float]
    lasted_s: float

    def percentile(self, percent: float) -> float:
        """Seconds within which so many of the answers came."""
        return float(np.percentile(self.seconds, percent))


def main() -> None:
    """Measure and write a table."""
    arguments = parser().parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = paint(*map(int, arguments.large.split("x")))
        with serving(folder, variables(arguments), root=arguments.root) as served:
            rows = asyncio.run(measure(served.address, small, large, arguments))
    table = "\n".join([*head(arguments), *rows])
    tell(table, arguments)


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    options = recorded_options(__doc__)
    options.add_argument("--model", default="lumenstone-pspnet")
    options.add_argument("--root", type=Path, default=ROOT)
    options.add_argument(
        "--what", default="one scheduler of tiles", help="name of the way measured"
    )
    options.add_argument("--large", default="12000x8000", metavar="WIDTHxHEIGHT")
    options.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16, 64])
    options.add_argument("--requests", type=int, default=24, help="least requests for each row")
    return options


def head(arguments: argparse.Namespace) -> list[str]:
    """Say what is measured, where and how."""
    return [
        f"### {arguments.model}: {SMALL_PX} x {SMALL_PX} px requests beside one of {arguments.large} px",
        "",
        (
            f"{arguments.what}; {machine()}; "
            f"`python benchmarks/bench_concurrency.py --model {arguments.model} "
            f"--large {arguments.large} --clients {' '.join(map(str, arguments.clients))} "
            f"--requests {arguments.requests}`."
        ),
        "",
        (
            "| clients | idle: p50, s | p95, s | requests/s | beside the large one: p50, s | p95, s "
            "| requests/s | p50 over idle | p95 over idle |"
        ),
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]


def paint(width_px: int, height_px: int) -> tuple[bytes, bytes]:
    """Paint a small image, and a large one that repeats a field mirrored."""
    from petrography.image_codec import encode_jpeg
    from petrography.phantoms import phantom

    field = phantom("S1", 1, FIELD_HEIGHT_PX, FIELD_WIDTH_PX).image
    rows = np.pad(np.arange(FIELD_HEIGHT_PX), (0, max(0, height_px - FIELD_HEIGHT_PX)), "reflect")
    columns = np.pad(np.arange(FIELD_WIDTH_PX), (0, max(0, width_px - FIELD_WIDTH_PX)), "reflect")
    large = np.ascontiguousarray(field[rows[:height_px]][:, columns[:width_px]])
    small = np.ascontiguousarray(field[:SMALL_PX, :SMALL_PX])
    return encode_jpeg(small, quality=94), encode_jpeg(large, quality=94)


def variables(arguments: argparse.Namespace) -> dict[str, str]:
    """Settings of the service that is measured."""
    return {
        "PETROSERVE_DEFAULT_MODEL": arguments.model,
        "PETROSERVE_QUEUE_LENGTH": str(2 * max(arguments.clients)),
        # The way before had no turns for small ones: it needs as many for all.
        "PETROSERVE_CONCURRENT_ANALYSES": "1" if arguments.root == ROOT else "3",
    }


async def measure(
    address: str, small: bytes, large: bytes, arguments: argparse.Namespace
) -> list[str]:
    """Measure every number of clients without and with the large request."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=address, timeout=ANSWER_WITHIN_S, limits=limits
    ) as client:
        rows = []
        for clients in arguments.clients:
            count = max(arguments.requests, 2 * clients)
            idle = await load(client, small, clients, count)
            async with asyncio.TaskGroup() as group:
                beside = group.create_task(repeat(client, large))
                # So that it is in the middle of its tiles.
                await asyncio.sleep(3.0)
                busy = await load(client, small, clients, count)
                beside.cancel()
            await drained(client)
            rows.append(row(idle, busy))
            print(rows[-1], flush=True)
    return rows


async def load(client: httpx.AsyncClient, image: bytes, clients: int, count: int) -> Load:
    """Send `count` requests from so many clients."""
    left, seconds = iter(range(count)), []

    async def one_client() -> None:
        for _ in left:
            began = time.perf_counter()
            await post(client, image)
            seconds.append(time.perf_counter() - began)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(one_client())
    return Load(clients, seconds, time.perf_counter() - began)


async def repeat(client: httpx.AsyncClient, image: bytes) -> None:
    """Send a request again and again."""
    while True:
        await post(client, image)


async def post(client: httpx.AsyncClient, image: bytes) -> None:
    """Send one request; only the map is wanted of it."""
    files: Parts = {
        "image": ("image.jpg", image),
        "request": (None, '{"outputs": ["labels.png"], "association": "S1"}'),
    }
    answer = await client.post("/v1/analyses", files=files)
    answer.raise_for_status()


async def drained(client: httpx.AsyncClient) -> None:
    """Wait until the cancelled large request has left."""
    while True:
        lines = (await client.get("/metrics")).text.splitlines()
        in_flight = [
            line for line in lines if line.startswith("petroserve_http_requests_in_flight")
        ]
        # The question itself is one.
        if sum(float(line.rpartition(" ")[2]) for line in in_flight) <= 1.0:
            return
        await asyncio.sleep(0.2)


def row(idle: Load, busy: Load) -> str:
    """Write a line of the table."""
    half, most = (busy.percentile(p) / idle.percentile(p) for p in (50, 95))
    figures = " | ".join(
        f"{one.percentile(50):.2f} | {one.percentile(95):.2f} "
        f"| {len(one.seconds) / one.lasted_s:.2f}"
        for one in (idle, busy)
    )
    return f"| {idle.clients} | {figures} | {half:.2f} | {most:.2f} |"


if __name__ == "__main__":
    main()
