"""How long each exported file takes, and what outlines need while they are written.

::

    python benchmarks/bench_exports.py [--side 32 --side 320]

A label image of discs of three minerals, side x side of them, is measured and every file of its
report is written: processor seconds, the first time with the loading of its library, and bytes.
The peak is what Python and NumPy took at most while the grains were written one after the other,
beside the map and the table of grains.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import io
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from petrography.pipeline import measure
from petrography.report import (
    exports,
    label_image_result,
    write_grains_coco,
    write_grains_geojson,
)
from petrography.statistics import Grains

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell

CELL_PX = 12
CODES = (1, 6, 8)


def main() -> None:
    """Measure and print, and with ``--record`` append, the tables."""
    parser = recorded_options(__doc__)
    parser.add_argument("--side", type=int, action="append", help="discs along a side")
    arguments = parser.parse_args()
    text = report_text([measured(side) for side in arguments.side or (32, 320)])
    tell(text, arguments)


def discs(side: int) -> NDArray[np.uint8]:
    """Discs of 2.2 to 5.4 px radius, one in each cell of a grid."""
    rng = np.random.default_rng(side)
    row, column = np.mgrid[:CELL_PX, :CELL_PX] - (CELL_PX - 1) / 2
    radius = rng.uniform(2.2, 5.4, (side, 1, side, 1))
    inside = (row**2 + column**2)[:, np.newaxis] < radius**2
    codes = rng.choice(np.array(CODES, dtype=np.uint8), (side, 1, side, 1))
    labels = np.where(inside, codes, np.uint8(0))
    return labels.reshape(2 * (side * CELL_PX,))


def measured(side: int) -> dict[str, Any]:
    """Seconds and bytes of each file, and the peaks, for side x side grains."""
    labels = discs(side)
    statistics = measure(labels)
    grains = statistics.grains
    result = label_image_result(statistics.composition, grains, identity="discs", um_per_px=0.5)
    files = {}
    for name, write in exports(result, grains, identity="discs").items():
        start = time.process_time()
        file = io.BytesIO()
        write(file)
        files[name] = (time.process_time() - start, file.tell())
    return {"grains": len(grains), "files": files, "peaks": peaks(grains)}


def peaks(grains: Grains) -> dict[str, float]:
    """MiB that writing grain by grain takes at most."""
    writers: dict[str, Callable[[BinaryIO], None]] = {
        "grains.geojson": lambda file: write_grains_geojson(grains, file, identity="discs"),
        "grains.coco.json": lambda file: write_grains_coco(grains, file),
    }
    found = {}
    for name, write in writers.items():
        tracemalloc.start()
        write(Forgetting())
        found[name] = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
    return found


class Forgetting(io.BytesIO):
    """A file that keeps nothing."""

    def write(self, part: Any, /) -> int:
        """Take a part and drop it."""
        return len(part)


def report_text(columns: list[dict[str, Any]]) -> str:
    """The table: a row a file, two columns a number of grains."""
    sides = " ".join(f"--side {round(one['grains'] ** 0.5)}" for one in columns)
    heads = [f"{one['grains']} grains, s | MB" for one in columns]
    lines = [
        "### Exports: time and size of each file",
        "",
        f"{machine()}; processor seconds of one run beside other work, the first of each",
        f"library with its loading; `python benchmarks/bench_exports.py {sides}`.",
        "",
        f"| file | {' | '.join(heads)} |",
        f"|---|{'--:|--:|' * len(columns)}",
    ]
    for name in columns[0]["files"]:
        cells = [
            f"{one['files'][name][0]:.2f} | {one['files'][name][1] / 1e6:.2f}" for one in columns
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append("")
    for one in columns:
        said = ", ".join(f"{name} {mib:.1f} MiB" for name, mib in one["peaks"].items())
        lines.append(f"Peak while {one['grains']} grains are written one after the other: {said}.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
