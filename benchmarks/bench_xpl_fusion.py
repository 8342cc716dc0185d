"""What views between crossed polars bring: XPL fusion against its twin in plane-polarised light.

::

    petroserve train examples/training/phantom-ppl-start.toml
    petroserve train examples/training/phantom-ppl-twin.toml
    petroserve export runs/phantom-ppl-twin/last.pt runs/models
    python benchmarks/bench_xpl_fusion.py --twin runs/models/phantom-ppl-twin/1 [--fields 96]

Both networks began with the same weights and have seen the same painted sections for the same
number of steps. They are judged on sections of seeds that neither was trained or validated on,
fusion with 0 to 12 of the views of each field: of all sets of so many, the one whose angles tell
the harmonics apart best. Confusion is pooled over the fields; intervals of 95 % come from drawing
the fields anew, with replacement, for both networks together. Views are laid by their true
matrices. The nearest-colour baseline stands beside. These are phantoms: how either does on real ore
was not measured.

A table is appended to ``benchmarks/RESULTS.md`` and the picture of it written to
``docs/images/xpl-fusion.png`` with ``--record``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from export.judging import find_model
from export.onnx_predictor import open_graph
from petrography.accuracy import NearestColour, confusion_matrix, scores
from petrography.errors import InvalidParameterError
from petrography.images import Image, Labels
from petrography.minerals import mineral
from petrography.model_card import ModelCard, TileGeometry, parse_card
from petrography.phantoms.anisotropy import ANISOTROPIES
from petrography.registration.harmonic_design import choose_design
from petrography.segmentation import Predictor, segment
from training.networks.build import geometry_for_small_fields
from training.painted_sections import kept_section

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.recording import machine, recorded_options, tell

PICTURE = ROOT / "docs" / "images" / "xpl-fusion.png"
RECIPE, SIZE_PX, STEP_DEG, TURNS = "S3", 256, 15.0, 12
VIEW_COUNTS = (0, 1, 2, 3, 4, 6, 8, 12)
# Training begins at seed 0 and validation at a million.
FIRST_SEED = 2_000_000
RESAMPLES = 2000

Confusion = NDArray[np.int64]


@dataclass(frozen=True)
class Model:
    """An exported network and its card."""

    card: ModelCard
    predictor: Predictor
    geometry: TileGeometry

    @staticmethod
    def read(folder: Path) -> Model:
        """Open ``models/<name>/<version>``."""
        card = parse_card((folder / "model.json").read_bytes(), source=str(folder))
        graph = open_graph((folder / "model.onnx").read_bytes(), classes=card.classes)
        geometry = geometry_for_small_fields(card.tile, [(SIZE_PX, SIZE_PX)])
        return Model(card, graph, geometry)

    def labels(self, pixels: Image) -> Labels:
        """Segment a field."""
        codes = self.card.classes
        return segment(pixels, self.predictor, geometry=self.geometry, codes=codes).labels


@dataclass
class Judged:
    """Confusion of every field: of the baseline, of the twin, of fusion by number of views."""

    codes: tuple[int, ...]
    baseline: list[Confusion] = field(default_factory=list)
    twin: list[Confusion] = field(default_factory=list)
    fusion: dict[int, list[Confusion]] = field(default_factory=dict)


@dataclass(frozen=True)
class Gain:
    """A difference with its interval of 95 %, in points of IoU."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write as +1.2 (0.3 to 2.1)."""
        return f"{self.value:+.1f} ({self.low:+.1f} to {self.high:+.1f})"


def main() -> None:
    """Judge both networks and print, and with ``--record`` keep, the tables."""
    parser = recorded_options(__doc__)
    parser.add_argument("--fusion", type=Path, help="the newest version where it is not given")
    parser.add_argument("--twin", type=Path, required=True)
    parser.add_argument("--fields", type=int, default=96)
    parser.add_argument("--kept", type=Path, help="folder that keeps the painted sections")
    arguments = parser.parse_args()
    shipped = arguments.fusion or find_model(ROOT / "models", "phantom-xpl-fusion")
    fusion, twin = Model.read(shipped), Model.read(arguments.twin)
    judged = judge(fusion, twin, arguments.fields, arguments.kept)
    text = f"{report(judged, fusion, twin, arguments.fields)}\n"
    tell(text, arguments)
    if arguments.record:
        draw(judged, PICTURE)


