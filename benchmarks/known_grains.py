"""Label images of scattered objects whose areas, sizes and outlines are known exactly.

Every object lies in a cell of its own, at a random place between pixels and in a random direction;
a pixel is of the phase at its centre. Sizes are log-normal.

How far pixels can be off is known too:

- the pixels of a body with an outline of length L that lies at random have a mean of its area and a
  variance of 0.0728 L (Kendall 1948; 0.0728 is the sum of |k|^-3 over the points k of the lattice
  but 0, by 4 pi^3). From it follow `area_bound` and `size_bound`;
- Crofton's lines miss chords that are shorter than the step of their pixels, in part. Summed over
  the four directions that is (1 + sqrt 2) / 8 = 0.302 px for a right-angled corner and pi / 8 of the
  mean curvature for a round outline: `bias_px`. A straight edge in one direction is measured with a
  factor of standard deviation 0.023, which many directions average: `length_bound`.

References
----------
Kendall 1948, Quart. J. Math. 19:1, doi:10.1093/qmath/os-19.1.1 (lattice points in a random oval).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from petrography.images import Labels
from petrography.report import Result
from petrography.statistics.size_distributions import size_quantiles

__all__ = [
    "SCATTERS",
    "Compared",
    "KnownGrains",
    "area_bound",
    "compare",
    "length_bound",
    "scatter_grains",
    "size_bound",
]

Floats: TypeAlias = NDArray[np.float64]
Pair: TypeAlias = tuple[int, int]

BODY_CODE, CORE_CODE, BACKGROUND_CODE = 1, 6, 0
VARIANCE_PER_PX = 0.0728
CORNER_PX = (1.0 + math.sqrt(2.0)) / 8.0
# Of pi/8 (|sin| + |cos| + (|sin + cos| + |sin - cos|) / sqrt 2) over all directions of an edge.
DIRECTION_SPREAD = 0.0233
# Bounds are four standard deviations: one image in 16 000 lies outside if the rest is right.
DEVIATIONS = 4.0
# Standard deviation of the logarithm of sizes, and the largest over the median.
SPREAD, LARGEST = 0.4, 2.2
ASPECT = 1.6
# Outline of the core of a rimmed disc over that of the disc.
CORE = 0.5


@dataclass(frozen=True)
class _Object:
    """The phases at points around an object, and what is known of it."""

    code_at: Callable[[Floats, Floats], Labels]
    area_px: dict[int, float]
    contact_px: dict[Pair, float]
    bias_px: dict[Pair, float]


@dataclass(frozen=True, eq=False)
class KnownGrains:
    """A label image and what its objects are.

    Attributes
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes.
    areas_px : dict of int to ndarray of float64
        Exact area of every grain, by code; no background.
    outlines_px : dict of pair of int to ndarray of float64
        Exact length of the contact of two codes, the lower one first, of every object.
    bias_px : dict of pair of int to float
        By how much four directions of lines are expected to see all of them too long, in sum.
    """

    labels: Labels
    areas_px: dict[int, Floats]
    outlines_px: dict[Pair, Floats]
    bias_px: dict[Pair, float]

    def area_fraction(self, code: int) -> float:
        """Exact share of the field."""
        return float(self.areas_px[code].sum()) / self.labels.size

    def p80_px(self, code: int) -> float:
        """P80 by area of the exact equivalent circle diameters."""
        areas = self.areas_px[code]
        return size_quantiles(2.0 * np.sqrt(areas / math.pi), areas).p80

    def outline_px(self, code: int) -> float:
        """Exact length of all boundaries of a code."""
        return sum(float(of.sum()) for pair, of in self.outlines_px.items() if code in pair)


def area_bound(known: KnownGrains, code: int) -> float:
    """How far the counted share of the field may be from the exact one: four deviations."""
    deviation_px = math.sqrt(VARIANCE_PER_PX * known.outline_px(code))
    return DEVIATIONS * deviation_px / known.labels.size


def size_bound(known: KnownGrains, code: int) -> float:
    """How far the P80 may be from the exact one, as a fraction of it.

    Four deviations of the diameter of one round grain of that size, 1.22 d^-1.5, wider by the root
    of the outline that the grains have over that of discs. Many grains make up a P80, so it lies
    well within; the change of their weights, which average, adds less than a tenth.
    """
    p80 = known.p80_px(code)
    discs = float(2.0 * np.sqrt(math.pi * known.areas_px[code]).sum())
    longer = known.outline_px(code) / discs
    of_one = math.sqrt(VARIANCE_PER_PX * math.pi * p80 * longer) / (math.pi * p80**2 / 2.0)
    return 1.1 * DEVIATIONS * of_one


def length_bound(known: KnownGrains, pair: Pair) -> float:
    """How far a contact may be from its length with the bias, as a fraction of it: four deviations.

    That of straight edges of which each object has one direction; round ones have many.
    """
    outlines = known.outlines_px[pair]
    together = float(np.sqrt((outlines**2).sum()) / outlines.sum())
    return DEVIATIONS * DIRECTION_SPREAD * together


@dataclass(frozen=True)
class Compared:
    """A figure of a result beside the exact one.

    Attributes
    ----------
    of : str
        Symbol of the phase, or of both that touch.
    figure : str
        What is compared.
    error : float
        Measured over exact, less 1.
    bias : float
        The error that is expected.
    bound : float
        How far `error` may be from `bias`.
    """

    of: str
    figure: str
    error: float
    bias: float
    bound: float

    @property
    def is_within(self) -> bool:
        """Whether the error is what it should be."""
        return abs(self.error - self.bias) <= self.bound


def compare(known: KnownGrains, result: Result) -> Iterator[Compared]:
    """Put what a result says of a scatter beside what it is."""
    modal = {entry.code: entry for entry in result.modal}
    for code in known.areas_px:
        symbol, exact = modal[code].symbol, known.area_fraction(code)
        error = modal[code].area_percent / 100.0 / exact - 1.0
        yield Compared(symbol, "share of the field", error, 0.0, area_bound(known, code) / exact)
        sizes = result.grains[symbol].ecd_px
        error = math.nan if sizes is None else sizes.area_p80 / known.p80_px(code) - 1.0
        yield Compared(symbol, "P80", error, 0.0, size_bound(known, code))
    contacts = result.contacts
    if contacts is None:
        return
    for pair, outlines in known.outlines_px.items():
        one, other = (contacts.codes.index(code) for code in pair)
        whole = float(outlines.sum())
        yield Compared(
            " - ".join(modal[code].symbol for code in pair),
            "contact length",
            contacts.length_px[one][other] / whole - 1.0,
            known.bias_px[pair] / whole,
            length_bound(known, pair),
        )


def scatter_grains(scatter: str, median_px: float, seed: int, *, a_side: int = 20) -> KnownGrains:
    """Scatter objects over an image.

    Parameters
    ----------
    scatter : str
        One of `SCATTERS`: ellipses, squares, or discs with a core of another phase.
    median_px : float
        Median diameter, at least 8 px: smaller ones have no shape.
    seed : int
        Not negative.
    a_side : int
        Objects down and across.

    Returns
    -------
    KnownGrains
        Image and truth.
    """
    rng = np.random.default_rng([seed, *scatter.encode()])
    cell_px = math.ceil(LARGEST * median_px * math.sqrt(2.0 * ASPECT)) + 6
    labels = np.full((a_side * cell_px,) * 2, BACKGROUND_CODE, dtype=np.uint8)
    objects = [
        SCATTERS[scatter](median_px * min(LARGEST, math.exp(SPREAD * draw)))
        for draw in rng.standard_normal(a_side**2)
    ]
    for cell, one in enumerate(objects):
        row, column = (cell_px * place for place in divmod(cell, a_side))
        where = labels[row : row + cell_px, column : column + cell_px]
        where[:] = one.code_at(*_turned(cell_px, rng))
    first = objects[0]
    return KnownGrains(
        labels,
        {code: np.array([one.area_px[code] for one in objects]) for code in first.area_px},
        {pair: np.array([one.contact_px[pair] for one in objects]) for pair in first.contact_px},
        {pair: sum(one.bias_px[pair] for one in objects) for pair in first.bias_px},
    )


def _turned(cell_px: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Coordinates of the centres of pixels along and across an object."""
    rows, columns = (
        one + 0.5 - cell_px / 2.0 - rng.uniform(-0.5, 0.5) for one in np.indices((cell_px, cell_px))
    )
    angle = rng.uniform(0.0, math.pi)
    along = math.cos(angle) * columns + math.sin(angle) * rows
    return along, math.cos(angle) * rows - math.sin(angle) * columns


