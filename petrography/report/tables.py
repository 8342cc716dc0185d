"""Tables for spreadsheets (CSV) and for the terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from petrography.minerals import mineral
from petrography.report.result import ModalEntry, Result
from petrography.statistics import GrainTable

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
    "perimeter_px",
    "perimeter_um",
    "feret_max_px",
    "feret_max_um",
    "feret_min_px",
    "feret_min_um",
    "rectangle_length_px",
    "rectangle_length_um",
    "rectangle_width_px",
    "rectangle_width_um",
    "aspect_ratio",
    "circularity",
    "solidity",
    "orientation_deg",
    "euler_number",
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
        [*_modal_cells(result, entry), *origin, *_corrected_cells(entry)] for entry in result.modal
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


def _guarded(text: str | None) -> str:
    if text is None:
        return ""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def grains_csv(grains: GrainTable, *, um_per_px: float | None = None) -> str:
    """Write one grain a line.

    Parameters
    ----------
    grains : GrainTable
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
        *_shape_columns(grains, um_per_px),
    )
    return _csv(GRAIN_COLUMNS, zip(*columns, strict=True))


def _shape_columns(grains: GrainTable, um_per_px: float | None) -> Iterator[Iterable[object]]:
    shapes = grains.shapes
    for length_px in (
        shapes.perimeter_px,
        shapes.feret_max_px,
        shapes.feret_min_px,
        shapes.rectangle_length_px,
        shapes.rectangle_width_px,
    ):
        yield _fixed(length_px)
        yield [""] * len(grains) if um_per_px is None else _fixed(length_px * um_per_px)
    for pure_number in (shapes.aspect_ratio, grains.circularity, grains.solidity):
        yield _fixed(pure_number)
    yield _fixed(shapes.orientation_deg)
    yield shapes.euler_number.tolist()


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
        A header and one phase a line, without a line break at the end; a dash where null.
    """
    # A label image that no model drew has no such intervals.
    with_errors = any(entry.total_ci95 is not None for entry in result.modal)
    header = ["symbol", "name", "area %", "95 % interval", "ore %", "grains"]
    if with_errors:
        header.insert(4, "with map errors")
    rows = [_table_row(result, entry, with_errors=with_errors) for entry in result.modal]
    widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
    return "\n".join(_aligned(row, widths) for row in (header, *rows))


def _table_row(result: Result, entry: ModalEntry, *, with_errors: bool) -> tuple[str, ...]:
    grains = result.grains.get(entry.symbol)
    return (
        entry.symbol,
        entry.name,
        f"{entry.area_percent:.2f}",
        _interval(entry.ci95),
        *((_interval(entry.total_ci95),) if with_errors else ()),
        "–" if entry.ore_percent is None else f"{entry.ore_percent:.2f}",
        "–" if grains is None else str(grains.count),
    )


def _interval(bounds: tuple[float, float] | None) -> str:
    return "–" if bounds is None else f"{bounds[0]:.2f} – {bounds[1]:.2f}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    text_columns = 2
    cells = [
        cell.ljust(width) if k < text_columns else cell.rjust(width)
        for k, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