def judge(fusion: Model, twin: Model, count: int, kept: Path | None = None) -> Judged:
    """Paint held-out fields and segment each in every way."""
    codes = fusion.card.classes
    colours = fusion.card.training_colours_rgb
    baseline = NearestColour(tuple(colours), tuple(colours.values()))
    judged = Judged(codes, fusion={views: [] for views in VIEW_COUNTS})
    for seed in tqdm(range(FIRST_SEED, FIRST_SEED + count), disable=None):
        section = kept_section(kept, RECIPE, seed, SIZE_PX, TURNS)
        truth = section.truth
        judged.baseline.append(confusion_matrix(truth, baseline.predict(section.ppl), codes))
        judged.twin.append(confusion_matrix(truth, twin.labels(section.ppl), codes))
        for views in VIEW_COUNTS:
            labels = fusion.labels(section.fused(best_turns(views)))
            judged.fusion[views].append(confusion_matrix(truth, labels, codes))
    return judged


@cache
def best_turns(count: int) -> tuple[int, ...]:
    """Choose the turns that tell the harmonics apart best; of one and two the widest apart."""
    if count < 3:
        return ((), (0,), (0, 3))[count]
    return min(combinations(range(TURNS), count), key=_badness)


def _badness(turns: Sequence[int]) -> tuple[bool, float]:
    try:
        design = choose_design(tuple(STEP_DEG * turn for turn in turns))
    except InvalidParameterError:
        return True, float("inf")
    return design.model == "mean+4psi", round(design.condition, 6)


def ious(confusions: Sequence[Confusion], codes: Sequence[int]) -> NDArray[np.float64]:
    """IoU of every class over fields, NaN where a class is in neither truth nor map."""
    total = np.sum(confusions, axis=0)
    found = scores(total, codes).iou
    return np.array([found.get(code, np.nan) for code in codes])


