"""How hard phantoms are, how true to their recipe and how quick.

::

    python benchmarks/bench_phantoms.py [--phantoms 300] [--recipe S1]

For each recipe, the nearest-colour baseline is fitted on half of the phantoms and judged on the
other half, then the other way round, as it was on the training and the test images of LumenStone: a
recipe is as hard as real ore when the figures agree. Colours differ from image to image more than
inside one, so many small phantoms say more than a few large ones: with 20 images to judge the mean
IoU scatters by 0.04. The class areas stand beside those that the recipe wants, with the standard
error that so many draws of the composition have. Seconds are of a whole photograph.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from petrography.accuracy import Scores, confusion_matrix, fit_nearest_colour, scores
from petrography.minerals import mineral
from petrography.phantoms import phantom
from petrography.phantoms.recipes import RECIPES, THIN_SECTIONS, Recipe

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell

ALL_RECIPES = {**RECIPES, **THIN_SECTIONS}
# Sand grains are large and belong to one phase each: small fields would hold none of the rare ones.
POLISHED_SHAPE_PX, THIN_SHAPE_PX = (160, 212), (480, 640)
FULL_HEIGHT_PX, FULL_WIDTH_PX = 2547, 3396
# Nearest colour on the official test images of LumenStone v1: mean IoU and pixel accuracy.
REAL = {"S1": (0.333, 0.675), "S2": (0.453, 0.703)}


@dataclass(frozen=True)
class Measured:
    """Figures of one recipe."""

    recipe: Recipe
    baseline: Scores
    area_fractions: dict[int, float]
    seconds: float


def main() -> None:
    """Measure the recipes and print, and with ``--record`` append, a table."""
    parser = recorded_options(__doc__)
    parser.add_argument("--phantoms", type=int, default=300)
    parser.add_argument("--recipe", choices=tuple(ALL_RECIPES), action="append")
    arguments = parser.parse_args()
    names = arguments.recipe or tuple(ALL_RECIPES)
    measured = [measure(ALL_RECIPES[name], arguments.phantoms) for name in names]
    text = f"{report(measured, arguments.phantoms)}\n"
    tell(text, arguments)


def measure(recipe: Recipe, count: int) -> Measured:
    """Fit and judge the baseline on two halves in turn, average the areas, time a photograph."""
    codes = tuple(recipe.area_fractions)
    shape = THIN_SHAPE_PX if recipe.name in THIN_SECTIONS else POLISHED_SHAPE_PX
    made = [phantom(recipe.name, seed, *shape) for seed in range(count)]
    examples = [(one.image, one.labels) for one in made]
    confusion = np.zeros((len(codes), len(codes)), dtype=np.int64)
    for fold in range(2):
        baseline = fit_nearest_colour(examples[fold::2], codes)
        for pixels, labels in examples[1 - fold :: 2]:
            confusion += confusion_matrix(labels, baseline.predict(pixels), codes)
    areas = {code: float(np.mean([(one.labels == code).mean() for one in made])) for code in codes}
    began = time.perf_counter()
    phantom(recipe.name, 0, FULL_HEIGHT_PX, FULL_WIDTH_PX)
    return Measured(recipe, scores(confusion, codes), areas, time.perf_counter() - began)


def report(measured: list[Measured], count: int) -> str:
    """Write the Markdown section."""
    lines = [
        "### Phantoms: difficulty, areas and time",
        "",
        f"{machine()}; {count} phantoms of 212 x 160 px (quartz 640 x 480), fitted on one half and",
        f"judged on the other, both ways; seconds of one of {FULL_WIDTH_PX} x {FULL_HEIGHT_PX} px;",
        "`python benchmarks/bench_phantoms.py`.",
        "",
        "| recipe | nearest colour mIoU | real | pixel accuracy | real | seconds |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for one in measured:
        real = [f"{figure:.3f}" for figure in REAL.get(one.recipe.name, ())] or ["-", "-"]
        lines.append(
            f"| {one.recipe.name} | {one.baseline.mean_iou:.3f} | {real[0]} "
            f"| {one.baseline.pixel_accuracy:.3f} | {real[1]} | {one.seconds:.1f} |"
        )
    lines += ["", "| recipe | phase | area wanted, % | painted, % | standard error, % |"]
    lines += [
        "|---|---|--:|--:|--:|",
        *(row for one in measured for row in area_rows(one, count)),
    ]
    return "\n".join(lines)


def area_rows(one: Measured, count: int) -> Iterator[str]:
    """One row for each phase of a recipe."""
    for code, wanted in one.recipe.area_fractions.items():
        # The variance of one area under a Dirichlet law.
        error = math.sqrt(wanted * (1.0 - wanted) / (one.recipe.concentration + 1.0) / count)
        yield (
            f"| {one.recipe.name} | {mineral(code).symbol} | {100 * wanted:.1f} "
            f"| {100 * one.area_fractions[code]:.1f} | {100 * error:.1f} |"
        )


if __name__ == "__main__":
    main()
