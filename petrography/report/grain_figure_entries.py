"""From the summary of the grains of a mineral to their figures in result.json."""

from __future__ import annotations

from petrography.report.grain_figures import (
    AstmNumbers,
    ChordEntry,
    ChordSizes,
    EdgeCorrectedEntry,
    InterceptEntry,
    ShapeEntry,
    SieveEntry,
    Sizes,
    TouchingEntry,
)
from petrography.statistics import GrainSummary, SizeQuantiles
from petrography.statistics.grain_table import GrainTable
from petrography.statistics.intercepts import (
    MeanIntercept,
    astm_number_from_count,
    astm_number_from_intercept,
)
from petrography.statistics.size_distributions import SIEVES_PX, SIEVES_UM, sieve_classes

__all__ = [
    "astm_entry",
    "edge_corrected_entry",
    "intercept_entry",
    "interval_entry",
    "shape_entry",
    "sieve_entries",
    "sizes_entry",
    "touching_entry",
    "uncorrected_edges",
]

# A thousandth of a pixel is noise; rounding also hides differences in the last bit.
_LENGTH_DIGITS = 3
_PERCENT_DIGITS = 4
_NUMBER_DIGITS = 2
# Of solidity, which is never 0: a thin crack along two sides of an image has a ten-thousandth.
_SOLIDITY_DIGITS = 3
_CHORD_PERCENTS = (20.0, 50.0, 80.0)


def sizes_entry(
    by_number: SizeQuantiles | None, by_area: SizeQuantiles | None, unit: float | None
) -> Sizes | None:
    """Write sizes in px (`unit` 1) or in um; None without grains or without a unit."""
    if by_number is None or by_area is None or unit is None:
        return None
    return Sizes(
        number_p20=_length(by_number.p20 * unit),
        number_p50=_length(by_number.p50 * unit),
        number_p80=_length(by_number.p80 * unit),
        area_p20=_length(by_area.p20 * unit),
        area_p50=_length(by_area.p50 * unit),
        area_p80=_length(by_area.p80 * unit),
    )


def interval_entry(
    bounds_px: tuple[float, float] | None, unit: float | None
) -> tuple[float, float] | None:
    """Write an interval of a length in px (`unit` 1) or in um."""
    if bounds_px is None or unit is None:
        return None
    return _length(bounds_px[0] * unit), _length(bounds_px[1] * unit)


def uncorrected_edges(grains: GrainTable) -> tuple[str, ...]:
    """Tell that no sizes are corrected for the edge, where nothing but its shape forbids it."""
    if not len(grains) or grains.frame_px is not None:
        return ()
    return (
        (
            "what is annotated is no rectangle: sizes of grains are not corrected for its edge "
            "(edge_corrected is null)"
        ),
    )


def edge_corrected_entry(
    summary: GrainSummary, um_per_px: float | None
) -> EdgeCorrectedEntry | None:
    """Write sizes corrected for the edge."""
    corrected = summary.edge_corrected
    if corrected is None:
        return None
    by_number, by_area = corrected.ecd_px_by_number, corrected.ecd_px_by_area
    ecd_px = sizes_entry(by_number, by_area, 1.0)
    return (
        None
        if ecd_px is None
        else EdgeCorrectedEntry(
            count=corrected.count,
            estimated_count=_length(corrected.estimated_count),
            ecd_px=ecd_px,
            ecd_um=sizes_entry(by_number, by_area, um_per_px),
        )
    )


def shape_entry(summary: GrainSummary, um_per_px: float | None) -> ShapeEntry | None:
    """Write the median shapes."""
    shapes = summary.shapes
    if shapes is None:
        return None
    return ShapeEntry(
        perimeter_px=_length(shapes.perimeter_px),
        perimeter_um=_scaled(shapes.perimeter_px, um_per_px),
        feret_max_px=_length(shapes.feret_max_px),
        feret_max_um=_scaled(shapes.feret_max_px, um_per_px),
        feret_min_px=_length(shapes.feret_min_px),
        feret_min_um=_scaled(shapes.feret_min_px, um_per_px),
        aspect_ratio=_length(shapes.aspect_ratio),
        circularity=_length(shapes.circularity),
        solidity=float(f"{shapes.solidity:.{_SOLIDITY_DIGITS}g}"),
    )


