"""Models switched while clients analyse: failed requests, waits, memory.

::

    python benchmarks/bench_switches.py [--model lumenstone-pspnet] [--switches 100] [--clients 4]
        [--px 256] [--tiny]

The service runs in a process of its own with one model in its folder. Clients send images, each its
next when the last is answered, first while nothing changes, then while a new version (a copy under
the next number) is put beside the old one, waited for, and the old one is taken away, so many times.
Times are those of the clients, from the first byte sent to the whole answer. Memory is the resident
memory of the worker after the first and after the last switch. ``--tiny`` takes the model of three
operators that the tests use, to see the switching without the network.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell
from benchmarks.serving import Parts, serving

ANSWER_WITHIN_S = 3600.0
LOOK_EVERY_S = 0.2


@dataclass
class Load:
    """What the clients saw in one phase."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    versions: set[int] = field(default_factory=set)


def main() -> None:
    """Measure and write a table."""
    arguments = parser().parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = tiny(folder / "source") if arguments.tiny else newest(arguments.model)
        put_version(source, folder / "models", 1)
        variables = {
            "PETROSERVE_MODELS_FOLDER": str(folder / "models"),
            "PETROSERVE_MODELS_RELOAD_S": str(LOOK_EVERY_S),
            "PETROSERVE_QUEUE_LENGTH": "1000",
        }
        with serving(folder, variables) as served:
            rows = asyncio.run(measure(served.address, served.process, folder, source, arguments))
    table = "\n".join([*head(arguments), *rows])
    tell(table, arguments)


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    options = recorded_options(__doc__)
    options.add_argument("--model", default="lumenstone-pspnet")
    options.add_argument("--switches", type=int, default=100)
    options.add_argument("--clients", type=int, default=4)
    options.add_argument("--px", type=int, default=256, help="side of the images")
    options.add_argument("--tiny", action="store_true", help="with the model of the tests")
    return options


def head(arguments: argparse.Namespace) -> list[str]:
    """Say what is measured, where and how."""
    return [
        f"### {'The model of the tests' if arguments.tiny else arguments.model}: {arguments.switches} switches under load",
        "",
        (
            f"{machine()}; "
            f"`python benchmarks/bench_switches.py --model {arguments.model} --switches "
            f"{arguments.switches} --clients {arguments.clients} --px {arguments.px}{' --tiny' if arguments.tiny else ''}`."
        ),
        "",
        "| phase | requests | failed | versions that answered | p50, s | p99, s | worker, MiB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]


def newest(model: str) -> Path:
    """Find the newest version of a shipped model."""
    return max((ROOT / "models" / model).iterdir(), key=lambda path: int(path.name))


def tiny(folder: Path) -> Path:
    """Write the model of the tests."""
    from tests.tiny_model import write_model

    return write_model(folder)


def put_version(source: Path, models: Path, version: int) -> None:
    """Write a model as another version of itself."""
    model = source.parent.name
    card = json.loads((source / "model.json").read_text())
    aside = models / model / f".{version}"
    aside.mkdir(parents=True)
    shutil.copyfile(source / "model.onnx", aside / "model.onnx")
    changed = {**card, "version": version, "precision": "float32", "derived_from": None}
    (aside / "model.json").write_text(json.dumps(changed))
    aside.rename(models / model / str(version))


async def measure(
    address: str,
    process: subprocess.Popen[bytes],
    folder: Path,
    source: Path,
    arguments: argparse.Namespace,
) -> list[str]:
    """Measure without and with switches."""
    image = paint(arguments.px)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=address, timeout=ANSWER_WITHIN_S, limits=limits
    ) as client:
        quiet, begun = Load(), time.monotonic()
        async with asyncio.TaskGroup() as group:
            stop = send_from_clients(group, client, image, quiet, arguments.clients)
            # As long as some switches take; enough requests for a 99th percentile are as many.
            while len(quiet.seconds) < 100 and time.monotonic() - begun < 60.0:
                await asyncio.sleep(0.1)
            stop.set()
        workers = {worker.pid for worker in workers_of(process)}
        rows = [row("nothing changes", quiet, memory_mib(process))]
        switched, first_mib = Load(), 0.0
        async with asyncio.TaskGroup() as group:
            stop = send_from_clients(group, client, image, switched, arguments.clients)
            for version in range(2, arguments.switches + 2):
                await switch(client, source, folder / "models", version)
                first_mib = first_mib or memory_mib(process)
            stop.set()
        rows.append(row(f"{arguments.switches} switches", switched, memory_mib(process)))
        if workers != {worker.pid for worker in workers_of(process)}:
            sys.exit(f"a worker ended: {(folder / 'log').read_text()[-5000:]}")
        rows.append(f"| after the first switch | | | | | | {first_mib:.0f} |")
    return rows


def paint(side_px: int) -> bytes:
    """Paint an image of ore."""
    from petrography.image_codec import encode_jpeg
    from petrography.phantoms import phantom

    return encode_jpeg(phantom("S1", 1, side_px, side_px).image, quality=94)


def send_from_clients(
    group: asyncio.TaskGroup, client: httpx.AsyncClient, image: bytes, load: Load, clients: int
) -> asyncio.Event:
    """Let clients send until the event is set."""
    stop = asyncio.Event()
    files: Parts = {"image": ("image.jpg", image), "request": (None, '{"outputs": ["labels.png"]}')}

    async def one_client() -> None:
        while not stop.is_set():
            began = time.perf_counter()
            try:
                answer = await client.post("/v1/analyses", files=files)
                answer.raise_for_status()
                load.versions.add(answer.json()["model"]["version"])
            except httpx.HTTPError as error:
                load.failures.append(repr(error))
            load.seconds.append(time.perf_counter() - began)

    for _ in range(clients):
        group.create_task(one_client())
    return stop


async def switch(client: httpx.AsyncClient, source: Path, models: Path, version: int) -> None:
    """Put a version beside the one before, wait for it, and take the old one away."""
    await asyncio.to_thread(put_version, source, models, version)
    await until_served(client, [version - 1, version])
    await asyncio.to_thread(shutil.rmtree, models / source.parent.name / str(version - 1))
    await until_served(client, [version])


async def until_served(client: httpx.AsyncClient, wanted: list[int]) -> None:
    """Ask until just these versions are served."""
    while True:
        # A connection of its own: one that is idle may be closed just when it is used again.
        answer = await client.get("/v1/models", headers={"Connection": "close"})
        if [one["version"] for one in answer.json()["models"]] == wanted:
            return
        await asyncio.sleep(0.05)


def memory_mib(process: subprocess.Popen[bytes]) -> float:
    """Add up the resident memory of the workers."""
    return float(sum(worker.memory_info().rss for worker in workers_of(process))) / 2**20


def workers_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Find the processes that serve."""
    workers: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    return workers


def row(phase: str, load: Load, mib: float) -> str:
    """Write a line of the table."""
    half, most = np.percentile(load.seconds, [50, 99])
    return (
        f"| {phase} | {len(load.seconds)} | {len(load.failures)} | {len(load.versions)} "
        f"| {half:.2f} | {most:.2f} | {mib:.0f} |"
    )


if __name__ == "__main__":
    main()
