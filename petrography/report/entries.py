"""From measurements to the entries of result.json: symbols, names, physical units, rounding."""

from __future__ import annotations

import math
from collections.abc import Mapping

from petrography.minerals import mineral
from petrography.report.grain_figure_entries import (
    astm_entry,
    edge_corrected_entry,
    intercept_entry,
    interval_entry,
    shape_entry,
    sieve_entries,
    sizes_entry,
    touching_entry,
)
from petrography.report.modal_uncertainty import ModalUncertainty
from petrography.report.result import (
    GrainEntry,
    IntervalMethod,
    ModalBasis,
    ModalCorrection,
    ModalEntry,
    SmallEntry,
)
from petrography.statistics import (
    Composition,
    CorrectedShare,
    GrainSummary,
    MapErrors,
    PhaseShare,
)
from petrography.statistics.intervals import LEVEL

__all__ = [
    "grain_entries",
    "modal_basis",
    "modal_correction",
    "modal_entries",
    "rounded_element_intervals",
    "rounded_elements",
]

# Below a ten-thousandth of a per cent, and a thousandth of a pixel, there is only noise; rounding
# also hides differences in the last bit between machines.
_PERCENT_DIGITS = 4
_LENGTH_DIGITS = 3
_LEAST_PERCENT_NOT_MAPPED = 0.01


def modal_entries(
    composition: Composition,
    *,
    um_per_px: float | None = None,
    errors: MapErrors | None = None,
    uncertainties: Mapping[int, ModalUncertainty] | None = None,
) -> tuple[ModalEntry, ...]:
    """Write the modal composition, by code.

    Parameters
    ----------
    composition : Composition
        Measured shares.
    um_per_px : float, optional
        Pixel size; physical areas are null without it.
    errors : MapErrors, optional
        What mistakes of the map do to the composition.
    uncertainties : mapping of int to ModalUncertainty, optional
        By code, from `petrography.report.modal_uncertainty`.
    """
    corrected = {} if errors is None else {one.code: one for one in errors.shares}
    known = {} if uncertainties is None else uncertainties
    return tuple(
        _modal_entry(share, um_per_px, corrected.get(share.code), known.get(share.code))
        for share in composition.phases
    )


def _modal_entry(
    share: PhaseShare,
    um_per_px: float | None,
    corrected: CorrectedShare | None,
    uncertainty: ModalUncertainty | None,
) -> ModalEntry:
    phase = mineral(share.code)
    return ModalEntry(
        code=share.code,
        symbol=phase.symbol,
        name=phase.name,
        area_percent=_percent(share.area_percent),
        ci95=_bounds(share.ci95_percent),
        ore_percent=None if share.ore_percent is None else _percent(share.ore_percent),
        ore_ci95=_bounds(share.ore_ci95_percent),
        area_px=share.area_px,
        area_um2=_area_um2(share.area_px, um_per_px),
        mass_percent=None if share.mass_percent is None else _percent(share.mass_percent),
        total_ci95=None if corrected is None else _bounds(corrected.total_ci95_percent),
        corrected_percent=None if corrected is None else _percent(corrected.corrected_percent),
        corrected_ci95=None if corrected is None else _bounds(corrected.corrected_ci95_percent),
        analysed_percent=_optional_percent(share.analysed_percent),
        analysed_ci95=_bounds(share.analysed_ci95_percent),
        mass_ci95=_bounds(share.mass_ci95_percent),
        uncertainty=uncertainty,
    )


def modal_correction(composition: Composition, errors: MapErrors) -> ModalCorrection:
    """Write where the corrected percentages and the wider intervals come from."""
    held_out, mapped = errors.held_out, {share.code for share in composition.phases}
    return ModalCorrection(
        data=held_out.data,
        association=held_out.association,
        images=held_out.images,
        effective_size=_length(held_out.effective_size),
        effective_size_source="held-out images" if held_out.is_measured else "default",
        condition_number=_length(errors.condition) if math.isfinite(errors.condition) else None,
        level=LEVEL,
        simulations=errors.simulations,
        seed=errors.seed,
        not_mapped={
            mineral(one.code).symbol: _percent(one.corrected_percent)
            for one in errors.shares
            if one.code not in mapped and one.corrected_percent > _LEAST_PERCENT_NOT_MAPPED
        },
    )