def _ellipse(size_px: float) -> _Object:
    """Ellipse of the area of a disc of `size_px`."""
    major = size_px / 2.0 * math.sqrt(ASPECT)
    minor = major / ASPECT
    outline = 4.0 * major * float(special.ellipe(1.0 - (minor / major) ** 2))

    def code_at(along: Floats, across: Floats) -> Labels:
        inside = np.hypot(along / major, across / minor) < 1.0
        return np.where(inside, BODY_CODE, BACKGROUND_CODE).astype(np.uint8)

    pair = (BACKGROUND_CODE, BODY_CODE)
    area = {BODY_CODE: math.pi * major * minor}
    return _Object(
        code_at, area, {pair: outline}, {pair: -math.pi / 8.0 * _curvature(major, minor)}
    )


def _curvature(major: float, minor: float) -> float:
    """Curvature of an ellipse, averaged over the directions of its outline."""
    angle = np.linspace(0.0, math.pi, 720, endpoint=False)
    support = np.hypot(major * np.cos(angle), minor * np.sin(angle))
    return float((support**3).mean()) / (major * minor) ** 2


def _square(size_px: float) -> _Object:
    """Square of a side of `size_px`."""

    def code_at(along: Floats, across: Floats) -> Labels:
        inside = np.maximum(abs(along), abs(across)) < size_px / 2.0
        return np.where(inside, BODY_CODE, BACKGROUND_CODE).astype(np.uint8)

    pair = (BACKGROUND_CODE, BODY_CODE)
    return _Object(code_at, {BODY_CODE: size_px**2}, {pair: 4.0 * size_px}, {pair: -4 * CORNER_PX})


def _rimmed_disc(size_px: float) -> _Object:
    """Disc with a core of another phase."""
    radius, core = size_px / 2.0, CORE * size_px / 2.0

    def code_at(along: Floats, across: Floats) -> Labels:
        distance = np.hypot(along, across)
        phases = [CORE_CODE, BODY_CODE, BACKGROUND_CODE]
        return np.array(phases, dtype=np.uint8)[np.searchsorted([core, radius], distance)]

    outlines = {(BACKGROUND_CODE, BODY_CODE): radius, (BODY_CODE, CORE_CODE): core}
    return _Object(
        code_at,
        {BODY_CODE: math.pi * (radius**2 - core**2), CORE_CODE: math.pi * core**2},
        {pair: 2.0 * math.pi * radius_px for pair, radius_px in outlines.items()},
        {pair: -math.pi / 8.0 / radius_px for pair, radius_px in outlines.items()},
    )


SCATTERS: dict[str, Callable[[float], _Object]] = {
    "ellipses": _ellipse,
    "squares": _square,
    "rimmed discs": _rimmed_disc,
}