def gain(
    more: Sequence[Confusion],
    less: Sequence[Confusion],
    codes: Sequence[int],
    chosen: Sequence[int],
) -> Gain:
    """Difference of the mean IoU of some classes, with the bootstrap over fields."""
    places = [codes.index(code) for code in chosen]

    def difference(fields: NDArray[np.intp]) -> float:
        both = [ious([matrices[one] for one in fields], codes)[places] for matrices in (more, less)]
        return 100.0 * float(np.nanmean(both[0]) - np.nanmean(both[1]))

    rng = np.random.default_rng(0)
    count = len(more)
    drawn = [difference(rng.integers(count, size=count)) for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Gain(difference(np.arange(count)), float(low), float(high))


def report(judged: Judged, fusion: Model, twin: Model, count: int) -> str:
    """Write the Markdown section."""
    codes, turning = judged.codes, anisotropic(judged.codes)
    lines = [
        "### XPL fusion against plane-polarised light alone",
        "",
        f"{machine()}; {count} painted sections of recipe {RECIPE}, {SIZE_PX} x {SIZE_PX} px, seeds from",
        f"{FIRST_SEED}, which neither network has seen. {fusion.card.architecture}, and its twin:",
        f"{twin.card.architecture}; {trained(fusion.card)} and {trained(twin.card)}.",
        "Gains in points of IoU over the twin, with the 95 % interval of a bootstrap over fields;",
        f"anisotropic are {', '.join(mineral(code).symbol for code in turning)}. Phantoms, not ore.",
        "`python benchmarks/bench_xpl_fusion.py --twin runs/models/phantom-ppl-twin/1`.",
        "",
        "| way | views | mean IoU | anisotropic | pixel accuracy | gain of mean IoU | of the anisotropic |",
        "|---|--:|--:|--:|--:|--:|--:|",
        _row("nearest colour", "-", judged.baseline, judged, judged.twin),
        _row("plane-polarised alone", "-", judged.twin, judged, None),
    ]
    lines += [
        _row("fusion", str(views), judged.fusion[views], judged, judged.twin)
        for views in VIEW_COUNTS
    ]
    lines += ["", *_by_mineral(judged, codes)]
    return "\n".join(lines)


def trained(card: ModelCard) -> str:
    """Say how long a network was trained, and what it went on from."""
    steps, before = f"{card.training.steps} steps", card.training.started_from
    if before is None:
        return steps
    (name, *_) = re.findall(r'(?m)^name = "(.+)"', before)
    return f"{steps} from {before.splitlines()[0]} {name}"


def _row(
    way: str, views: str, ours: list[Confusion], judged: Judged, twin: list[Confusion] | None
) -> str:
    codes, turning = judged.codes, anisotropic(judged.codes)
    total = scores(np.sum(ours, axis=0), codes)
    of_turning = np.nanmean([total.iou.get(code, np.nan) for code in turning])
    gains = "- | -"
    if twin is not None:
        gains = f"{gain(ours, twin, codes, codes)} | {gain(ours, twin, codes, turning)}"
    return (
        f"| {way} | {views} | {total.mean_iou:.3f} | {of_turning:.3f} "
        f"| {total.pixel_accuracy:.3f} | {gains} |"
    )


def _by_mineral(judged: Judged, codes: Sequence[int]) -> list[str]:
    lines = [
        "| mineral | anisotropic | nearest colour | PPL alone | fusion, 0 views | 6 views | gain of 6 |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    ways = (judged.baseline, judged.twin, judged.fusion[0], judged.fusion[6])
    figures = np.stack([ious(one, codes) for one in ways])
    for place, code in enumerate(codes):
        cells = " | ".join(f"{figure:.3f}" for figure in figures[:, place])
        turns = "yes" if code in ANISOTROPIES else "no"
        better = gain(judged.fusion[6], judged.twin, codes, (code,))
        lines.append(f"| {mineral(code).symbol} | {turns} | {cells} | {better} |")
    return lines


def anisotropic(codes: Sequence[int]) -> tuple[int, ...]:
    """Classes that change with the turn of the stage."""
    return tuple(code for code in codes if code in ANISOTROPIES)


def draw(judged: Judged, path: Path) -> None:
    """Draw the curve over the number of views, with the twin and the baseline."""
    codes, turning = judged.codes, anisotropic(judged.codes)
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    for chosen, name, colour in (
        (turning, "anisotropic minerals", "tab:orange"),
        (codes, "all classes", "tab:blue"),
    ):
        places = [codes.index(code) for code in chosen]
        level = 100.0 * np.nanmean(ious(judged.twin, codes)[places])
        floor = 100.0 * np.nanmean(ious(judged.baseline, codes)[places])
        gains = [gain(judged.fusion[views], judged.twin, codes, chosen) for views in VIEW_COUNTS]
        values = [level + one.value for one in gains]
        axes.plot(VIEW_COUNTS, values, "o-", color=colour, label=f"fusion, {name}")
        axes.fill_between(
            VIEW_COUNTS,
            [level + one.low for one in gains],
            [level + one.high for one in gains],
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
        axes.axhline(float(level), color=colour, linestyle="--", label=f"PPL alone, {name}")
        axes.axhline(float(floor), color=colour, linestyle=":", label=f"nearest colour, {name}")
    axes.set_xlabel("views between crossed polars")
    axes.set_ylabel("mean IoU, %")
    axes.set_xticks(VIEW_COUNTS)
    axes.set_title("XPL fusion on held-out painted sections (S3); bands: 95 % of the gain", size=10)
    axes.legend(fontsize=7, ncols=2)
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
