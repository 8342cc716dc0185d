"""How long does a client wait for the answer to a stroke?

::

    python benchmarks/bench_annotation_steps.py [--image FILE] [--steps 200] [--undone 20]

``petroserve serve`` in a process of its own; a photograph of 3396 x 2547 px (painted, or one's own)
is annotated over HTTP by freehand lines of 60 points, the last steps are taken back, and the service
is started anew. Once more while another client has photographs analysed, one after the other.

Exit status 1 where the median is over 200 ms. A table is appended to ``benchmarks/RESULTS.md`` with
``--record``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell
from benchmarks.serving import serving
from petrography.image_codec import encode_jpeg
from petrography.images import resample_image
from petrography.phantoms import phantom

CODES = (0, 1, 2, 6, 8)
POINTS, STRIDE_PX, MARGIN_PX = 60, 5.0, 100
MOST_MS = 200.0
WITHIN_S = 300.0


@dataclass(frozen=True)
class Measured:
    """What was measured; sizes are medians."""

    begun_s: float
    steps_ms: list[float]
    answer_bytes: int
    undone_ms: list[float]
    looked_s: float


def main() -> None:
    """Measure, print, and record if that is wanted."""
    arguments = parser().parse_args()
    image = arguments.image.read_bytes() if arguments.image else painted()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone = measured(folder, image, arguments, beside_analyses=False)
        beside = measured(folder, image, arguments, beside_analyses=True)
    lines = [row("alone", alone), row("beside analyses", beside)]
    tell("\n".join([*head(arguments), *lines]), arguments)
    sys.exit(0 if np.median(alone.steps_ms) <= MOST_MS else 1)


def measured(
    folder: Path, image: bytes, arguments: argparse.Namespace, *, beside_analyses: bool
) -> Measured:
    """Annotate a photograph, and look at it once more after a start."""
    variables = {"PETROSERVE_MODELS_FOLDER": str(ROOT / "models")}
    with (
        serving(folder, variables) as service,
        client_of(service.address) as client,
        busy(service.address, image) if beside_analyses else contextlib.nullcontext(),
    ):
        place, begun_s = begin(client, image)
        steps_ms, answer_bytes = drawn_ms(client, place, arguments.steps)
        undone_ms = taken_back_ms(client, place, arguments.undone)
    with serving(folder, variables) as service, client_of(service.address) as client:
        return Measured(begun_s, steps_ms, answer_bytes, undone_ms, look_s(client, place))


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = recorded_options(__doc__)
    options.add_argument("--image", type=Path, help="a photograph; without it one is painted")
    options.add_argument("--steps", type=int, default=200)
    options.add_argument("--undone", type=int, default=20)
    return options


def painted() -> bytes:
    """A photograph of full size."""
    scene = phantom("S1", seed=5, height_px=1274, width_px=1698)
    return encode_jpeg(resample_image(scene.image, 2.0)[:2547])


def client_of(address: str) -> httpx.Client:
    """A client that waits as long as it takes."""
    return httpx.Client(base_url=address, timeout=WITHIN_S)


@contextlib.contextmanager
def busy(address: str, image: bytes) -> Iterator[None]:
    """Have photographs analysed, one after the other, until the end of the block."""
    stopping = threading.Event()

    def analyse() -> None:
        with client_of(address) as client:
            while not stopping.is_set():
                client.post("/v1/analyses", files={"image": ("field.jpg", image)})

    analysing = threading.Thread(target=analyse)
    analysing.start()
    try:
        yield
    finally:
        stopping.set()
        analysing.join()


def begin(client: httpx.Client, image: bytes) -> tuple[str, float]:
    """Begin an annotation: its place, and seconds."""
    began = time.perf_counter()
    answer = client.post("/v1/annotations", files={"image": ("field.jpg", image)})
    answer.raise_for_status()
    return answer.headers["location"], time.perf_counter() - began


def drawn_ms(client: httpx.Client, place: str, count: int) -> tuple[list[float], int]:
    """Draw freehand lines: milliseconds of each answer, and their median size in bytes."""
    rows, columns = client.get(place).json()["shape"]
    chance = np.random.default_rng(0)
    found_ms, sizes = [], []
    for _ in range(count):
        body = json.dumps({"strokes": [freehand(chance, rows, columns)]})
        began = time.perf_counter()
        answer = client.post(
            f"{place}/steps", content=body, headers={"Content-Type": "application/json"}
        )
        found_ms.append(1000.0 * (time.perf_counter() - began))
        answer.raise_for_status()
        sizes.append(len(answer.content))
    return found_ms, int(np.median(sizes))


def freehand(chance: np.random.Generator, rows: int, columns: int) -> dict[str, Any]:
    """A line of any mineral that wanders about from any place."""
    last = np.array([rows, columns]) - 1
    start = chance.uniform((MARGIN_PX, MARGIN_PX), last - MARGIN_PX)
    points = start + np.cumsum(chance.normal(0.0, STRIDE_PX, (POINTS, 2)), axis=0)
    code = int(chance.choice(CODES))
    return {"code": code, "points": points.clip(0, last).round(1).tolist()}


def taken_back_ms(client: httpx.Client, place: str, count: int) -> list[float]:
    """Take steps back: milliseconds of each answer."""
    found_ms = []
    for _ in range(count):
        number = client.get(place).json()["last_step"]
        began = time.perf_counter()
        client.delete(f"{place}/steps/{number}").raise_for_status()
        found_ms.append(1000.0 * (time.perf_counter() - began))
    return found_ms


def look_s(client: httpx.Client, place: str) -> float:
    """Seconds of the first look at the labels after a start."""
    began = time.perf_counter()
    client.get(f"{place}/labels.png").raise_for_status()
    return time.perf_counter() - began


def head(arguments: argparse.Namespace) -> list[str]:
    """What stands above the rows."""
    which = "one photograph" if arguments.image else "painted"
    return [
        f"### Annotation over HTTP: the wait for a step, {which}",
        "",
        (
            f"{machine()}, `bench_annotation_steps.py --steps {arguments.steps} "
            f"--undone {arguments.undone}`, seen by a client on the same machine."
        ),
        "",
        (
            "| service | begin s | step p50 ms | p95 ms | longest ms | answer bytes | undo p50 ms "
            "| first look after a start s |"
        ),
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]


def row(said: str, found: Measured) -> str:
    """One line of the table."""
    p50, p95, longest = (float(np.percentile(found.steps_ms, one)) for one in (50, 95, 100))
    return (
        f"| {said} | {found.begun_s:.1f} | {p50:.0f} | {p95:.0f} | {longest:.0f} "
        f"| {found.answer_bytes} | {float(np.median(found.undone_ms)):.0f} "
        f"| {found.looked_s:.1f} |"
    )


if __name__ == "__main__":
    main()
