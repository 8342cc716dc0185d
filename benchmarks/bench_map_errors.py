"""Whether the held-out confusion makes modal composition better, and its intervals honest.

::

    python benchmarks/bench_map_errors.py --data FOLDER [--model NAME[:VERSION]]

Every validation image of the card is analysed, and judged with the confusion of the others alone
(leave one image out). Against the mask of the image, over the phases that it or the map holds:

- modal error of the map and of ``corrected_percent``: mean absolute difference in percentage points;
- coverage: how often the 95 % interval holds the share of the mask, for ``ci95``, ``total_ci95``,
  ``corrected_ci95``, for the mistakes of the map alone (an interval without sampling, which should
  cover 95 %), and for the same with the effective size of cards without confusions of images;
- width: mean, in percentage points.

``--data`` names a folder in the LumenStone layout whose train split holds those images. A table is
appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import platform
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.judging import find_model, open_model
from petrography.accuracy import confusion_matrix
from petrography.model_card import ModelCard
from petrography.statistics import Composition, map_errors, modal_composition
from petrography.statistics.held_out import (
    DEFAULT_EFFECTIVE_SIZE,
    HeldOutConfusion,
    effective_size,
)
from training.lumenstone import find_fields, load_field

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.recording import recorded_options, tell

SUBSETS = {"S1v1": "S1", "S2v1": "S2"}
Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Judged:
    """One image: what the map shows, the shares of the mask, and the confusion between them."""

    association: str
    composition: Composition
    truth_percent: dict[int, float]
    confusion: NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """What one way says of one phase of one image."""

    error_pp: float
    interval: Interval | None
    is_covered: bool


def main() -> None:
    """Measure and print, and with ``--record`` append, the table."""
    parser = recorded_options(__doc__)
    parser.add_argument("--model", default="lumenstone-pspnet")
    parser.add_argument("--data", type=Path, required=True, help="folder in the LumenStone layout")
    arguments = parser.parse_args()
    lines = [
        "| mode | images | way | modal error, pp | covered | width, pp |",
        "|---|---|---|--:|--:|--:|",
    ]
    for mode in ("given", "open"):
        lines += mode_lines(arguments.model, arguments.data, mode)
    heading = (
        f"\n### {arguments.model}: modal composition and the held-out confusion\n\n"
        f"Validation images of the card, each with the confusion of the others; "
        f"{platform.machine()}, Python {platform.python_version()}, "
        f"`python benchmarks/bench_map_errors.py --data FOLDER`.\n\n"
    )
    text = heading + "\n".join(lines) + "\n"
    tell(text, arguments)


def mode_lines(name: str, data: Path, mode: str) -> Iterator[str]:
    """Lines of the table with the association given, or with all classes open."""
    opened = open_model(find_model(ROOT / "models", name), resampling_factor=1.0)
    card = opened.card
    (validation,) = [one for one in card.evaluations if one.association is None]
    paths = [one for one in find_fields(data, SUBSETS) if one.name in validation.images]
    judged = []
    for path in paths:
        field = load_field(path)
        allowed = field.annotated if mode == "given" else card.classes
        labels = opened.model.predict(field, allowed)
        counts = confusion_matrix(field.truth, labels, card.classes).astype(np.float64)
        truth = 100.0 * counts.sum(axis=1) / counts.sum()
        shares = dict(zip(card.classes, truth.tolist(), strict=True))
        association = SUBSETS[path.name.split("/")[0]]
        judged.append(Judged(association, modal_composition(labels), shares, counts))
    for association in SUBSETS.values():
        found = estimates(card, judged, association, mode)
        images = sum(one.association == association for one in judged)
        for way, values in found.items():
            yield f"| {mode} | {association}, {images} | {way} | {figures(values)} |"


def figures(values: Sequence[Estimate]) -> str:
    """Cells of one way."""
    error = np.mean([abs(one.error_pp) for one in values])
    known = [one for one in values if one.interval is not None]
    covered = np.mean([one.is_covered for one in known])
    width = np.mean([one.interval[1] - one.interval[0] for one in known if one.interval])
    return f"{error:.2f} | {100 * covered:.0f} % of {len(known)} | {width:.1f}"


def estimates(
    card: ModelCard, judged: Sequence[Judged], association: str, mode: str
) -> dict[str, list[Estimate]]:
    """What every way says of the phases of every image of an association."""
    found: dict[str, list[Estimate]] = defaultdict(list)
    for one in judged:
        if one.association != association:
            continue
        others = [
            other
            for other in judged
            if other is not one and (mode == "open" or other.association == association)
        ]
        for way, code, percent, interval in ways(card, one, [other.confusion for other in others]):
            truth = one.truth_percent[code]
            in_map = any(phase.code == code for phase in one.composition.phases)
            if truth > 0.0 or in_map:
                covered = interval is not None and interval[0] <= truth <= interval[1]
                found[way].append(Estimate(percent - truth, interval, covered))
    return found


def ways(
    card: ModelCard, one: Judged, others: Sequence[NDArray[np.float64]]
) -> Iterator[tuple[str, int, float, Interval | None]]:
    """Way, code, percentage and interval, for every class."""
    size = effective_size(others)
    held_out = HeldOutConfusion(
        codes=card.classes,
        counts=np.sum(others, axis=0),
        images=len(others),
        effective_size=size or DEFAULT_EFFECTIVE_SIZE,
        is_measured=size is not None,
        data="the other images",
        association=None,
        is_restricted=False,
    )
    exact = replace(
        one.composition,
        phases=tuple(
            replace(phase, ci95_percent=(phase.area_percent, phase.area_percent))
            for phase in one.composition.phases
        ),
    )
    seen = {phase.code: phase for phase in one.composition.phases}
    for code in card.classes:
        share = seen[code].area_percent if code in seen else 0.0
        yield "map, ci95", code, share, seen[code].ci95_percent if code in seen else (0.0, 0.0)
    for each in map_errors(one.composition, held_out).shares:
        share = seen[each.code].area_percent if each.code in seen else 0.0
        yield "map, total_ci95", each.code, share, each.total_ci95_percent
        yield "corrected", each.code, each.corrected_percent, each.corrected_ci95_percent
    for each in map_errors(exact, held_out).shares:
        share = seen[each.code].area_percent if each.code in seen else 0.0
        yield "map, mistakes alone", each.code, share, each.total_ci95_percent
    fallback = replace(held_out, effective_size=DEFAULT_EFFECTIVE_SIZE, is_measured=False)
    for each in map_errors(exact, fallback).shares:
        share = seen[each.code].area_percent if each.code in seen else 0.0
        yield "map, mistakes alone, default size", each.code, share, each.total_ci95_percent


if __name__ == "__main__":
    main()
