"""How often 95 % intervals of modal per cent hold the truth, and how wide they are.

::

    python benchmarks/bench_modal_intervals.py [--recipes 50] [--models 100] [--seed 0]
        [--textures S1 ...] [--record]

What is to be chosen is chosen on other seeds than those that are reported.

Fields of twelve textures whose expected composition is known (`benchmarks.known_textures`) are
measured as masks. An interval from one field answers for the section that the field lies on, so
the truth is that of the section (recipes) or of the endless texture (models), never that of the
image: over the image itself every share is exact. It cannot answer for other sections.

Every phase but the background is judged, with four intervals beside each other:

- independent pixels: the binomial formula over all pixels;
- plain bootstrap: percentiles of 6 x 6 resampled blocks;
- integral range: the normal interval with area over integral range as the number of samples;
- ci95: what a result says.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.known_textures import MAGNIFICATIONS, RECIPE_TEXTURES, TEXTURES, draw_field
from benchmarks.recording import machine, recorded_options, tell
from petrography.minerals import BACKGROUND_CODE, is_ore
from petrography.statistics import Composition, modal_composition
from petrography.statistics.assay import mass_percent
from petrography.statistics.cell_counts import Counts, count_cells
from petrography.statistics.intervals import block_sums

WAYS = ("independent pixels", "plain bootstrap", "integral range", "ci95")
BLOCKS_A_SIDE, RESAMPLES = 6, 1000
Interval = tuple[float, float]


@dataclass(frozen=True)
class Judged:
    """The intervals of one phase of one field, in per cent."""

    texture: str
    seed: int
    is_warned: bool
    samples: float
    seen: float
    truth: float
    intervals: dict[str, Interval | None]

    def covers(self, way: str) -> bool | None:
        """Whether an interval holds the truth; None where there is none."""
        bounds = self.intervals[way]
        return None if bounds is None else bounds[0] <= self.truth <= bounds[1]


def main() -> None:
    """Measure and print, and with ``--record`` append, the tables."""
    parser = recorded_options(__doc__)
    parser.add_argument("--recipes", type=int, default=50, help="sections of each recipe")
    parser.add_argument("--models", type=int, default=100, help="fields of each model")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--textures", nargs="+", choices=TEXTURES, default=TEXTURES)
    arguments = parser.parse_args()
    started = time.process_time()
    area, ore, missed = measured(
        arguments.textures, arguments.seed, arguments.recipes, arguments.models
    )
    lines = [
        "### Modal intervals: how often they hold the truth",
        "",
        about(area, time.process_time() - started),
        "",
        *coverage_table(area),
        "",
        *ore_table(ore),
        "",
        detection_line(missed),
    ]
    text = "\n".join(lines)
    tell(text, arguments)


def about(judged: Sequence[Judged], seconds: float) -> str:
    """Say what was measured."""
    fields = {(one.texture, one.seed) for one in judged}
    asked = " ".join(word for word in sys.argv[1:] if word != "--record")
    textures, first = {texture for texture, _ in fields}, min(seed for _, seed in fields)
    return (
        f"{len(fields)} fields of {len(textures)} textures as masks, seeds from {first} up; truth of the "
        "section or of the endless texture; per cent of the intervals of all phases but the "
        "background. The recipes are seen as LumenStone sees ore (240 x 320 px of a section of "
        "4 x 4 such fields, everything shrunk alike) and at half that magnification. The standard "
        f"error of a row of 100 intervals is 2, that of all below 1. {machine()}, {seconds:.0f} s "
        "of CPU time on a machine that was busy with other work, "
        f"`python benchmarks/bench_modal_intervals.py {asked}`."
    )


def measured(
    textures: Sequence[str], first: int, recipes: int, models: int
) -> tuple[list[Judged], list[Judged], list[tuple[float, float]]]:
    """Judge the intervals of areas, those on ore, and the limits of phases that were not seen."""
    area: list[Judged] = []
    ore: list[Judged] = []
    missed: list[tuple[float, float]] = []
    for texture in textures:
        for seed in range(first, first + (recipes if texture in RECIPE_TEXTURES else models)):
            field = draw_field(texture, seed)
            composition = modal_composition(field.labels, looked_for=tuple(field.truth))
            percent = {code: 100.0 * part for code, part in field.truth.items()}
            cells = count_cells(field.labels)
            bootstrap = plain_bootstrap(dict(zip(cells.codes, cells.counts, strict=True)))
            area += list(judged_areas(texture, seed, composition, percent, bootstrap))
            ore += list(judged_ore(texture, seed, composition, percent))
            missed += [
                (percent[limit.code], limit.upper_percent)
                for limit in composition.not_found
                if limit.upper_percent is not None
            ]
    return area, ore, missed


def judged_areas(
    texture: str,
    seed: int,
    composition: Composition,
    percent: dict[int, float],
    bootstrap: Callable[[int], Interval],
) -> Iterator[Judged]:
    """Judge shares of the whole field."""
    samples = composition.design.independent_samples or 0.0
    for phase in composition.phases:
        if phase.code != BACKGROUND_CODE:
            ways: dict[str, Interval | None] = {
                "independent pixels": normal(phase.area_percent, composition.field_px),
                "plain bootstrap": bootstrap(phase.code),
                "integral range": normal(phase.area_percent, samples),
                "ci95": phase.ci95_percent,
            }
            warned = bool(composition.design.warnings)
            seen = phase.area_percent
            yield Judged(texture, seed, warned, samples, seen, percent[phase.code], ways)


def judged_ore(
    texture: str, seed: int, composition: Composition, percent: dict[int, float]
) -> Iterator[Judged]:
    """Judge shares of the ore, by area and by mass."""
    expected = {code: share for code, share in percent.items() if is_ore(code)}
    # Areas are whole numbers of pixels; a million of them keep the shares to a ten-thousandth.
    masses = mass_percent({code: round(1e4 * share) for code, share in expected.items()}) or {}
    for phase in composition.phases:
        if phase.ore_ci95_percent is not None:
            seen, truth = phase.area_percent, 100.0 * expected[phase.code] / sum(expected.values())
            ways: dict[str, Interval | None] = {"ore_ci95": phase.ore_ci95_percent}
            yield Judged(texture, seed, False, 0.0, seen, truth, ways)
            ways = {"mass_ci95": phase.mass_ci95_percent}
            yield Judged(texture, seed, False, 0.0, seen, masses[phase.code], ways)


def normal(percent: float, samples: float) -> Interval:
    """Interval of a share of independent samples by the normal distribution."""
    half_width = 1.96 * np.sqrt(percent * (100.0 - percent) / max(samples, 1.0))
    return percent - float(half_width), percent + float(half_width)


def plain_bootstrap(counts: dict[int, Counts]) -> Callable[[int], Interval]:
    """Percentile intervals from 6 x 6 blocks, by code."""
    whole = block_sums(sum(counts.values(), np.zeros(())), BLOCKS_A_SIDE, BLOCKS_A_SIDE)
    drawn = np.random.default_rng(0).multinomial(
        whole.size, np.full(whole.size, 1.0 / whole.size), size=RESAMPLES
    )

    def interval(code: int) -> Interval:
        parts = drawn @ block_sums(counts[code], BLOCKS_A_SIDE, BLOCKS_A_SIDE)
        low, high = np.percentile(100.0 * parts / (drawn @ whole), [2.5, 97.5]).tolist()
        return low, high

    return interval


def coverage_table(judged: Sequence[Judged]) -> Iterator[str]:
    """Lines of the table of areas."""
    yield f"| texture | intervals | {' | '.join(WAYS)} | width of ci95, points |"
    yield f"|---|--:|{'--:|' * len(WAYS)}--:|"
    for name, chosen in groups(judged):
        if chosen:
            cells = " | ".join(covered(chosen, way) for way in WAYS)
            bounds = [one.intervals["ci95"] for one in chosen]
            width = np.median([high - low for low, high in filter(None, bounds)])
            yield f"| {name} | {len(chosen)} | {cells} | {width:.1f} |"


def groups(judged: Sequence[Judged]) -> Iterator[tuple[str, list[Judged]]]:
    """Give the phases by texture, by how they are seen, and together."""
    for texture in TEXTURES:
        yield texture, [one for one in judged if one.texture == texture]
    recipes = [one for one in judged if one.texture in RECIPE_TEXTURES]
    for k, magnification in enumerate(MAGNIFICATIONS):
        part = [one for one in recipes if one.seed % len(MAGNIFICATIONS) == k]
        yield f"recipes, magnification x {magnification:g}", part
    # Where one phase fills the field, it may lie in a body that is larger than the field.
    for low, high in ((0.0, 50.0), (50.0, 100.0)):
        part = [one for one in recipes if low <= one.seen < high]
        yield f"recipes, seen in {low:.0f} to {high:.0f} % of the field", part
    for low, high in ((0.0, 20.0), (20.0, 100.0), (100.0, np.inf)):
        part = [one for one in judged if low <= one.samples < high]
        yield f"independent samples {low:.0f} to {high:.0f}", part
    yield "image warned of", [one for one in judged if one.is_warned]
    yield "image not warned of", [one for one in judged if not one.is_warned]
    yield "**all**", list(judged)


def ore_table(judged: Sequence[Judged]) -> Iterator[str]:
    """Lines of the table of shares of the ore."""
    yield "| share of the ore | intervals | covered |"
    yield "|---|--:|--:|"
    for way in ("ore_ci95", "mass_ci95"):
        chosen = [one for one in judged if way in one.intervals]
        if chosen:
            yield f"| {way} | {len(chosen)} | {covered(chosen, way)} |"


def covered(judged: Sequence[Judged], way: str) -> str:
    """Per cent of the intervals that hold the truth."""
    return f"{100 * np.mean([bool(one.covers(way)) for one in judged]):.1f}"


def detection_line(missed: Sequence[tuple[float, float]]) -> str:
    """How often a phase of the section that the field does not show is below its limit."""
    below = sum(truth <= limit for truth, limit in missed)
    return (
        f"Phases of the section that the field does not show: {len(missed)}, of which {below} "
        "are below their detection limit."
    )


if __name__ == "__main__":
    main()
