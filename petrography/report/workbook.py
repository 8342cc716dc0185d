"""Tables as one Excel workbook, with what the numbers mean and where they come from."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from pydantic import JsonValue
from xlsxwriter.workbook import Workbook

from petrography.report.result import Result
from petrography.report.table import Cell, Column, Table

__all__ = ["result_workbook", "tabulated_definitions", "tabulated_provenance", "write_workbook"]

# Rows of a sheet, its header included, and characters of a cell: limits of the format (ECMA-376,
# as Excel reads it).
_MAX_ROWS = 1_048_576
_MAX_TEXT = 32_767
_WIDTHS = {"integer": 11, "number": 13, "text": 18}
_WIDE_TEXT = 100
# Equal tables give equal bytes: a workbook says when it was made, and ours says this.
_CREATED = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_FORMULA_STARTS = ("=", "+", "-", "@")


def result_workbook(result: Result, tables: Sequence[Table]) -> bytes:
    """Write the tables of an analysis, its definitions and its provenance as one workbook.

    Parameters
    ----------
    result : Result
        The analysis.
    tables : sequence of Table
        One sheet each, in this order.
    """
    target = io.BytesIO()
    notes = tabulated_definitions(tables, result.definitions), tabulated_provenance(result)
    write_workbook([*tables, *notes], target)
    return target.getvalue()


def write_workbook(tables: Sequence[Table], target: BinaryIO, *, max_rows: int = _MAX_ROWS) -> None:
    """Write tables as the sheets of a workbook, row by row.

    Parameters
    ----------
    tables : sequence of Table
        Their names are those of the sheets. What is longer than a sheet goes on in another,
        ``NAME 2`` and so on. Text is text, even where it looks like a formula.
    target : binary file
        Takes the bytes.
    max_rows : int
        Rows of a sheet, at least 2.
    """
    options = {"constant_memory": True, "strings_to_urls": False, "strings_to_formulas": False}
    with Workbook(target, options) as book:
        book.set_properties({"created": _CREATED, "title": "Petroserve analysis"})
        header = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        quoted = book.add_format({"quote_prefix": True})
        for table in tables:
            rows = table.rows()
            for part in range(max(1, -(-len(table) // (max_rows - 1)))):
                sheet = book.add_worksheet(table.name if part == 0 else f"{table.name} {part + 1}")
                _lay_out(book, sheet, table, header)
                _fill(sheet, rows, max_rows, quoted)


def _lay_out(book: Workbook, sheet: Any, table: Table, header: Any) -> None:
    for k, column in enumerate(table.columns):
        digits = column.digits
        shown = None if digits is None else book.add_format({"num_format": f"0.{'0' * digits}"})
        sheet.set_column(k, k, _width(column), shown)
        sheet.write_string(0, k, column.name, header)
    sheet.freeze_panes(1, 0)


def _width(column: Column) -> int:
    if column.kind == "text" and column.name in {"definition", "value"}:
        return _WIDE_TEXT
    return max(_WIDTHS[column.kind], len(column.name) + 1)


def _fill(sheet: Any, rows: Iterator[tuple[Cell, ...]], max_rows: int, quoted: Any) -> None:
    """Write rows below the header until the sheet is full or none is left."""
    for line in range(1, max_rows):
        row = next(rows, None)
        if row is None:
            return
        for k, cell in enumerate(row):
            if isinstance(cell, str):
                style = quoted if cell.startswith(_FORMULA_STARTS) else None
                sheet.write_string(line, k, cell[:_MAX_TEXT], style)
            elif cell is not None:
                sheet.write_number(line, k, cell)


def tabulated_definitions(tables: Sequence[Table], definitions: Mapping[str, str]) -> Table:
    """Tabulate what the columns of tables and the numbers of a report mean.

    Parameters
    ----------
    tables : sequence of Table
        Their columns are explained one by one.
    definitions : mapping of str to str
        Of the report.
    """
    rows = [
        (table.name, one.name, one.unit, one.definition)
        for table in tables
        for one in table.columns
    ]
    rows += [("report", name, "", text) for name, text in definitions.items()]
    return _of_texts("definitions", ("table", "name", "unit", "definition"), rows)


def tabulated_provenance(result: Result) -> Table:
    """Tabulate what was analysed, by what and with which parameters: one fact a row."""
    parts = ("id", "version", "status", "sample", "model", "scale", "degradations", "provenance")
    content = result.model_dump(mode="json", include=set(parts))
    facts = [fact for part in parts for fact in _facts(part, content[part])]
    facts += [("quality.warnings", text) for text in result.quality.warnings]
    return _of_texts("provenance", ("name", "value"), facts)


def _facts(name: str, content: JsonValue) -> Iterator[tuple[str, str]]:
    """Take a tree of facts apart: the way to each, and what it says."""
    if isinstance(content, dict):
        for key, part in content.items():
            yield from _facts(f"{name}.{key}", part)
    elif isinstance(content, list):
        for k, part in enumerate(content):
            yield from _facts(f"{name}[{k}]", part)
    elif content is not None:
        yield name, str(content)


def _of_texts(name: str, header: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Table:
    return Table(
        name, tuple(Column(one, "text", [row[k] for row in rows]) for k, one in enumerate(header))
    )
