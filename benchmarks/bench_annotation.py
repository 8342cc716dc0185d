"""How fast a photograph is annotated by strokes, and how right what they spread to is.

::

    python benchmarks/bench_annotation.py [--data FOLDER --images 12] [--record]

Two questions:

- time: a photograph of 3396 x 2547 px is prepared, and strokes of several minerals, erasers among
  them, are drawn one by one and taken back: seconds and processor seconds, median and longest;
- agreement: simulated strokes (`benchmarks.simulated_strokes`) on images whose truth is known;
  share of the image that has labels, how many of the pixels that strokes spread to are right, what
  their confidence says of that, and how many of the same pixels two simple rules have right: the
  mineral whose strokes are nearest in colour (CIELAB), and that of the nearest stroke.

Phantoms are painted; ``--data`` names a folder in the LumenStone layout, whose images (of half the
size of the photographs) are looked at on their own grid, which is that of the photographs. A table
is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell
from benchmarks.simulated_strokes import simulated_strokes
from petrography.annotation import Annotation, Origin, Stroke, Superpixels, prepare, propose
from petrography.annotation.preparation import prepare_on_grid
from petrography.calibration.colour_difference import lab_of_levels
from petrography.images import resample_image
from petrography.minerals import UNLABELLED_CODE
from petrography.phantoms import phantom
from training.lumenstone import find_fields, load_field

Pixels = NDArray[np.uint8]
Row = list[float]

COUNTS = (5, 10, 20, 40, 80, 160)
PHANTOM_SEEDS = range(3)
SUBSETS = {"S1v1": "S1", "S2v1": "S2"}
# Of images at half the size of a photograph.
HALF_SIZE = {"length_px": 60.0, "width_px": 4.0}
TIMED_STROKES = 60


def main() -> None:
    """Measure and print, and with ``--record`` append, the tables."""
    parser = recorded_options(__doc__)
    parser.add_argument("--data", type=Path, help="folder in the LumenStone layout")
    parser.add_argument("--images", type=int, default=12, help="of that folder, evenly chosen")
    parser.add_argument("--time-only", action="store_true", help="leave agreement out")
    arguments = parser.parse_args()
    tell("\n".join(time_lines()) + "\n", arguments)
    if not arguments.time_only:
        tell("\n".join(agreement_lines(arguments.data, arguments.images)) + "\n", arguments)


# --- time ------------------------------------------------------------------------------------


def time_lines() -> Iterator[str]:
    """Seconds of each step on a photograph of full size."""
    yield "### Annotation by strokes: time of a step"
    yield ""
    yield f"3396 x 2547 px; {machine()}, `python benchmarks/bench_annotation.py`."
    yield ""
    scene = phantom("S1", seed=5, height_px=1274, width_px=1698)
    image = resample_image(scene.image, 2.0)[:2547]
    truth = scene.labels.repeat(2, axis=0).repeat(2, axis=1)[:2547]
    yield "| step | times | median, s | longest, s | median, processor s |"
    yield "|---|--:|--:|--:|--:|"
    kept: list[Superpixels] = []
    yield timed("prepare", [lambda: kept.append(prepare(image))])
    data = kept[0].to_bytes()
    yield timed("read the kept superpixels", [lambda: Superpixels.from_bytes(data)])
    annotation = Annotation(kept[0])
    strokes = with_erasers(simulated_strokes(truth, TIMED_STROKES, seed=0))
    yield timed("draw a stroke", [partial(annotation.draw, [one]) for one in strokes])
    across = Stroke(code=1, points=((0.0, 0.0), (2546.0, 3395.0)))
    yield timed("draw from corner to corner", [lambda: annotation.draw([across])])
    yield timed("undo", [annotation.undo] * (TIMED_STROKES // 2))
    yield timed("propose", [lambda: propose(kept[0], annotation, budget_fraction=0.05)])


def with_erasers(strokes: Sequence[Stroke]) -> list[Stroke]:
    """Let every tenth stroke be an eraser."""
    return [
        stroke.model_copy(update={"code": None}) if number % 10 == 9 else stroke
        for number, stroke in enumerate(strokes)
    ]


def timed(name: str, runs: Sequence[Callable[[], object]]) -> str:
    """Line of a step."""
    both = np.array([_seconds(run) for run in runs])
    (wall, processor), longest = np.median(both, axis=0), both[:, 0].max()
    return f"| {name} | {len(runs)} | {wall:.3f} | {longest:.3f} | {processor:.3f} |"


def _seconds(run: Callable[[], object]) -> tuple[float, float]:
    began, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - began, time.process_time() - processor


# --- agreement -------------------------------------------------------------------------------


def painted() -> Iterator[tuple[Pixels, Pixels]]:
    """Image and truth of phantoms."""
    for recipe in ("S1", "S2"):
        for seed in PHANTOM_SEEDS:
            scene = phantom(recipe, seed=seed, height_px=637, width_px=849)
            yield scene.image, scene.labels


def photographed(folder: Path, count: int) -> Iterator[tuple[Pixels, Pixels]]:
    """Image and truth of photographs, evenly chosen from the folder."""
    found = find_fields(folder, SUBSETS)
    for index in np.linspace(0, len(found) - 1, count).round().astype(int):
        field = load_field(found[index])
        yield field.image, field.truth


def agreement_lines(folder: Path | None, count: int) -> Iterator[str]:
    """Medians over images, one line for each number of strokes."""
    yield "### Annotation by strokes: what strokes spread to"
    yield ""
    yield (
        "Simulated strokes, medians over images at half size; "
        "`python benchmarks/bench_annotation.py --data FOLDER`."
    )
    yield ""
    yield (
        "| images | strokes | labelled, % | right of what was spread, % | mean confidence, % "
        "| nearest colour, same pixels, % | nearest stroke, same pixels, % "
        "| nearest colour, all, % | nearest stroke, all, % |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"
    yield from lines_of(f"phantoms S1, S2 ({2 * len(PHANTOM_SEEDS)})", painted())
    if folder is not None:
        yield from lines_of(f"LumenStone ({count})", photographed(folder, count))


def lines_of(name: str, images: Iterator[tuple[Pixels, Pixels]]) -> Iterator[str]:
    """Lines of a set of images."""
    figures = np.array([figures_of(*one) for one in images])
    for count, row in zip(COUNTS, np.nanmedian(figures, axis=0), strict=True):
        cells = " | ".join(f"{100.0 * figure:.1f}" for figure in row)
        yield f"| {name} | {count} | {cells} |"


def figures_of(image: Pixels, truth: Pixels) -> list[Row]:
    """Figures of one image, one row for each number of strokes."""
    strokes = simulated_strokes(truth, max(COUNTS), seed=0, **HALF_SIZE)
    annotation = Annotation(prepare_on_grid(image, 1))
    lab = lab_of_levels(image.astype(np.float64)).astype(np.float32)
    rows, drawn = [], 0
    for count in COUNTS:
        annotation.draw(strokes[drawn:count])
        drawn = count
        rows.append(_row(annotation, lab, truth))
    return rows


def _row(annotation: Annotation, lab: NDArray[np.float32], truth: Pixels) -> Row:
    known = truth != UNLABELLED_CODE
    spread = known & (annotation.origin == Origin.PROPAGATED)
    drawn = annotation.origin == Origin.STROKE
    by_colour = nearest_colour(annotation.labels, drawn, lab)
    by_place = nearest_stroke(annotation.labels, drawn)
    return [
        float((annotation.labels != UNLABELLED_CODE)[known].mean()),
        right(annotation.labels, truth, spread),
        float(annotation.confidence[spread].mean() / 255.0),
        right(by_colour, truth, spread),
        right(by_place, truth, spread),
        right(by_colour, truth, known),
        right(by_place, truth, known),
    ]


def right(labels: Pixels, truth: Pixels, where: NDArray[np.bool_]) -> float:
    """Share of pixels whose label is that of the truth."""
    return float((labels == truth)[where].mean())


def nearest_colour(labels: Pixels, drawn: NDArray[np.bool_], lab: NDArray[np.float32]) -> Pixels:
    """Label every pixel by the mineral whose strokes have the nearest mean colour."""
    codes = np.unique(labels[drawn])
    means = [lab[drawn & (labels == code)].mean(axis=0) for code in codes]
    distance = np.stack([((lab - mean) ** 2).sum(axis=-1) for mean in means])
    return np.asarray(codes[distance.argmin(axis=0)])


def nearest_stroke(labels: Pixels, drawn: NDArray[np.bool_]) -> Pixels:
    """Label every pixel by the stroke that is nearest."""
    elsewhere = (~drawn).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        elsewhere, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    code_of = np.zeros(int(nearest.max()) + 1, dtype=np.uint8)
    code_of[nearest[drawn]] = labels[drawn]
    return np.asarray(code_of[nearest])


if __name__ == "__main__":
    main()