def sieve_entries(summary: GrainSummary, um_per_px: float | None) -> tuple[SieveEntry, ...]:
    """Write the sieve classes, in um with a scale, else in px."""
    unit, apertures = (1.0, SIEVES_PX) if um_per_px is None else (um_per_px, SIEVES_UM)
    classes = sieve_classes(summary.ecd_px * unit, summary.areas_px, apertures)
    return tuple(
        SieveEntry(
            lower=None if one.lower is None else _length(one.lower),
            upper=None if one.upper is None else _length(one.upper),
            count=one.count,
            area_percent=round(one.area_percent, _PERCENT_DIGITS),
            passing_percent=round(one.passing_percent, _PERCENT_DIGITS),
        )
        for one in classes
    )


def intercept_entry(summary: GrainSummary, um_per_px: float | None) -> InterceptEntry | None:
    """Write the mean intercepts."""
    intercept = summary.intercept
    if intercept is None:
        return None
    return InterceptEntry(
        horizontal_px=_scaled(intercept.horizontal_px, 1.0),
        vertical_px=_scaled(intercept.vertical_px, 1.0),
        mean_px=_scaled(intercept.mean_px, 1.0),
        mean_um=_scaled(intercept.mean_px, um_per_px),
        chords=_chords(intercept, um_per_px),
    )


def _chords(intercept: MeanIntercept, um_per_px: float | None) -> ChordEntry | None:
    chords = intercept.chords
    by_number = chords.percentiles_px(_CHORD_PERCENTS)
    by_length = chords.percentiles_px(_CHORD_PERCENTS, by_length=True)
    if by_number is None or by_length is None:
        return None

    def sizes(unit: float) -> ChordSizes:
        return ChordSizes.model_validate(
            {
                f"{basis}_p{percent:.0f}": _length(found * unit)
                for basis, lengths in (("number", by_number), ("length", by_length))
                for percent, found in zip(_CHORD_PERCENTS, lengths, strict=True)
            }
        )

    return ChordEntry(
        count=chords.count,
        # Every pixel is on a line along its row and on one along its column.
        whole_percent=round(50.0 * chords.length_px / intercept.area_px, _PERCENT_DIGITS),
        chord_px=sizes(1.0),
        chord_um=None if um_per_px is None else sizes(um_per_px),
    )


def astm_entry(summary: GrainSummary, um_per_px: float | None) -> AstmNumbers | None:
    """Write the grain size numbers; None without a scale."""
    if um_per_px is None:
        return None
    mean_px = None if summary.intercept is None else summary.intercept.mean_px
    from_intercept = None if mean_px is None else astm_number_from_intercept(mean_px * um_per_px)
    from_count = None
    if summary.count:
        area_mm2 = summary.area_px * um_per_px**2 * 1e-6
        grains = summary.count - 0.5 * summary.touching_edge
        from_count = astm_number_from_count(grains / area_mm2)
    return AstmNumbers(from_intercept=_number(from_intercept), from_count=_number(from_count))


def touching_entry(summary: GrainSummary, um_per_px: float | None) -> TouchingEntry | None:
    """Write touching grains told apart; None where that was not asked for."""
    touching = summary.touching
    if touching is None:
        return None
    by_number, by_area = touching.ecd_px_by_number, touching.ecd_px_by_area
    return TouchingEntry(
        particles=touching.particles,
        divided=touching.divided,
        too_large=touching.too_large,
        ecd_px=sizes_entry(by_number, by_area, 1.0),
        ecd_um=sizes_entry(by_number, by_area, um_per_px),
    )


def _scaled(length_px: float | None, unit: float | None) -> float | None:
    return None if length_px is None or unit is None else _length(length_px * unit)


def _length(value: float) -> float:
    return round(value, _LENGTH_DIGITS)


def _number(value: float | None) -> float | None:
    return None if value is None else round(value, _NUMBER_DIGITS)
