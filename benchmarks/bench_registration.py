"""Registration of stage series against plain SIFT with a RANSAC homography, on phantoms of known turns.

A series is six turns of a stage whose axis is not in the middle of the field and has some play, in
plane-polarised light and between crossed polars; recipes take turns from seed to seed. The error of
a view is the root mean square distance, over a lattice of those of its points that lie on the
reference, between where it puts them and where they are.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell
from benchmarks.sift_homography import KeyPoints, homography, key_points
from petrography.errors import RegistrationError
from petrography.images import Image
from petrography.phantoms import RECIPE_NAMES, StageSeries, View, stage_series
from petrography.registration import StageView, register_views

HEIGHT_PX, WIDTH_PX = 480, 640
VIEWS, STEP_DEG = 6, 30.0
WANTED_PX = 0.3
LIGHTS = ("PPL", "XPL")

Floats: TypeAlias = NDArray[np.float64]
Light: TypeAlias = Literal["PPL", "XPL"]
Key: TypeAlias = tuple[str, float]
Places: TypeAlias = dict[Key, Floats]
Way: TypeAlias = Callable[[StageSeries], Places]


@dataclass(frozen=True)
class Run:
    """One way on one series."""

    way: str
    recipe: str
    seed: int
    seconds: float
    errors_px: dict[Key, float]

    def of(self, light: str) -> list[float]:
        """Errors of the views in one light, infinite where a view was refused."""
        return [error for (of_light, _), error in self.errors_px.items() if of_light == light]


def main() -> None:
    """Register, compare with the truth, print the table."""
    parser = recorded_options(__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--recipes", nargs="+", choices=RECIPE_NAMES, default=RECIPE_NAMES)
    parser.add_argument("--ways", nargs="+", choices=sorted(WAYS), default=sorted(WAYS))
    arguments = parser.parse_args()
    runs = []
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        recipe = arguments.recipes[seed % len(arguments.recipes)]
        series = stage_series(recipe, seed, HEIGHT_PX, WIDTH_PX, views=VIEWS, step_deg=STEP_DEG)
        for way in arguments.ways:
            runs.append(measured(way, recipe, seed, series))
            worst = {light: round(max(runs[-1].of(light)), 3) for light in LIGHTS}
            print(f"{recipe} {seed} {way}: worst, px {worst}", file=sys.stderr, flush=True)
    table = written(runs, arguments.seeds)
    tell(table, arguments)


def measured(way: str, recipe: str, seed: int, series: StageSeries) -> Run:
    """Register a series one way and compare with the truth."""
    began = time.perf_counter()
    found = WAYS[way](series)
    seconds = time.perf_counter() - began
    errors_px = {
        (light, view.stage_angle_deg): error_px(found.get((light, view.stage_angle_deg)), view)
        for light, views in (("PPL", series.ppl[1:]), ("XPL", series.xpl))
        for view in views
    }
    return Run(way, recipe, seed, seconds, errors_px)


def error_px(found: Floats | None, view: View) -> float:
    """Root mean square distance on the reference; infinite without a transform."""
    if found is None:
        return float("inf")
    rows, cols = (np.arange(8, side, 16) for side in view.valid.shape)
    x, y = (axis.ravel() for axis in np.meshgrid(cols, rows))
    points = np.stack([x, y], axis=1)[view.valid[y, x]].astype(np.float64)
    gaps = cv2.perspectiveTransform(points[None], found)[0] - (
        points @ view.matrix[:, :2].T + view.matrix[:, 2]
    )
    return float(np.sqrt((gaps**2).sum(axis=1).mean()))


def petroserve(series: StageSeries) -> Places:
    """Lay all views over the first in plane-polarised light; stage angles are given."""
    lit = lit_views(series, series.ppl)
    keys = {f"{light} {view.stage_angle_deg}": (light, view.stage_angle_deg) for light, view in lit}
    reference, *views = (
        StageView(name, view.image, light, view.stage_angle_deg)
        for name, (light, view) in zip(keys, lit, strict=True)
    )
    try:
        report = register_views(reference, views)
    except RegistrationError as refusal:
        print(refusal, file=sys.stderr)
        return {}
    return {keys[view.name]: np.vstack([view.as_matrix(), [0, 0, 1]]) for view in report.views}


def plain_homographies(series: StageSeries) -> Places:
    """SIFT, ratio test and a RANSAC homography at 3 px, of every view to the reference."""
    there = seen(series.ppl[0].image)
    found: Places = {}
    for light, view in lit_views(series, series.ppl[1:]):
        matrix = homography(there, seen(view.image))
        if matrix is not None:
            found[(light, view.stage_angle_deg)] = matrix
    return found


def lit_views(series: StageSeries, ppl: Iterable[View]) -> list[tuple[Light, View]]:
    """Views with their light: those in plane-polarised light, then all between crossed polars."""
    return [("PPL", view) for view in ppl] + [("XPL", view) for view in series.xpl]


def seen(pixels: Image) -> KeyPoints:
    """Key points of a photograph."""
    return key_points(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8))


WAYS: dict[str, Way] = {"petroserve": petroserve, "SIFT + RANSAC homography": plain_homographies}


def written(runs: list[Run], seeds: int) -> str:
    """Write a Markdown section: a row for every way, light and recipe."""
    about = (
        f"Six turns of {STEP_DEG:g} degrees about an axis beside the middle, {HEIGHT_PX} x "
        f"{WIDTH_PX} px. {machine()}, OpenCV {cv2.__version__}; "
        f"`python benchmarks/bench_registration.py --seeds {seeds}`. Crossed polars of the "
        "reference's own angle count as views."
    )
    lines = [
        f"### Registration of {VIEWS} views, {seeds} seeds",
        "",
        about,
        "",
        (
            f"| way | recipe | light | seeds with every view within {WANTED_PX:g} px | RMSE of a "
            "view, median, px | largest, px | without transform | seconds a series |"
        ),
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    ways = sorted({run.way for run in runs})
    recipes = ["all", *sorted({run.recipe for run in runs})]
    lines += [
        row(
            [run for run in runs if run.way == way and recipe in {"all", run.recipe}], light, recipe
        )
        for way in ways
        for recipe in recipes
        for light in LIGHTS
    ]
    return "\n".join(lines)


def row(runs: list[Run], light: str, recipe: str) -> str:
    """Write one row."""
    errors = [error for run in runs for error in run.of(light)]
    placed = [error for error in errors if np.isfinite(error)] or [float("inf")]
    well = sum(max(run.of(light)) <= WANTED_PX for run in runs)
    return (
        f"| {runs[0].way} | {recipe} | {light} | {well} of {len(runs)} "
        f"| {statistics.median(placed):.3f} | {max(placed):.3f} "
        f"| {len(errors) - len(placed)} of {len(errors)} "
        f"| {statistics.median(run.seconds for run in runs):.1f} |"
    )


if __name__ == "__main__":
    main()
