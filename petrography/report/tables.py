"""Tables for spreadsheets (CSV) and for the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from petrography.minerals import mineral
from petrography.report.result import ModalEntry, Result
from petrography.statistics import Grains

__all__ = ["GRAIN_COLUMNS", "MODAL_COLUMNS", "grains_csv", "modal_csv", "modal_table"]

MODAL_COLUMNS = (
    "code",
    "symbol",
    "name",
    "area_percent",
    "ci95_low",
    "ci95_high",
    "ore_percent",
    "ore_ci95_low",
    "ore_ci95_high",
    "mass_percent",
    "area_px",
    "area_um2",
    "grains",
    "sample_id",
    "section",
    "field",
    "total_ci95_low",
    "total_ci95_high",
    "corrected_percent",
    "corrected_ci95_low",
    "corrected_ci95_high",
    "analysed_percent",
    "analysed_ci95_low",
    "analysed_ci95_high",
    "mass_ci95_low",
    "mass_ci95_high",
    "combined_uncertainty_pp",
    "expanded_uncertainty_pp",
    "independent_samples",
    "representative_fields",
)
GRAIN_COLUMNS = (
    "id",
    "code",
    "symbol",
    "area_px",
    "area_um2",
    "ecd_px",
    "ecd_um",
    "centroid_row_px",
    "centroid_col_px",
    "bbox_min_row_px",
    "bbox_min_col_px",
    "bbox_end_row_px",
    "bbox_end_col_px",
    "touches_edge",
)
# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def modal_csv(result: Result) -> str:
    """Write the modal composition as CSV: a header, one phase a line, empty where null.

    Parameters
    ----------
    result : Result
        The analysis.

    Returns
    -------
    str
        Columns `MODAL_COLUMNS`; lines end with ``\\n``. Free text that a spreadsheet would run
        as a formula is led by an apostrophe.
    """
    sample = result.sample
    origin = [_guarded(text) for text in (sample.id, sample.section, sample.field)]
    rows = (
        [
            *_modal_cells(result, entry),
            *origin,
            *_corrected_cells(entry),
            *_uncertainty_cells(entry),
        ]
        for entry in result.modal
    )
    return _csv(MODAL_COLUMNS, rows)


def _modal_cells(result: Result, entry: ModalEntry) -> list[object]:
    grains = result.grains.get(entry.symbol)
    return [
        entry.code,
        entry.symbol,
        entry.name,
        entry.area_percent,
        *(entry.ci95 or (None, None)),
        entry.ore_percent,
        *(entry.ore_ci95 or (None, None)),
        entry.mass_percent,
        entry.area_px,
        entry.area_um2,
        None if grains is None else grains.count,
    ]


def _corrected_cells(entry: ModalEntry) -> list[object]:
    return [
        *(entry.total_ci95 or (None, None)),
        entry.corrected_percent,
        *(entry.corrected_ci95 or (None, None)),
    ]


def _uncertainty_cells(entry: ModalEntry) -> list[object]:
    known = entry.uncertainty
    return [
        entry.analysed_percent,
        *(entry.analysed_ci95 or (None, None)),
        *(entry.mass_ci95 or (None, None)),
        None if known is None else known.combined_pp,
        None if known is None else known.expanded_pp,
        None if known is None else known.independent_samples,
        None if known is None else known.representative.fields,
    ]


def _guarded(text: str | None) -> str:
    if text is None:
        return ""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def grains_csv(grains: Grains, *, um_per_px: float | None = None) -> str:
    """Write one grain a line.

    Parameters
    ----------
    grains : Grains
        The grains.
    um_per_px : float, optional
        Pixel size; the physical columns are empty without it.

    Returns
    -------
    str
        CSV with the columns `GRAIN_COLUMNS`; lines end with ``\\n``. Bounding boxes end one past
        the last pixel.
    """
    area_um2: Iterable[object] = [""] * len(grains)
    ecd_um: Iterable[object] = [""] * len(grains)
    if um_per_px is not None:
        area_um2 = _fixed(grains.area_px * um_per_px**2)
        ecd_um = _fixed(grains.ecd_px * um_per_px)
    columns = (
        grains.id.tolist(),
        grains.code.tolist(),
        [mineral(code).symbol for code in grains.code],
        grains.area_px.tolist(),
        area_um2,
        _fixed(grains.ecd_px),
        ecd_um,
        _fixed(grains.centroid_px[:, 0]),
        _fixed(grains.centroid_px[:, 1]),
        *grains.bbox_px.T.tolist(),
        grains.touches_edge.astype(np.uint8).tolist(),
    )
    return _csv(GRAIN_COLUMNS, zip(*columns, strict=True))


def _fixed(values: NDArray[np.floating]) -> list[str]:
    return [f"{value:.3f}" for value in values.tolist()]


def _csv(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def modal_table(result: Result) -> str:
    """Write the modal composition as aligned text.

    Parameters
    ----------
    result : Result
        The analysis.

    Returns
    -------
    str
        A header and one phase a line, a dash where null; then the limits of phases that were not
        found. No line break at the end.
    """
    # A label image that no model drew has no mistakes of a map.
    with_errors = any(entry.total_ci95 is not None for entry in result.modal)
    with_budget = any(entry.uncertainty is not None for entry in result.modal)
    header = (
        *("symbol", "name", "area %", "95 % interval"),
        *(("with map errors",) if with_errors else ()),
        *(("U (k=2)",) if with_budget else ()),
        *("ore %", "grains"),
    )
    rows = [
        _table_row(result, entry, with_errors=with_errors, with_budget=with_budget)
        for entry in result.modal
    ]
    widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
    lines = [_aligned(row, widths) for row in (header, *rows)]
    return "\n".join((*lines, *_limit_lines(result)))


def _limit_lines(result: Result) -> list[str]:
    """What was looked for and not found."""
    limits = [
        f"{one.symbol} < {one.upper_percent:.2g} %"
        for one in result.not_found
        if one.upper_percent is not None
    ]
    return [f"not found (95 % limit): {', '.join(limits)}"] if limits else []


def _table_row(
    result: Result, entry: ModalEntry, *, with_errors: bool, with_budget: bool
) -> tuple[str, ...]:
    grains = result.grains.get(entry.symbol)
    return (
        entry.symbol,
        entry.name,
        f"{entry.area_percent:.2f}",
        _interval(entry.ci95),
        *((_interval(entry.total_ci95),) if with_errors else ()),
        *((_expanded(entry),) if with_budget else ()),
        "–" if entry.ore_percent is None else f"{entry.ore_percent:.2f}",
        "–" if grains is None else str(grains.count),
    )


def _expanded(entry: ModalEntry) -> str:
    return "–" if entry.uncertainty is None else f"{entry.uncertainty.expanded_pp:.2f}"


def _interval(bounds: tuple[float, float] | None) -> str:
    return "–" if bounds is None else f"{bounds[0]:.2f} – {bounds[1]:.2f}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    text_columns = 2
    cells = [
        cell.ljust(width) if k < text_columns else cell.rjust(width)
        for k, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
