"""What colour calibration brings back: accuracy of a fixed model, held-out minerals, seconds.

::

    python benchmarks/bench_calibration.py [--phantoms 8] [--data FOLDER] [--images 8]

Photographs are seen through the filters of the phantoms (blue, yellow, warm) and calibrated with a
third of their pixels labelled, in squares of 64 px, against the shipped LumenStone reference.

- accuracy: the shipped model and the nearest-colour classifier of its card, pooled pixel accuracy
  on the other two thirds, without and with calibration, over that of the undistorted photographs;
- held out: CIEDE2000 of a mineral that had no labels in a series of phantoms, the six other phases
  of S1 having them; the reference is the undistorted series, so that only the method is judged;
- gate: how many photographs the input gate sends to calibration, and the chance that it ranks a
  filtered one above an undistorted one;
- seconds: of a photograph of 3396 x 2547 px on 2 cores.

``--data`` names a folder in the LumenStone layout (S1v1, S2v1); its images that the card lists as
validation images stand beside the phantoms. A table is appended to ``benchmarks/RESULTS.md`` with
``--record``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from petrography.accuracy import NearestColour
from petrography.calibration import (
    apply_calibration,
    build_reference,
    ciede2000,
    colour_anchors,
    fit_calibration,
    fit_series_calibration,
    judge_input,
    lumenstone_reference,
)
from petrography.calibration.colour_difference import lab_of_levels
from petrography.images import Image, Labels, resample_image, resample_labels
from petrography.minerals import ASSOCIATIONS
from petrography.phantoms import Phantom, filtered, phantom
from petrography.phantoms.filters import FILTERS
from petrography.segmentation import segment
from service.repository import LoadedModel, open_repository
from service.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell

LABELLED_FRACTION, SQUARE_PX = 0.33, 64
HEIGHT_PX, WIDTH_PX = 1200, 1600
FULL_HEIGHT_PX, FULL_WIDTH_PX = 2547, 3396
# The paper's: pixel accuracy with distorted colours and after calibration.
PUBLISHED = "0.29 to 0.87 (Indychko et al. 2022, doi:10.1007/s10598-023-09588-z)"


@dataclass(frozen=True)
class Case:
    """A photograph at the pixel of the model, with its truth."""

    name: str
    image: Image
    truth: Labels
    association: str


def main() -> None:
    """Measure and print, and with ``--record`` append, the tables."""
    parser = recorded_options(__doc__)
    parser.add_argument("--model", default="lumenstone-pspnet")
    parser.add_argument("--phantoms", type=int, default=8)
    parser.add_argument("--data", type=Path, help="folder in the LumenStone layout")
    parser.add_argument("--images", type=int, default=8, help="at most so many of --data")
    arguments = parser.parse_args()
    cv2.setNumThreads(2)
    model = open_repository(Settings(models_folder=ROOT / "models")).get(arguments.model)
    subjects: dict[str, Callable[[], Iterator[Case]]] = {
        "phantoms": partial(phantom_cases, arguments.phantoms, model)
    }
    if arguments.data is not None:
        subjects["LumenStone"] = partial(real_cases, arguments.data, arguments.images, model)
    text = "\n".join(
        [
            "### Colour calibration behind filters",
            "",
            conditions(arguments, model),
            f"Published: pixel accuracy {PUBLISHED}.",
            "",
            *accuracy_table(subjects, model),
            "",
            *held_out_table(arguments.phantoms),
            "",
            *seconds_table(),
            "",
        ]
    )
    tell(text, arguments)


def conditions(arguments: argparse.Namespace, model: LoadedModel) -> str:
    """Say what was measured on what."""
    real = f" and at most {arguments.images} validation images of LumenStone"
    return (
        f"{machine()}; {arguments.phantoms} phantoms (S1, S2){real if arguments.data else ''}; "
        f"{LABELLED_FRACTION:.0%} labelled; {model.card.name}:{model.card.version}; "
        "`python benchmarks/bench_calibration.py`."
    )


def phantom_cases(count: int, model: LoadedModel) -> Iterator[Case]:
    """Phantoms of S1 and S2 in turn."""
    factor = model.card.default_resampling_factor
    for seed in range(count):
        recipe = ("S1", "S2")[seed % 2]
        painted = phantom(recipe, 100 + seed, HEIGHT_PX, WIDTH_PX)
        image = resample_image(painted.image, factor)
        truth = resample_labels(painted.labels, (image.shape[0], image.shape[1]))
        yield Case(f"{recipe} {seed}", image, truth, recipe)


def real_cases(root: Path, count: int, model: LoadedModel) -> Iterator[Case]:
    """Validation images of the model's card, evenly chosen, at the pixel they come with."""
    from training.lumenstone import find_fields, load_field

    validation = {name for one in model.card.evaluations for name in one.images}
    subsets = {"S1v1": "S1", "S2v1": "S2"}
    paths = [path for path in find_fields(root, subsets) if path.name in validation]
    for k in np.unique(np.linspace(0, len(paths) - 1, count).round().astype(int)):
        field = load_field(paths[k])
        yield Case(field.name, field.image, field.truth, paths[k].association)


