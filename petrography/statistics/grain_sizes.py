"""Grain sizes of each mineral: how many grains, how large, by number and by area."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from petrography.statistics.grain_table import GrainTable, SmallComponents
from petrography.statistics.intercepts import MeanIntercept
from petrography.statistics.size_distributions import (
    SizeQuantiles,
    edge_weights,
    p80_interval,
    size_quantiles,
)
from petrography.statistics.touching_grains import Particles

__all__ = [
    "EdgeCorrected",
    "GrainSummary",
    "MedianShapes",
    "SizeQuantiles",
    "TouchingGrains",
    "summarise_grains",
]


# Of the area of a mineral, in grains that lie whole in the image. With less, the large grains are
# so large that hardly any image of this size holds one whole: nothing is left to be weighted.
_LEAST_WHOLE_FRACTION = 0.5


@dataclass(frozen=True)
class EdgeCorrected:
    """Sizes of the grains that lie whole in the image, weighted for those that do not.

    Attributes
    ----------
    count : int
        Grains that do not touch the edge.
    estimated_count : float
        How many grains an area as large as the image has, each counted by one point of it.
    ecd_px_by_number, ecd_px_by_area : SizeQuantiles
        Weighted with `edge_weights`, and with area besides.
    """

    count: int
    estimated_count: float
    ecd_px_by_number: SizeQuantiles
    ecd_px_by_area: SizeQuantiles


@dataclass(frozen=True)
class MedianShapes:
    """Medians over the grains of a mineral, of what `GrainShapes` defines."""

    perimeter_px: float
    feret_max_px: float
    feret_min_px: float
    aspect_ratio: float
    circularity: float
    solidity: float


@dataclass(frozen=True)
class TouchingGrains:
    """Grains of one mineral with those that touch told apart.

    Attributes
    ----------
    particles : int
        Parts; a grain that is not divided is one.
    divided : int
        Grains of two parts or more.
    too_large : int
        Grains that exceed the largest crop and stay whole for that.
    ecd_px_by_number, ecd_px_by_area : SizeQuantiles
        Of the parts.
    """

    particles: int
    divided: int
    too_large: int
    ecd_px_by_number: SizeQuantiles
    ecd_px_by_area: SizeQuantiles


@dataclass(frozen=True)
class GrainSummary:
    """Grains of one mineral.

    Attributes
    ----------
    code : int
        Mineral code.
    count, area_px : int
        Grains of at least the minimum area, and their pixels.
    touching_edge : int
        How many of them are cut by the edge of the image or of what is annotated. They are
        included with what is seen of them.
    small : SmallComponents
        Components below the minimum area, in no other figure here.
    ecd_px_by_number, ecd_px_by_area : SizeQuantiles or None
        Equivalent circle diameters in pixels; None without a grain.
    p80_ci95_px : tuple of float or None
        95 % interval of the P80 by area; None with few grains.
    edge_corrected : EdgeCorrected or None
        None where grains that the edge cuts hold most of the area, and where what is annotated
        is no rectangle.
    shapes : MedianShapes or None
        None without a grain.
    intercept : MeanIntercept or None
        Of all pixels of the mineral.
    touching : TouchingGrains or None
        None without a grain, or where touching grains were not told apart.
    ecd_px, areas_px : ndarray, shape (count,)
        Diameters (float64) and areas (int64) of the grains, for distributions in any unit.
    """

    code: int
    count: int
    area_px: int
    touching_edge: int
    small: SmallComponents
    ecd_px_by_number: SizeQuantiles | None
    ecd_px_by_area: SizeQuantiles | None
    p80_ci95_px: tuple[float, float] | None
    edge_corrected: EdgeCorrected | None
    shapes: MedianShapes | None
    intercept: MeanIntercept | None
    touching: TouchingGrains | None
    ecd_px: NDArray[np.float64] = field(repr=False, compare=False)
    areas_px: NDArray[np.int64] = field(repr=False, compare=False)


def summarise_grains(
    grains: GrainTable, particles: Particles | None = None
) -> tuple[GrainSummary, ...]:
    """Sum the grains up by mineral.

    Parameters
    ----------
    grains : GrainTable
        Measured grains.
    particles : Particles, optional
        Touching grains told apart.

    Returns
    -------
    tuple of GrainSummary
        By code; a mineral of which there are small components only has count 0.
    """
    codes = sorted({int(code) for code in np.unique(grains.code)} | set(grains.small))
    weights = edge_weights(grains)
    return tuple(_summary(grains, weights, particles, code) for code in codes)


def _summary(
    grains: GrainTable, weights: NDArray[np.float64], particles: Particles | None, code: int
) -> GrainSummary:
    chosen = grains.code == code
    area_px, ecd_px = grains.area_px[chosen], grains.ecd_px[chosen]
    return GrainSummary(
        code=code,
        count=len(area_px),
        area_px=int(area_px.sum()),
        touching_edge=int(np.count_nonzero(grains.touches_edge[chosen])),
        small=grains.small.get(code, SmallComponents(0, 0)),
        ecd_px_by_number=_number_quantiles(ecd_px) if len(ecd_px) else None,
        ecd_px_by_area=size_quantiles(ecd_px, area_px) if len(ecd_px) else None,
        p80_ci95_px=p80_interval(ecd_px, area_px),
        edge_corrected=_edge_corrected(ecd_px, area_px, weights[chosen]),
        shapes=_median_shapes(grains, chosen) if len(ecd_px) else None,
        intercept=grains.intercepts.get(code),
        touching=_touching(particles, chosen) if particles and len(ecd_px) else None,
        ecd_px=ecd_px,
        areas_px=area_px,
    )


def _number_quantiles(ecd_px: NDArray[np.float64]) -> SizeQuantiles:
    # As of weighted grains, so that figures with and without edge correction may be compared.
    return size_quantiles(ecd_px, np.ones(len(ecd_px)))


def _edge_corrected(
    ecd_px: NDArray[np.float64], area_px: NDArray[np.int64], weight: NDArray[np.float64]
) -> EdgeCorrected | None:
    whole = weight > 0.0
    if not len(whole) or area_px[whole].sum() < _LEAST_WHOLE_FRACTION * area_px.sum():
        return None
    return EdgeCorrected(
        count=int(np.count_nonzero(whole)),
        estimated_count=float(weight.sum()),
        ecd_px_by_number=size_quantiles(ecd_px[whole], weight[whole]),
        ecd_px_by_area=size_quantiles(ecd_px[whole], weight[whole] * area_px[whole]),
    )


def _touching(particles: Particles, chosen: NDArray[np.bool_]) -> TouchingGrains:
    of_mineral = chosen[particles.grain - 1]
    parts = np.bincount(particles.grain[of_mineral] - 1, minlength=len(chosen))
    ecd_px, area_px = particles.ecd_px[of_mineral], particles.area_px[of_mineral]
    return TouchingGrains(
        particles=len(area_px),
        divided=int(np.count_nonzero(parts > 1)),
        too_large=int(np.count_nonzero(particles.too_large & chosen)),
        ecd_px_by_number=_number_quantiles(ecd_px),
        ecd_px_by_area=size_quantiles(ecd_px, area_px),
    )


def _median_shapes(grains: GrainTable, chosen: NDArray[np.bool_]) -> MedianShapes:
    shapes = grains.shapes
    columns = (
        shapes.perimeter_px,
        shapes.feret_max_px,
        shapes.feret_min_px,
        shapes.aspect_ratio,
        grains.circularity,
        grains.solidity,
    )
    return MedianShapes(*(float(np.median(column[chosen])) for column in columns))
