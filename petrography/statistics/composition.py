"""Modal composition: how much of the field, of the analysed area and of the ore is each phase."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from petrography.images import Labels, require_labels
from petrography.minerals import MINERALS, RESIN_CODE, is_ore, mineral
from petrography.statistics.assay import mass_percent
from petrography.statistics.assay_intervals import Assay, assay_intervals
from petrography.statistics.cell_counts import CellCounter, CellCounts, Counts
from petrography.statistics.detection import DetectionLimit, detection_limits
from petrography.statistics.intervals import (
    LEAST_BLOCKS_WITH_PHASE,
    BlockDesign,
    RatioEstimate,
    RatioIntervals,
    design_blocks,
)

__all__ = [
    "RESIN_CODE",
    "Composition",
    "CompositionCounter",
    "PhaseShare",
    "modal_composition",
]

Bounds = tuple[float, float]


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
    mass_percent, mass_ci95_percent : float or None, tuple of float or None
        Of the mass of the ore minerals; None for phases that are no ore, or when a density is
        missing.
    analysed_percent, analysed_ci95_percent : float or None, tuple of float or None
        Of the analysed area; None for phases that are left out of it.
    sampling : RatioEstimate or None
        What `ci95_percent` rests on.
    """

    code: int
    area_px: int
    area_percent: float
    ci95_percent: Bounds | None
    ore_percent: float | None
    ore_ci95_percent: Bounds | None
    mass_percent: float | None
    mass_ci95_percent: Bounds | None
    analysed_percent: float | None
    analysed_ci95_percent: Bounds | None
    sampling: RatioEstimate | None


@dataclass(frozen=True)
class Composition:
    """Modal composition of one label image.

    Attributes
    ----------
    phases : tuple of PhaseShare
        Phases that occur, by code. A phase without a pixel is not listed.
    field_px, analysed_px, ore_px, unlabelled_px : int
        Annotated pixels, those of the analysed area and those of ore minerals among them, and
        pixels that nobody annotated (in no basis).
    not_analysed : tuple of int
        Codes that are left out of the analysed area.
    element_percent, element_ci95_percent : dict by str, or None
        Mass per cent of each element in the ore minerals, and 95 % intervals of those that have
        one.
    not_found : tuple of DetectionLimit
        Phases that were looked for and have no pixel.
    design : BlockDesign
        How the intervals were made.
    warnings : tuple of str
        What stands against the intervals.
    """

    phases: tuple[PhaseShare, ...]
    field_px: int
    analysed_px: int
    ore_px: int
    unlabelled_px: int
    not_analysed: tuple[int, ...]
    element_percent: dict[str, float] | None
    element_ci95_percent: dict[str, Bounds] | None
    not_found: tuple[DetectionLimit, ...]
    design: BlockDesign
    warnings: tuple[str, ...]


def modal_composition(
    labels: Labels,
    *,
    not_analysed: Collection[int] = (RESIN_CODE,),
    looked_for: Collection[int] = (),
) -> Composition:
    """Measure the modal composition on all bases.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 marks pixels that count in no basis.
    not_analysed : collection of int
        Codes that are left out of the analysed area: resin by default; background (0) where it
        is no part of the sample.
    looked_for : collection of int
        Codes that could have been found; those without a pixel get a detection limit.

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
    height_px, width_px = require_labels(labels).shape
    counter = CompositionCounter(
        (height_px, width_px), not_analysed=not_analysed, looked_for=looked_for
    )
    counter.add(labels)
    return counter.finish()


class CompositionCounter:
    """Modal composition of a label image that comes in strips, whatever their heights.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the whole image.
    not_analysed, looked_for : collection of int
        As for `modal_composition`.

    Raises
    ------
    InvalidParameterError
        If a side is below 1.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        not_analysed: Collection[int] = (RESIN_CODE,),
        looked_for: Collection[int] = (),
    ) -> None:
        self._cells = CellCounter(shape)
        self._not_analysed = tuple(sorted(set(not_analysed)))
        self._looked_for = tuple(sorted(set(looked_for)))

    def add(self, strip: Labels) -> None:
        """Count the next rows.

        Parameters
        ----------
        strip : ndarray of uint8, shape (rows, width)
            Mineral codes, 255 not annotated; any number of rows.

        Raises
        ------
        LabelImageError
            If the strip does not fit the image.
        """
        self._cells.add(strip)

    def finish(self) -> Composition:
        """Give the composition.

        Raises
        ------
        LabelImageError
            If rows are missing, a code names no mineral, or nothing is annotated.
        """
        counted = self._cells.finish()
        measuring = _Measuring(counted.annotated(), self._not_analysed)
        unlabelled = counted.counts.sum() - measuring.field.sum()
        return measuring.composition(int(unlabelled), self._looked_for)