def accuracy_table(
    subjects: dict[str, Callable[[], Iterator[Case]]], model: LoadedModel
) -> list[str]:
    """Rows: photographs, filter; columns: accuracies without and with calibration, gate."""
    heads = (
        "photographs", "filter", "model", "calibrated", "of undistorted", "nearest colour",
        "calibrated", "of undistorted", "gate distance (median)", "sent to calibration", "rank",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|---|---|{'--:|' * (len(heads) - 2)}"]
    for subject, cases in subjects.items():
        tallies, gates = tally(cases(), model)
        plain = tallies["none", "seen"]
        for name in ("none", *FILTERS):
            seen, calibrated = tallies[name, "seen"], tallies[name, "calibrated"]
            cells = [
                f"{seen[way]:.3f} | {calibrated[way]:.3f} | {calibrated[way] / plain[way]:.2f}"
                for way in (0, 1)
            ]
            distances, sent = np.array(gates[name]).T
            rank = np.mean(distances[:, None] > np.array(gates["none"])[:, 0][None])
            lines.append(
                f"| {subject} | {name} | {' | '.join(cells)} | {np.median(distances):.1f} "
                f"| {sent.mean():.0%} | {'-' if name == 'none' else f'{rank:.2f}'} |"
            )
    return lines


def tally(
    cases: Iterator[Case], model: LoadedModel
) -> tuple[dict[tuple[str, str], np.ndarray], dict[str, list[tuple[float, bool]]]]:
    """Pixel accuracies of both classifiers by filter and way, and verdicts of the gate."""
    counts: dict[tuple[str, str], np.ndarray] = defaultdict(lambda: np.zeros((2, 2)))
    gates: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    colours = model.card.training_colours_rgb
    for number, case in enumerate(cases):
        known = some_labels(case.truth, np.random.default_rng(number))
        for name in ("none", *FILTERS):
            seen = case.image if name == "none" else filtered(case.image, name)
            calibration = fit_calibration(seen, known, lumenstone_reference())
            calibrated = apply_calibration(seen, calibration)
            counts[name, "seen"] += right_and_all(seen, case, known, model)
            counts[name, "calibrated"] += right_and_all(calibrated, case, known, model)
            quality = judge_input(seen, colours)
            gates[name].append((quality.colour_distance or 0.0, quality.calibrate_first))
    return {key: found[:, 0] / found[:, 1] for key, found in counts.items()}, gates


def some_labels(truth: Labels, rng: np.random.Generator) -> Labels:
    """Keep the labels of a third of the squares of an image."""
    shape = tuple(-(-side // SQUARE_PX) for side in truth.shape)
    draw = rng.random(shape)
    kept = draw < np.quantile(draw, LABELLED_FRACTION)
    kept = kept.repeat(SQUARE_PX, axis=0).repeat(SQUARE_PX, axis=1)
    return np.where(kept[: truth.shape[0], : truth.shape[1]], truth, 255).astype(np.uint8)


def right_and_all(image: Image, case: Case, known: Labels, model: LoadedModel) -> np.ndarray:
    """Right and all pixels without a label, of the model and of the nearest colour."""
    card, allowed = model.card, ASSOCIATIONS[case.association]
    judged = (known == 255) & (case.truth != 255)
    colours = card.training_colours_rgb
    baseline = NearestColour(tuple(colours), tuple(colours.values()))
    predictor = model.predictor_for(allowed)
    predicted = (
        segment(image, predictor, geometry=card.tile, codes=card.classes).labels,
        baseline.predict(image, allowed=allowed),
    )
    right = [np.count_nonzero((labels == case.truth) & judged) for labels in predicted]
    return np.array([[one, np.count_nonzero(judged)] for one in right], dtype=np.float64)


def held_out_table(count: int) -> list[str]:
    """Differences of minerals without labels, the others having them."""
    lines = [
        "| filter | held-out minerals | before (median) | after (median) | after (90 %) |",
        "|---|--:|--:|--:|--:|",
    ]
    for name in FILTERS:
        pairs = [pair for number in range(count) for pair in held_out(series(number), name)]
        before, after = np.array(pairs).T
        lines.append(
            f"| {name} | {len(pairs)} | {np.median(before):.1f} | {np.median(after):.2f} "
            f"| {np.quantile(after, 0.9):.2f} |"
        )
    return lines


def series(number: int) -> list[Phantom]:
    """Phantoms that together hold all seven phases of S1: one alone seldom does."""
    found: list[Phantom] = []
    codes: set[int] = set()
    seed = 500 + 100 * number
    while codes != set(ASSOCIATIONS["S1"]):
        painted = phantom("S1", seed, HEIGHT_PX // 4, WIDTH_PX // 4)
        new = set(colour_anchors(painted.image, painted.labels)) - codes
        if new:
            found.append(painted)
            codes |= new
        seed += 1
    return found


def held_out(members: list[Phantom], name: str) -> list[tuple[float, float]]:
    """CIEDE2000 of every mineral before and after the six other phases calibrate it."""
    plain = build_reference([(one.image, one.labels) for one in members], "undistorted", "")
    seen = [(filtered(one.image, name), one.labels) for one in members]
    pairs = []
    for colour in plain.colours[1:]:
        known = [
            (image, np.where(labels == colour.code, 255, labels).astype(np.uint8))
            for image, labels in seen
        ]
        calibration = fit_series_calibration(known, plain)
        corrected = [(apply_calibration(image, calibration), labels) for image, labels in seen]
        shown = [build_reference(one, "", "").colour_of(colour.code) for one in (seen, corrected)]
        wanted = lab_of_levels(np.array(colour.colour_rgb))
        before, after = (float(ciede2000(lab_of_levels(np.array(one)), wanted)) for one in shown)
        pairs.append((before, after))
    return pairs


def seconds_table() -> list[str]:
    """Times on a photograph of 8.65 megapixels."""
    painted = phantom("S1", 1, FULL_HEIGHT_PX, FULL_WIDTH_PX)
    seen = filtered(painted.image, "blue")
    calibration = fit_calibration(seen, painted.labels, lumenstone_reference())
    colours = {one.code: one.colour_rgb for one in lumenstone_reference().colours}
    works: dict[str, Callable[[], object]] = {
        "fit (anchors and matrix)": lambda: fit_calibration(
            seen, painted.labels, lumenstone_reference()
        ),
        "apply": lambda: apply_calibration(seen, calibration),
        "input gate": lambda: judge_input(seen, colours),
    }
    lines = [f"| {FULL_WIDTH_PX} x {FULL_HEIGHT_PX} px | seconds, median of 5 |", "|---|--:|"]
    for name, work in works.items():
        lines.append(f"| {name} | {np.median([timed(work) for _ in range(5)]):.2f} |")
    return lines


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
