"""The report of several fields: one modal composition with the scatter between them as its error."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np

from petrography.field_types import Code, Count, NotNegative, Percent
from petrography.minerals import mineral
from petrography.report.aligned_text import aligned
from petrography.report.csv_tables import interval_text, limit_lines
from petrography.report.modal_uncertainty import NotFound
from petrography.report.result import Result
from petrography.statistics.several_fields import (
    ElementShare,
    FieldAreas,
    MeanShare,
    over_fields,
)
from petrography.stored_documents import Document

__all__ = [
    "FIELDS_COLUMNS",
    "FieldsReport",
    "NamedResult",
    "fields_csv",
    "fields_report",
    "fields_table",
]


FIELDS_COLUMNS = (
    "code",
    "symbol",
    "name",
    "basis",
    "percent",
    "ci95_low",
    "ci95_high",
    "standard_error_pp",
    "relative_accuracy_percent",
    "unit",
    "units",
)


class FieldEntry(Document):
    """One field."""

    name: str
    section: str
    result_id: str
    field_px: Count
    """Annotated pixels."""


class ShareEntry(Document):
    """One phase over all fields."""

    code: Code
    symbol: str
    name: str
    percent: Percent
    standard_error_pp: NotNegative | None
    """In percentage points; null with one unit, or where the phase is all there is."""
    ci95: tuple[Percent, Percent] | None
    relative_accuracy_percent: NotNegative | None
    """Half width of the interval over the share (% RA of ASTM E562)."""


class ElementEntry(Document):
    """One element over all fields; figures as of a phase."""

    element: str
    percent: Percent
    standard_error_pp: NotNegative | None
    ci95: tuple[Percent, Percent] | None
    relative_accuracy_percent: NotNegative | None


class FieldsReport(Document):
    """Modal composition over several fields."""

    schema_version: Literal[1] = 1
    unit: Literal["field", "section"]
    """What counts as one observation."""
    units: Count
    fields: tuple[FieldEntry, ...]
    field_shares: tuple[ShareEntry, ...]
    """Of the whole annotated fields."""
    ore_shares: tuple[ShareEntry, ...]
    """Of the ore minerals only."""
    mass_shares: tuple[ShareEntry, ...] = ()
    """Of the mass of the ore minerals; empty where one of them has no density."""
    element_shares: tuple[ElementEntry, ...] = ()
    """Of the mass of the ore minerals; empty where one of them has no density or no formula."""
    not_found: tuple[NotFound, ...] = ()
    """Phases that every field was searched for in vain."""
    warnings: tuple[str, ...]
    definitions: dict[str, str]


@dataclass(frozen=True)
class NamedResult:
    """A result, what it is called, and the section that its image lies on."""

    name: str
    section: str
    result: Result


def fields_report(results: Sequence[NamedResult]) -> FieldsReport:
    """Join the modal compositions of several results.

    Parameters
    ----------
    results : sequence of NamedResult
        At least one. Fields of several sections count as sections, else as fields.

    Returns
    -------
    FieldsReport
        Shares with intervals from the scatter between units.

    Raises
    ------
    InvalidParameterError
        If there is no result.
    """
    px_areas, doubts = _px_areas([one.result for one in results])
    found = over_fields(
        [
            FieldAreas({entry.code: entry.area_px for entry in one.result.modal}, one.section, area)
            for one, area in zip(results, px_areas, strict=True)
        ]
    )
    return FieldsReport(
        unit=found.unit,
        units=found.units,
        fields=tuple(
            FieldEntry(
                name=one.name,
                section=one.section,
                result_id=one.result.id,
                field_px=one.result.modal_basis.field_px,
            )
            for one in results
        ),
        field_shares=tuple(_entry(share) for share in found.field_shares),
        ore_shares=tuple(_entry(share) for share in found.ore_shares),
        mass_shares=tuple(_entry(share) for share in found.mass_shares),
        element_shares=tuple(
            ElementEntry(element=share.element, **_figures(share)) for share in found.element_shares
        ),
        not_found=_in_no_field(
            [one.result for one in results], px_areas, {share.code for share in found.field_shares}
        ),
        warnings=(*found.warnings, *doubts),
        definitions=_definitions(found.unit, found.units),
    )


def _px_areas(results: Sequence[Result]) -> tuple[list[float], tuple[str, ...]]:
    """Area of a pixel of each field, in any one unit, and what stands against it."""
    scales = {None if one.scale is None else one.scale.um_per_px for one in results}
    known = [one.scale.um_per_px**2 for one in results if one.scale is not None]
    if len(scales) == 1:
        # Whole numbers of pixels, which the size of a pixel would only round.
        return [1.0] * len(results), ()
    if len(known) == len(results):
        return known, ()
    doubt = (
        f"{len(results) - len(known)} of {len(results)} fields have no pixel size: their areas are "
        "summed in pixels, as if those of all fields were of one size; give the pixel size of each"
    )
    return [1.0] * len(results), (doubt,)


def _in_no_field(
    results: Sequence[Result], px_areas: Sequence[float], found: set[int]
) -> tuple[NotFound, ...]:
    """Phases that every field was searched for in vain, with the mean of the fields' limits.

    Fields of a section are alike, so their limits are not combined as if they were independent.
    """
    missing = [{one.code: one for one in result.not_found} for result in results]
    areas = [
        result.modal_basis.field_px * px_area
        for result, px_area in zip(results, px_areas, strict=True)
    ]
    wanted = sorted(set.intersection(*map(set, missing)) - found)
    return tuple(_mean_limit([one[code] for one in missing], areas) for code in wanted)


def _mean_limit(limits: Sequence[NotFound], areas: Sequence[float]) -> NotFound:
    def mean(percents: Sequence[float | None]) -> float | None:
        known = [percent for percent in percents if percent is not None]
        return _rounded(np.average(known, weights=areas)) if len(known) == len(limits) else None

    return limits[0].model_copy(
        update={
            "upper_percent": mean([one.upper_percent for one in limits]),
            "map_upper_percent": mean([one.map_upper_percent for one in limits]),
        }
    )


def _definitions(unit: str, units: int) -> dict[str, str]:
    return {
        "percent": "area of the phase over that of the basis, both summed over all fields, in "
        "pixels where all have one pixel size; "
        "in mass_shares areas are weighted by the density of the end-member, and in "
        "element_shares by what its formula holds of the element too",
        "ci95": (
            f"Student's t interval from the scatter between {units} {unit}s (ASTM E562; ratio of "
            f"sums where their areas differ), cut at 0 and 100, of elements at what the poorest "
            f"and the richest mineral hold; pixels of different {unit}s are "
            "never pooled as if they were independent; mistakes of the map are not in it"
        ),
        "not_found": (
            "phases that every field was searched for and none shows: the mean of the limits of "
            "the fields (95 %), by their areas; fields of a section are alike, so it is not lowered "
            "by their number; map_upper_percent: that of the limits which count what the map misses"
        ),
        "relative_accuracy_percent": "half width of the uncut interval over the share (% RA)",
    }


def _entry(share: MeanShare) -> ShareEntry:
    phase = mineral(share.code)
    return ShareEntry(code=share.code, symbol=phase.symbol, name=phase.name, **_figures(share))


class _Figures(TypedDict):
    percent: float
    standard_error_pp: float | None
    ci95: tuple[float, float] | None
    relative_accuracy_percent: float | None


def _figures(share: MeanShare | ElementShare) -> _Figures:
    bounds = share.ci95_percent
    return {
        "percent": round(share.percent, 4),
        "standard_error_pp": _rounded(share.standard_error_pp),
        "ci95": None if bounds is None else (round(bounds[0], 4), round(bounds[1], 4)),
        "relative_accuracy_percent": _rounded(share.relative_accuracy_percent),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def fields_csv(report: FieldsReport) -> str:
    """Write the shares as CSV: columns `FIELDS_COLUMNS`, basis ``field``, ``ore``, ``mass``, ``element``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS_COLUMNS)
    for basis, shares in (
        ("field", report.field_shares),
        ("ore", report.ore_shares),
        ("mass", report.mass_shares),
    ):
        for share in shares:
            writer.writerow([share.code, share.symbol, share.name, basis, *_cells(report, share)])
    for element in report.element_shares:
        writer.writerow([None, element.element, None, "element", *_cells(report, element)])
    return text.getvalue()