class _Measuring:
    """The bases of one image, and the shares on them."""

    def __init__(self, cells: CellCounts, not_analysed: tuple[int, ...]) -> None:
        self.cells = cells
        self.not_analysed = not_analysed
        self.field = cells.counts.sum(axis=0)
        kept = tuple(code for code in cells.codes if code not in not_analysed)
        self.analysed = cells.of(kept).sum(axis=0)
        self.ore = cells.of(tuple(code for code in MINERALS if is_ore(code))).sum(axis=0)
        self.design = design_blocks(cells, self.field)
        self.intervals = RatioIntervals(self.design, self.field, cells.cell_area_px)

    def composition(self, unlabelled_px: int, looked_for: tuple[int, ...]) -> Composition:
        assay = self._assay()
        counted = zip(self.cells.codes, self.cells.counts, strict=True)
        return Composition(
            phases=tuple(self._share(code, counts, assay) for code, counts in counted),
            field_px=int(self.field.sum()),
            analysed_px=int(self.analysed.sum()),
            ore_px=int(self.ore.sum()),
            unlabelled_px=unlabelled_px,
            not_analysed=self.not_analysed,
            element_percent=assay.element_percent,
            element_ci95_percent=assay.element_ci95_percent,
            not_found=detection_limits(self.design, self.cells.codes, looked_for),
            design=self.design,
            warnings=(*self.design.warnings, *self._rare_phases()),
        )

    def _assay(self) -> Assay:
        areas = zip(self.cells.codes, self.cells.counts, strict=True)
        masses = mass_percent({code: int(counts.sum()) for code, counts in areas})
        share = float(self.ore.sum() / self.field.sum())
        return assay_intervals(self.cells, masses, self.intervals, share=share)

    def _share(self, code: int, counts: Counts, assay: Assay) -> PhaseShare:
        area_px = int(counts.sum())
        whole = self._ratio(counts, self.field)
        ore = self._ratio(counts, self.ore) if is_ore(code) else None
        is_analysed = code not in self.not_analysed
        analysed = self._ratio(counts, self.analysed) if is_analysed else None
        return PhaseShare(
            code=code,
            area_px=area_px,
            area_percent=100.0 * area_px / float(self.field.sum()),
            ci95_percent=_percent(whole),
            ore_percent=100.0 * area_px / float(self.ore.sum()) if is_ore(code) else None,
            ore_ci95_percent=_percent(ore),
            mass_percent=None if assay.mass_percent is None else assay.mass_percent.get(code),
            mass_ci95_percent=assay.mass_ci95_percent.get(code),
            analysed_percent=100.0 * area_px / float(self.analysed.sum()) if is_analysed else None,
            analysed_ci95_percent=_percent(analysed),
            sampling=whole,
        )

    def _ratio(self, part: Counts, whole: Counts) -> RatioEstimate | None:
        share = float(whole.sum() / self.field.sum())
        return self.intervals.estimate(part, whole, share=share)

    def _rare_phases(self) -> tuple[str, ...]:
        rare = [
            mineral(code).symbol
            for code, counts in zip(self.cells.codes, self.cells.counts, strict=True)
            if self.intervals.blocks_with(counts) < LEAST_BLOCKS_WITH_PHASE
        ]
        warning = (
            f"{', '.join(rare)}: found in fewer than {LEAST_BLOCKS_WITH_PHASE} of "
            f"{self.design.blocks} blocks, the interval is a rough guess"
        )
        return (warning,) if rare else ()


def _percent(estimate: RatioEstimate | None) -> Bounds | None:
    if estimate is None:
        return None
    low, high = np.multiply(100.0, estimate.interval).tolist()
    return low, high
