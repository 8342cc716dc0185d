"""Modal composition: how much of the field, and of the ore, each phase covers."""

from __future__ import annotations

from dataclasses import dataclass

from petrography.errors import LabelImageError
from petrography.images import Labels, require_labels
from petrography.minerals import MINERALS, UNLABELLED_CODE, is_ore, mineral
from petrography.statistics.assay import element_percent, mass_percent
from petrography.statistics.intervals import (
    BlockDesign,
    CellCounts,
    Counts,
    RatioIntervals,
    count_cells,
    design_blocks,
)

__all__ = ["Composition", "PhaseShare", "modal_composition"]

# A phase in fewer blocks than this is a few grains: its interval is a rough guess.
_LEAST_BLOCKS_WITH_PHASE = 5


@dataclass(frozen=True)
class PhaseShare:
    """How much there is of one phase.

    Attributes
    ----------
    code : int
        Mineral code.
    area_px : int
        Pixels.
    area_percent, ci95_percent : float, tuple of float or None
        Of the whole annotated field, with the bounds of the 95 % interval.
    ore_percent, ore_ci95_percent : float or None, tuple of float or None
        Of the ore minerals only; None for phases that are no ore.
    mass_percent : float or None
        Of the mass of the ore minerals; None for phases that are no ore, or when a density is
        missing.
    """

    code: int
    area_px: int
    area_percent: float
    ci95_percent: tuple[float, float] | None
    ore_percent: float | None
    ore_ci95_percent: tuple[float, float] | None
    mass_percent: float | None


@dataclass(frozen=True)
class Composition:
    """Modal composition of one label image.

    Attributes
    ----------
    phases : tuple of PhaseShare
        Phases that occur, by code. A phase without a pixel is not listed.
    field_px, ore_px, unlabelled_px : int
        Annotated pixels, those of ore minerals among them, and pixels that nobody annotated
        (in neither basis).
    element_percent : dict of str to float, or None
        Mass per cent of each element in the ore minerals.
    design : BlockDesign
        How the intervals were made.
    warnings : tuple of str
        What stands against the intervals.
    """

    phases: tuple[PhaseShare, ...]
    field_px: int
    ore_px: int
    unlabelled_px: int
    element_percent: dict[str, float] | None
    design: BlockDesign
    warnings: tuple[str, ...]


def modal_composition(labels: Labels) -> Composition:
    """Measure the modal composition on both bases.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 marks pixels that count in no basis.

    Returns
    -------
    Composition
        Shares with 95 % intervals.

    Raises
    ------
    LabelImageError
        If the array is no label image, holds a code without a mineral, or nothing is annotated.

    References
    ----------
    Delesse 1847 (area fractions estimate volume fractions); `petrography.statistics.intervals`.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.zeros((64, 64), dtype=np.uint8)
    >>> labels[:16, :16] = 1
    >>> [(share.code, share.area_percent) for share in modal_composition(labels).phases]
    [(0, 93.75), (1, 6.25)]
    """
    counted = count_cells(require_labels(labels))
    cells = _annotated(counted)
    field = cells.counts.sum(axis=0)
    ore = cells.counts[[is_ore(code) for code in cells.codes]].sum(axis=0)
    area_px = dict(zip(cells.codes, (int(n.sum()) for n in cells.counts), strict=True))
    masses = mass_percent(area_px)
    design = design_blocks(cells, field)
    intervals = RatioIntervals(design)
    phases = tuple(
        _share(code, counts, (field, ore), intervals, masses)
        for code, counts in zip(cells.codes, cells.counts, strict=True)
    )
    return Composition(
        phases=phases,
        field_px=int(field.sum()),
        ore_px=int(ore.sum()),
        unlabelled_px=int(counted.counts.sum() - field.sum()),
        element_percent=element_percent(masses),
        design=design,
        warnings=(*design.warnings, *_rare_phases(cells, intervals)),
    )


def _annotated(cells: CellCounts) -> CellCounts:
    codes = tuple(code for code in cells.codes if code != UNLABELLED_CODE)
    unknown = [code for code in codes if code not in MINERALS]
    if unknown:
        msg = f"label image holds codes {unknown}; wanted {sorted(MINERALS)}, or 255 for none"
        raise LabelImageError(msg)
    if not codes:
        msg = "no pixel of the label image is annotated (all are 255); wanted mineral codes"
        raise LabelImageError(msg)
    kept = cells.counts[[code != UNLABELLED_CODE for code in cells.codes]]
    return CellCounts(codes, kept, cells.height_px, cells.width_px)


def _share(
    code: int,
    counts: Counts,
    bases: tuple[Counts, Counts],
    intervals: RatioIntervals,
    masses: dict[int, float] | None,
) -> PhaseShare:
    field, ore = bases
    area_px = int(counts.sum())
    return PhaseShare(
        code=code,
        area_px=area_px,
        area_percent=100.0 * area_px / float(field.sum()),
        ci95_percent=_percent(intervals.interval(counts, field)),
        ore_percent=100.0 * area_px / float(ore.sum()) if is_ore(code) else None,
        ore_ci95_percent=_percent(intervals.interval(counts, ore)) if is_ore(code) else None,
        mass_percent=None if masses is None else masses.get(code),
    )


def _percent(bounds: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if bounds is None else (100.0 * bounds[0], 100.0 * bounds[1])


def _rare_phases(cells: CellCounts, intervals: RatioIntervals) -> tuple[str, ...]:
    rare = [
        mineral(code).symbol
        for code, counts in zip(cells.codes, cells.counts, strict=True)
        if intervals.blocks_with(counts) < _LEAST_BLOCKS_WITH_PHASE
    ]
    warning = (
        f"{', '.join(rare)}: found in fewer than {_LEAST_BLOCKS_WITH_PHASE} of "
        f"{intervals.design.blocks} blocks, the interval is a rough guess"
    )
    return (warning,) if rare else ()
