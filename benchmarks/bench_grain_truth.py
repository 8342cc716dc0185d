"""Areas, P80 and contact lengths of a label image against what its objects are known to be.

::

    python benchmarks/bench_grain_truth.py [--seeds 5] [--record]

Ellipses, squares and discs with a core of another phase, 400 an image, of log-normal sizes, at
random places between pixels and in random directions (`benchmarks.known_grains`), go through what
``petroserve measure`` does. Each figure of its result stands beside the exact one and the bound
that follows from the pixels. A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.known_grains import (
    Compared,
    KnownGrains,
    compare,
    scatter_grains,
)
from benchmarks.recording import machine, recorded_options, tell
from petrography.pipeline import measure
from petrography.report import Result, label_image_result

IMAGES = (
    *(("ellipses", median_px) for median_px in (12.0, 24.0, 48.0)),
    *(("squares", median_px) for median_px in (12.0, 24.0, 48.0)),
    ("rimmed discs", 48.0),
    ("rimmed discs", 12.0),
)


def main() -> None:
    """Measure and print, and with ``--record`` append, the table."""
    parser = recorded_options(__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="images of each kind")
    arguments = parser.parse_args()
    lines = list(head(arguments.seeds))
    for scatter, median_px in IMAGES:
        lines += rows(scatter, median_px, arguments.seeds)
    text = "\n".join(lines)
    tell(text, arguments)


def head(seeds: int) -> Iterator[str]:
    """Say what is measured."""
    yield "### Grains of known size: areas, P80 and contact lengths against the truth"
    yield ""
    yield (
        f"{seeds} images of 400 objects in each row, at random places and in random directions, by "
        "what `petroserve measure` does. Error against the exact value; the one that is expected "
        "(contacts lose 0.302 px a right-angled corner and pi/8 of the mean curvature of a round "
        "outline); the largest difference of the two; its bound (`benchmarks/known_grains.py`). "
        "Discs with a core of 12 px have rims of 3 px: about half of them are as thin as the false "
        "ribbons that are taken out, so their contacts are not measured as contacts. "
        f"{machine()}, `python benchmarks/bench_grain_truth.py`."
    )
    yield ""
    yield (
        "| objects | median, px | of | figure | mean error, % | expected, % "
        "| largest from the expected, % | bound, % | within |"
    )
    yield "|---|--:|---|---|--:|--:|--:|--:|---|"


def rows(scatter: str, median_px: float, seeds: int) -> Iterator[str]:
    """Lines of one kind of image."""
    images = [scatter_grains(scatter, median_px, seed) for seed in range(seeds)]
    of_images = [list(compare(known, measured(known))) for known in images]
    for same in zip(*of_images, strict=True):
        errors = 100.0 * np.array([one.error for one in same])
        bias, bound = (100.0 * float(np.mean(of)) for of in zip(*map(expected, same), strict=True))
        within = sum(one.is_within for one in same)
        yield (
            f"| {scatter} | {median_px:.0f} | {same[0].of} | {same[0].figure} "
            f"| {errors.mean():+.2f} | {bias:+.2f} | {np.abs(errors - bias).max():.2f} "
            f"| {bound:.2f} | {within} of {seeds} |"
        )


def expected(one: Compared) -> tuple[float, float]:
    """Bias and bound of a figure."""
    return one.bias, one.bound


def measured(known: KnownGrains) -> Result:
    """What ``petroserve measure`` says of a label image."""
    found = measure(known.labels)
    return label_image_result(
        found.composition,
        found.grains,
        found.contacts,
        found.textures,
        identity="0" * 64,
        um_per_px=None,
    )


if __name__ == "__main__":
    main()