def modal_basis(composition: Composition) -> ModalBasis:
    """Write what the percentages refer to and how the intervals were made."""
    design = composition.design
    return ModalBasis(
        field_px=composition.field_px,
        ore_px=composition.ore_px,
        unlabelled_px=composition.unlabelled_px,
        intervals=IntervalMethod(
            level=LEVEL,
            blocks=design.blocks,
            block_px=(_length(design.block_px[0]), _length(design.block_px[1])),
            correlation_length_px=_length(design.correlation_length_px),
            resamples=design.resamples,
            seed=design.seed,
            independent_samples=(
                None if design.independent_samples is None else _length(design.independent_samples)
            ),
            error_growth=None if design.error_growth is None else _length(design.error_growth),
        ),
        analysed_px=composition.analysed_px,
        not_analysed=composition.not_analysed,
    )


def rounded_elements(composition: Composition) -> dict[str, float] | None:
    """Element percentages, rounded as the other percentages are."""
    elements = composition.element_percent
    return None if elements is None else {name: _percent(share) for name, share in elements.items()}


def rounded_element_intervals(composition: Composition) -> dict[str, tuple[float, float]] | None:
    """Intervals of the element percentages, in the order of the elements."""
    bounds, elements = composition.element_ci95_percent, composition.element_percent
    if bounds is None or elements is None:
        return None
    return {
        name: (_percent(bounds[name][0]), _percent(bounds[name][1]))
        for name in elements
        if name in bounds
    }


def grain_entries(
    summaries: tuple[GrainSummary, ...], *, um_per_px: float | None = None
) -> dict[str, GrainEntry]:
    """Write the grains of each mineral, by symbol.

    Parameters
    ----------
    summaries : tuple of GrainSummary
        From `petrography.statistics.summarise_grains`.
    um_per_px : float, optional
        Pixel size; physical fields are null without it.
    """
    return {mineral(summary.code).symbol: _grain_entry(summary, um_per_px) for summary in summaries}


def _grain_entry(summary: GrainSummary, um_per_px: float | None) -> GrainEntry:
    return GrainEntry(
        code=summary.code,
        name=mineral(summary.code).name,
        count=summary.count,
        area_px=summary.area_px,
        area_um2=_area_um2(summary.area_px, um_per_px),
        touching_edge=summary.touching_edge,
        below_minimum=SmallEntry(count=summary.small.count, area_px=summary.small.area_px),
        ecd_px=sizes_entry(summary.ecd_px_by_number, summary.ecd_px_by_area, 1.0),
        ecd_um=sizes_entry(summary.ecd_px_by_number, summary.ecd_px_by_area, um_per_px),
        p80_ci95_px=interval_entry(summary.p80_ci95_px, 1.0),
        p80_ci95_um=interval_entry(summary.p80_ci95_px, um_per_px),
        edge_corrected=edge_corrected_entry(summary, um_per_px),
        shapes=shape_entry(summary, um_per_px),
        sieve_classes=sieve_entries(summary, um_per_px),
        intercept=intercept_entry(summary, um_per_px),
        astm_e112=astm_entry(summary, um_per_px),
        touching=touching_entry(summary, um_per_px),
    )


def _area_um2(area_px: int, um_per_px: float | None) -> float | None:
    return None if um_per_px is None else _length(area_px * um_per_px**2)


def _optional_percent(value: float | None) -> float | None:
    return None if value is None else _percent(value)


def _percent(value: float) -> float:
    return round(value, _PERCENT_DIGITS)


def _length(value: float) -> float:
    return round(value, _LENGTH_DIGITS)


def _bounds(bounds: tuple[float, float] | None) -> tuple[float, float] | None:
    return None if bounds is None else (_percent(bounds[0]), _percent(bounds[1]))
