"""From the command to a service that takes work, beside a BentoML service that does nothing.

::

    python benchmarks/bench_start.py [--model lumenstone-pspnet] [--starts 5]

Starts take turns: `petroserve serve` with one model on the CPU until ``/readyz`` says that the model
is warm, and `bentoml serve` of a service of three lines until its ``/readyz`` answers, which is what
the shell takes by itself. CPU seconds are those of all processes of the service up to then.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell
from benchmarks.serving import free_port, serving

WITHIN_S = 120.0
NOTHING = """
import bentoml

@bentoml.service
class Nothing:
    @bentoml.api
    def answer(self) -> str:
        return ""
"""
Start = tuple[float, float]


def main() -> None:
    """Measure and write a table."""
    arguments = parser().parse_args()
    starts: dict[str, list[Start]] = {f"petroserve, {arguments.model}": [], "bare BentoML": []}
    for _ in range(arguments.starts + 1):
        with tempfile.TemporaryDirectory() as name:
            starts[f"petroserve, {arguments.model}"].append(ours(Path(name), arguments.model))
            starts["bare BentoML"].append(bare(Path(name)))
    # The first starts read the files of the libraries from the disk.
    rows = [row(name, taken[1:]) for name, taken in starts.items()]
    table = "\n".join([*head(arguments), *rows])
    tell(table, arguments)


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    options = recorded_options(__doc__)
    options.add_argument("--model", default="lumenstone-pspnet")
    options.add_argument("--starts", type=int, default=5)
    return options


def head(arguments: argparse.Namespace) -> list[str]:
    """Say what is measured, where and how."""
    return [
        "### From start to ready",
        "",
        (
            f"{machine()}; "
            f"`python benchmarks/bench_start.py --model {arguments.model} --starts "
            f"{arguments.starts}`."
        ),
        "",
        "| service | starts | p50, s | longest, s | CPU p50, s |",
        "|---|--:|--:|--:|--:|",
    ]


def ours(folder: Path, model: str) -> Start:
    """Start the service with one model."""
    models = folder / "models"
    models.mkdir()
    (models / model).symlink_to(ROOT / "models" / model)
    began = time.perf_counter()
    with serving(folder, {"PETROSERVE_MODELS_FOLDER": str(models)}) as served:
        return time.perf_counter() - began, cpu_s(served.process)


def bare(folder: Path) -> Start:
    """Start a service of BentoML that does nothing."""
    (folder / "nothing.py").write_text(NOTHING)
    port, began = free_port(), time.perf_counter()
    with bentoml_serve(folder, port) as process:
        while not is_ready(f"http://127.0.0.1:{port}"):
            if time.perf_counter() - began > WITHIN_S:
                sys.exit("BentoML did not become ready")
            time.sleep(0.02)
        return time.perf_counter() - began, cpu_s(process)


@contextlib.contextmanager
def bentoml_serve(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Serve `nothing.py` until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bentoml", "serve", "nothing:Nothing", "--port", str(port)],
        cwd=folder,
        env={**os.environ, "BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def is_ready(address: str) -> bool:
    """Ask once."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{address}/readyz").status_code == 200
    return False


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Seconds of processor that a service took so far."""
    parent = psutil.Process(process.pid)
    times = [one.cpu_times() for one in (parent, *parent.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def row(name: str, starts: list[Start]) -> str:
    """Write a line of the table."""
    walls, processors = zip(*starts, strict=True)
    return (
        f"| {name} | {len(starts)} | {statistics.median(walls):.1f} | {max(walls):.1f} "
        f"| {statistics.median(processors):.1f} |"
    )


if __name__ == "__main__":
    main()
