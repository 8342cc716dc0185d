"""`petroserve batch` beside `petroserve analyse` over the same photographs.

::

    python benchmarks/bench_batch.py [--model lumenstone-pspnet] [--photographs 16] [--repeat 2]
        [--workers 1 2]

Painted photographs of the size of a camera, and the whole command from its start to its end, so that
the start of Ray counts. Ways take turns. CPU seconds are those of all processes of a command, and tell more
than the others where the machine has other work. Memory is that of all processes of a command, shared pages
divided among them (PSS), at its largest. ``again`` is the batch over what is finished: what is left
is the start and the end of Ray, and reading every photograph for its digest.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell
from petrography.image_codec import encode_jpeg
from petrography.phantoms import phantom

HEIGHT_PX, WIDTH_PX = 2547, 3396
_LOOK_S = 0.2
# Seconds, CPU seconds and MiB.
Run = tuple[float, float, float]


def main() -> None:
    """Measure and write a table."""
    arguments = parser().parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paint(folder / "archive", arguments.photographs)
        runs = measured(folder, arguments)
    lines = [row(way, found, arguments.photographs) for way, found in runs.items()]
    tell("\n".join([*head(arguments), *lines]), arguments)


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    options = recorded_options(__doc__)
    options.add_argument("--model", default="lumenstone-pspnet")
    options.add_argument("--photographs", type=int, default=16)
    options.add_argument("--repeat", type=int, default=2)
    options.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    return options


def paint(archive: Path, photographs: int) -> None:
    """Write the archive."""
    archive.mkdir()
    for seed in range(photographs):
        pixels = phantom("S1", seed, HEIGHT_PX, WIDTH_PX).image
        (archive / f"{seed:03}.jpg").write_bytes(encode_jpeg(pixels, quality=94))


def measured(folder: Path, arguments: argparse.Namespace) -> dict[str, list[Run]]:
    """Run all ways in turn."""
    archive, out = folder / "archive", folder / "out"
    options = ["--model", arguments.model, "--association", "S1", "--resampling-factor", "1"]
    images = [str(path) for path in sorted(archive.iterdir())]
    analyse = ["analyse", *images, "--out", str(out), *options]
    runs: dict[str, list[Run]] = {}
    for _ in range(arguments.repeat):
        shutil.rmtree(out, ignore_errors=True)
        runs.setdefault("analyse", []).append(timed(analyse))
        for workers in arguments.workers:
            shutil.rmtree(out, ignore_errors=True)
            batch = ["batch", str(archive), str(out), *options, "--workers", str(workers)]
            runs.setdefault(f"batch, workers: {workers}", []).append(timed(batch))
        runs.setdefault("batch, again", []).append(timed(batch))
    return runs


def timed(words: list[str]) -> Run:
    """Run a command: its seconds, those of the processor, and its memory at its largest."""
    began = time.perf_counter()
    command = [sys.executable, str(ROOT / "petroserve.py"), *words]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    peak_mib, cpu_s = 0.0, dict[int, float]()
    while process.poll() is None:
        peak_mib = max(peak_mib, memory_mib(process.pid, cpu_s))
        time.sleep(_LOOK_S)
    if process.returncode != 0:
        sys.exit(f"petroserve {words[0]} ended with status {process.returncode}")
    return time.perf_counter() - began, sum(cpu_s.values()), peak_mib


def memory_mib(pid: int, cpu_s: dict[int, float]) -> float:
    """Memory of a process and those that it began; notes what each took of the processor."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for one in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += one.memory_full_info().pss
                taken = one.cpu_times()
                cpu_s[one.pid] = taken.user + taken.system
    return total / 1024**2


def head(arguments: argparse.Namespace) -> list[str]:
    """Say what is measured, where and how."""
    return [
        "### A batch beside the analyses of the same photographs",
        "",
        (
            f"{machine()}; {arguments.photographs} photographs of {WIDTH_PX} x {HEIGHT_PX} px, "
            f"medians of {arguments.repeat}, `python benchmarks/bench_batch.py --model "
            f"{arguments.model} --photographs {arguments.photographs}`."
        ),
        "",
        "| way | seconds | photographs a minute | CPU seconds | memory, MiB |",
        "|---|--:|--:|--:|--:|",
    ]


def row(way: str, runs: list[Run], photographs: int) -> str:
    """Write a line of the table."""
    seconds, cpu_s, peaks_mib = zip(*runs, strict=True)
    median_s = statistics.median(seconds)
    return (
        f"| {way} | {median_s:.0f} | {60.0 * photographs / median_s:.1f} "
        f"| {statistics.median(cpu_s):.0f} | {statistics.median(peaks_mib):.0f} |"
    )


if __name__ == "__main__":
    main()
