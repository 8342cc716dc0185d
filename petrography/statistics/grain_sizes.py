"""Grain sizes of each mineral: how many grains, how large, by number and by area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.statistics.grain_table import GrainTable, SmallComponents

__all__ = ["GrainSummary", "SizeQuantiles", "area_quantiles", "summarise_grains"]

_SHARES = (0.2, 0.5, 0.8)


@dataclass(frozen=True)
class SizeQuantiles:
    """Sizes below which 20, 50 and 80 % of the grains, or of their area, lie."""

    p20: float
    p50: float
    p80: float


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
        How many of them are cut by the edge of the image. They are included with what is seen
        of them.
    small : SmallComponents
        Components below the minimum area, in no other figure here.
    ecd_px_by_number, ecd_px_by_area : SizeQuantiles or None
        Equivalent circle diameters in pixels; None without a grain.
    """

    code: int
    count: int
    area_px: int
    touching_edge: int
    small: SmallComponents
    ecd_px_by_number: SizeQuantiles | None
    ecd_px_by_area: SizeQuantiles | None


def summarise_grains(grains: GrainTable) -> tuple[GrainSummary, ...]:
    """Sum the grains up by mineral.

    Parameters
    ----------
    grains : GrainTable
        Measured grains.

    Returns
    -------
    tuple of GrainSummary
        By code; a mineral of which there are small components only has count 0.
    """
    codes = sorted({int(code) for code in np.unique(grains.code)} | set(grains.small))
    return tuple(_summary(grains, code) for code in codes)


def _summary(grains: GrainTable, code: int) -> GrainSummary:
    chosen = grains.code == code
    area_px, ecd_px = grains.area_px[chosen], grains.ecd_px[chosen]
    return GrainSummary(
        code=code,
        count=len(area_px),
        area_px=int(area_px.sum()),
        touching_edge=int(np.count_nonzero(grains.touches_edge[chosen])),
        small=grains.small.get(code, SmallComponents(0, 0)),
        ecd_px_by_number=_number_quantiles(ecd_px) if len(ecd_px) else None,
        ecd_px_by_area=area_quantiles(ecd_px, area_px) if len(ecd_px) else None,
    )


def _number_quantiles(ecd_px: NDArray[np.float64]) -> SizeQuantiles:
    return SizeQuantiles(*(float(size) for size in np.quantile(ecd_px, _SHARES)))


def area_quantiles(ecd_px: NDArray[np.float64], area_px: NDArray[np.int64]) -> SizeQuantiles:
    """Sizes P20, P50 and P80 by area, the figures that a mill asks for.

    The cumulative area passing each size is interpolated linearly against the logarithm of the
    size, as on a sieve diagram; below the smallest grain the size is that of the smallest grain.

    Parameters
    ----------
    ecd_px : ndarray of float64, shape (n,)
        Diameters, n at least 1.
    area_px : ndarray of int64, shape (n,)
        Areas.

    Examples
    --------
    >>> sizes = area_quantiles(np.array([10.0, 100.0]), np.array([50, 50]))
    >>> round(sizes.p20, 1), round(sizes.p50, 1), round(sizes.p80, 1)
    (10.0, 10.0, 39.8)
    """
    order = np.argsort(ecd_px, kind="stable")
    passing = np.cumsum(area_px[order]) / area_px.sum()
    sizes = np.exp(np.interp(_SHARES, passing, np.log(ecd_px[order])))
    return SizeQuantiles(*(float(size) for size in sizes))
