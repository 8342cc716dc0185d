"""95 % intervals of the calculated assay: mass and element per cent from the same blocks.

Both are ratios of weighted sums of the same counts: the mass of a mineral over that of all, and
the mass of an element over that of all. So they are resampled like areas. What one image can say
of a mineral at most (`petrography.statistics.intervals`) is handed on to the elements it carries.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from petrography.minerals import mineral
from petrography.statistics.assay import element_percent, mass_fractions
from petrography.statistics.cell_counts import CellCounts, Counts
from petrography.statistics.intervals import RatioEstimate, RatioIntervals, sample_bounds

__all__ = ["Assay", "assay_intervals"]

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Assay:
    """Mass and element per cent of the ore minerals, with 95 % intervals where there are any."""

    mass_percent: dict[int, float] | None
    mass_ci95_percent: dict[int, Bounds]
    element_percent: dict[str, float] | None
    element_ci95_percent: dict[str, Bounds] | None


def assay_intervals(
    cells: CellCounts,
    masses: dict[int, float] | None,
    intervals: RatioIntervals,
    *,
    share: float,
) -> Assay:
    """Put intervals on the assay of an image.

    Parameters
    ----------
    cells : CellCounts
        Counts of the phases.
    masses : dict of int to float, or None
        From `petrography.statistics.assay.mass_percent`.
    intervals : RatioIntervals
        Of the same image.
    share : float
        Part of the annotated field that is ore.

    Returns
    -------
    Assay
        Without masses, without anything.
    """
    if masses is None:
        return Assay(None, {}, None, None)
    weighted = _mass_cells(cells, masses)
    whole = sum(weighted.values(), start=np.zeros(cells.counts.shape[1:]))
    found = {code: intervals.estimate(part, whole, share=share) for code, part in weighted.items()}
    estimates = {code: one for code, one in found.items() if one is not None}
    elements = element_percent(masses)
    bounds = None if elements is None else _element_bounds(weighted, whole, estimates, intervals)
    return Assay(
        masses, {code: _percent(one.interval) for code, one in estimates.items()}, elements, bounds
    )


def _mass_cells(cells: CellCounts, masses: Mapping[int, float]) -> dict[int, Counts]:
    return {
        code: counts * (mineral(code).density_g_cm3 or 0.0)
        for code, counts in zip(cells.codes, cells.counts, strict=True)
        if code in masses
    }


def _element_bounds(
    weighted: Mapping[int, Counts],
    whole: Counts,
    estimates: Mapping[int, RatioEstimate],
    intervals: RatioIntervals,
) -> dict[str, Bounds]:
    contents = {code: mass_fractions(mineral(code).formula or "") for code in estimates}
    elements = {element for content in contents.values() for element in content}
    bounds = {}
    for element in sorted(elements):
        content = {code: contents[code].get(element, 0.0) for code in estimates}
        low, high = min(content.values()), max(content.values())
        if high > low:
            part = sum((content[code] * weighted[code] for code in estimates), np.zeros(()))
            error, freedom = intervals.error(part, whole)
            ratio = float(part.sum() / whole.sum())
            error *= _widening(content, ratio, estimates)
            # Between its poorest and its richest mineral an element is like a fraction.
            fraction = (ratio - low) / (high - low)
            samples = _samples(fraction, error / (high - low), estimates)
            limits = sample_bounds(fraction, samples, max(1.0, min(freedom, samples / 2.0)))
            bounds[element] = _percent(
                (low + limits[0] * (high - low), low + limits[1] * (high - low))
            )
    return bounds


def _samples(fraction: float, error: float, estimates: Mapping[int, RatioEstimate]) -> float:
    """Independent samples; a regular pattern has no error, and those of its minerals then."""
    if error > 0.0:
        return fraction * (1.0 - fraction) / error**2
    return max(estimate.independent_samples for estimate in estimates.values())


def _widening(
    content: Mapping[int, float], ratio: float, estimates: Mapping[int, RatioEstimate]
) -> float:
    """Factor by which the minerals of an element are known worse than by their blocks."""
    by_blocks = known = 0.0
    for code, estimate in estimates.items():
        weight = (content[code] - ratio) ** 2
        by_blocks += weight * estimate.block_error**2
        known += weight * estimate.standard_error**2
    return math.sqrt(known / by_blocks) if by_blocks > 0.0 else 1.0


def _percent(bounds: Bounds) -> Bounds:
    return 100.0 * bounds[0], 100.0 * bounds[1]
