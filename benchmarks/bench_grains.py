"""How quickly grains are measured, beside petroscope and scikit-image.

::

    python benchmarks/bench_grains.py [--grains 1600 10000 100000] [--petroscope-python PYTHON]

The label image is a mosaic without gaps: cells around scattered points, of nine minerals so that no
two cells of one mineral touch; every cell is one grain of about 100 px. One thread, CPU seconds, so
that other work on the machine counts little.

- ``table``: components, numbers, areas, hulls, Feret diameters, perimeters and all other shapes;
- ``table by strips``: the same from strips of 64 rows, without a map of the image;
- ``summary``: quantiles, bootstrap, sieve classes and edge correction on top;
- ``told apart``: the watershed of touching grains, on request only;
- ``scikit-image``: ``regionprops_table`` with area, centroid, box, Crofton perimeter, axes,
  orientation, solidity, Feret diameter and Euler number, of a labelled image;
- ``petroscope``: its polygons and its statistics of contacts and groups, where ``--petroscope-python``
  names a Python that has petroscope; it is asked up to ``--largest-petroscope`` grains.

The area of a square of 10 x 10 px is asked of all. A table is appended to ``benchmarks/RESULTS.md``
with ``--record``.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops_table

from petrography.statistics import (
    Grains,
    GrainStream,
    ParticleStream,
    measure_grains,
    summarise_grains,
)

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.recording import recorded_options, tell

CELL_PX, CODES, STRIP_ROWS = 10, np.array([1, 2, 3, 4, 5, 6, 7, 8, 11], dtype=np.uint8), 64
LARGEST_SCIKIT_IMAGE = 10_000
Made = TypeVar("Made")
PROPERTIES = (
    "area", "centroid", "bbox", "perimeter_crofton", "axis_major_length", "axis_minor_length",
    "orientation", "solidity", "feret_diameter_max", "euler_number",
)  # fmt: skip
# Runs where petroscope is installed; prints one line of JSON.
PETROSCOPE = """
import json, sys, time
import numpy as np
from petroscope.analysis.geometry import MaskPolygonProcessor
from petroscope.analysis.statistics import SegmentationStatisticsAnalyzer
from petroscope.segmentation.classes import LumenStoneClasses
labels = np.load(sys.argv[1])
start = time.process_time()
processor = MaskPolygonProcessor(classes=LumenStoneClasses.all())
polygons = processor.extract_polygon_data(labels, min_area_threshold_pixels=10)
middle = time.process_time()
SegmentationStatisticsAnalyzer().analyze(polygons)
found = [float(one.polygon.area) for one in polygons.polygons]
print(json.dumps({
    "polygons_s": middle - start, "statistics_s": time.process_time() - middle,
    "count": len(found), "largest_px": max(found),
}))
"""


def main() -> None:
    """Measure and print, and with ``--record`` append, the table."""
    parser = recorded_options(__doc__)
    parser.add_argument("--grains", type=int, nargs="+", default=[1_600, 10_000, 100_000])
    parser.add_argument("--petroscope-python", metavar="PYTHON")
    parser.add_argument("--largest-petroscope", type=int, default=2_000)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    lines = [line for count in arguments.grains for line in rows_of(count, arguments)]
    heading = (
        "\n### Grains: components, shapes and sizes\n\n"
        f"{platform.machine()}, Python {platform.python_version()}, one thread, CPU seconds (other "
        "programs were running); `python benchmarks/bench_grains.py --petroscope-python PYTHON`.\n"
        f"Area of a square of 10 x 10 px: {squares(arguments.petroscope_python)}.\n\n"
        "| way | grains | image | seconds |\n|---|--:|---|--:|\n"
    )
    text = heading + "\n".join(lines) + "\n"
    tell(text, arguments)


def rows_of(count: int, arguments: argparse.Namespace) -> Iterator[str]:
    """Lines of the table for one number of grains."""
    labels = mosaic(count)
    size = f"{labels.shape[1]} x {labels.shape[0]}"
    seconds, grains = timed(lambda: measure_grains(labels))
    if len(grains) != count:
        msg = f"{len(grains)} grains were found; {count} were made"
        raise SystemExit(msg)

    def row(way: str, seconds: float) -> str:
        return f"| {way} | {count} | {size} | {seconds:.2f} |"

    yield row("table", seconds)
    yield row("table by strips", timed(lambda: streamed(labels))[0])
    yield row("summary", timed(lambda: summarise_grains(grains))[0])
    yield row("told apart", timed(lambda: told_apart(grains))[0])
    if count <= LARGEST_SCIKIT_IMAGE:
        yield row("scikit-image", timed(lambda: regionprops(grains))[0])
    if arguments.petroscope_python and count <= arguments.largest_petroscope:
        theirs = petroscope(arguments.petroscope_python, labels)
        yield row("petroscope, polygons", theirs["polygons_s"])
        yield row("petroscope, statistics with contacts", theirs["statistics_s"])


def timed(work: Callable[[], Made]) -> tuple[float, Made]:
    """CPU seconds of a piece of work, the better of two, and what it gave."""
    return min((once(work) for _ in range(2)), key=itemgetter(0))


def once(work: Callable[[], Made]) -> tuple[float, Made]:
    """CPU seconds of a piece of work, and what it gave."""
    start = time.process_time()
    made = work()
    return time.process_time() - start, made


def mosaic(count: int) -> NDArray[np.uint8]:
    """Cells around points scattered about a lattice; exactly `count` of them."""
    side = math.ceil(math.sqrt(count))
    lattice = np.stack(np.meshgrid(range(side), range(side), indexing="ij"), -1).reshape(-1, 2)
    jitter = np.random.default_rng(0).integers(-2, 3, size=lattice.shape)
    rows, columns = (lattice * CELL_PX + CELL_PX // 2 + jitter).T
    free = np.ones((side * CELL_PX, side * CELL_PX), dtype=np.uint8)
    free[rows, columns] = 0
    _, cells = cv2.distanceTransformWithLabels(
        free, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    code_of_cell = np.zeros(cells.max() + 1, dtype=np.uint8)
    kept = lattice[:, 0] * side + lattice[:, 1] < count
    code_of_cell[cells[rows, columns]] = np.where(
        kept, CODES[lattice[:, 0] % 3 * 3 + lattice[:, 1] % 3], 0
    )
    labels: NDArray[np.uint8] = code_of_cell[cells]
    return labels


def streamed(labels: NDArray[np.uint8]) -> None:
    """Measure strip by strip."""
    stream = GrainStream((labels.shape[0], labels.shape[1]))
    for row in range(0, len(labels), STRIP_ROWS):
        stream.add(labels[row : row + STRIP_ROWS])
    stream.finish()


def told_apart(grains: Grains) -> None:
    """Tell touching grains apart."""
    stream = ParticleStream(grains)
    stream.add(grains.component_map)
    stream.finish()


def regionprops(grains: Grains) -> None:
    """Measure with scikit-image, which takes numbers as they are."""
    regionprops_table(grains.component_map.astype(np.int64), properties=PROPERTIES)


def petroscope(python: str, labels: NDArray[np.uint8]) -> dict[str, float]:
    """Measure with petroscope, in its own environment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.npy"
        np.save(path, labels)
        command = [python, "-c", PETROSCOPE, str(path)]
        # It writes a log into the folder where it runs.
        answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    figures: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return figures


def squares(python: str | None) -> str:
    """Area of a square of 10 x 10 px, by each way."""
    labels = np.zeros((64, 64), dtype=np.uint8)
    labels[20:30, 30:40] = 1
    areas = [f"{measure_grains(labels).area_px[0]} px"]
    if python:
        areas.append(f"petroscope {petroscope(python, labels)['largest_px']:.0f} px")
    return ", ".join(areas)


if __name__ == "__main__":
    main()
