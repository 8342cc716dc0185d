"""Tables for spreadsheets (CSV) and for the terminal."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TextIO

from petrography.report.aligned_text import aligned
from petrography.report.modal_uncertainty import NotFound
from petrography.report.result import ModalEntry, Result
from petrography.report.table import Cell, Table

__all__ = ["interval_text", "limit_lines", "modal_table", "write_csv"]

# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(table: Table, target: TextIO) -> None:
    """Write a table as CSV, row after row.

    Parameters
    ----------
    table : Table
        The table.
    target : text file
        Takes a header and one row a line, ended by ``\\n``; empty where None. Text that a
        spreadsheet would run as a formula is led by an apostrophe.
    """
    free = [k for k, column in enumerate(table.columns) if column.kind == "text"]
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(table.header)
    writer.writerows(_guarded(row, free) for row in table.text_rows())


def _guarded(row: tuple[Cell, ...], free: Sequence[int]) -> list[Cell]:
    """Lead text by an apostrophe where a spreadsheet would run it; a number may have a sign."""
    cells = list(row)
    for k in free:
        cell = cells[k]
        if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS):
            cells[k] = f"'{cell}"
    return cells


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
        *(("U (k=2)", "d.o.f.") if with_budget else ()),
        *("ore %", "grains"),
    )
    rows = [
        _table_row(result, entry, with_errors=with_errors, with_budget=with_budget)
        for entry in result.modal
    ]
    lines = aligned([header, *rows], text_columns=2)
    return "\n".join((*lines, *limit_lines(result.not_found)))


def limit_lines(not_found: Sequence[NotFound]) -> list[str]:
    """Say in one line what was looked for and not found; nothing where there is none.

    Parameters
    ----------
    not_found : sequence of NotFound
        With or without limits.
    """
    if not not_found:
        return []
    if any(one.reported_percent is not None for one in not_found):
        return [f"not found (95 % limit): {', '.join(one.told for one in not_found)}"]
    symbols = ", ".join(one.symbol for one in not_found)
    return [f"not found: {symbols} (no limit: one phase fills the image)"]


def interval_text(bounds: tuple[float, float] | None) -> str:
    """Write an interval in per cent; a dash where there is none.

    Examples
    --------
    >>> interval_text((1.0, 2.345)), interval_text(None)
    ('1.00 – 2.35', '–')
    """
    return "–" if bounds is None else f"{bounds[0]:.2f} – {bounds[1]:.2f}"


def _table_row(
    result: Result, entry: ModalEntry, *, with_errors: bool, with_budget: bool
) -> tuple[str, ...]:
    grains = result.grains.get(entry.symbol)
    return (
        entry.symbol,
        entry.name,
        f"{entry.area_percent:.2f}",
        interval_text(entry.ci95),
        *((interval_text(entry.total_ci95),) if with_errors else ()),
        *(_expanded(entry) if with_budget else ()),
        "–" if entry.ore_percent is None else f"{entry.ore_percent:.2f}",
        "–" if grains is None else str(grains.count),
    )


def _expanded(entry: ModalEntry) -> tuple[str, str]:
    """Expanded uncertainty and the effective degrees of freedom behind it."""
    if (known := entry.uncertainty) is None:
        return "–", "–"
    freedom = known.degrees_of_freedom
    return f"{known.expanded_pp:.2f}", "–" if freedom is None else f"{freedom:.1f}"