def _cells(report: FieldsReport, share: ShareEntry | ElementEntry) -> list[object]:
    return [
        share.percent,
        *(share.ci95 or (None, None)),
        share.standard_error_pp,
        share.relative_accuracy_percent,
        report.unit,
        report.units,
    ]


def fields_table(report: FieldsReport) -> str:
    """Write the shares as aligned text, with what stands against them."""
    ore = {share.code: share for share in report.ore_shares}
    rows = [("symbol", "name", "area %", "95 % interval", "% RA", "ore %", "95 % interval")]
    rows += [_row(share, ore.get(share.code)) for share in report.field_shares]
    lines = [] if report.units == 1 else [_heading(report)]
    lines += aligned(rows, text_columns=2)
    return "\n".join((*lines, *limit_lines(report.not_found), *report.warnings))


def _heading(report: FieldsReport) -> str:
    return f"{len(report.fields)} fields, scatter between {report.units} {report.unit}s"


def _row(share: ShareEntry, ore: ShareEntry | None) -> tuple[str, str, str, str, str, str, str]:
    accuracy = share.relative_accuracy_percent
    return (
        share.symbol,
        share.name,
        f"{share.percent:.2f}",
        interval_text(share.ci95),
        "–" if accuracy is None else f"{accuracy:.0f}",
        "–" if ore is None else f"{ore.percent:.2f}",
        "–" if ore is None else interval_text(ore.ci95),
    )
