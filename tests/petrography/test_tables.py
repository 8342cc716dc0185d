"""Tables of named columns, and the formats that they are written in, read by other programs."""

from __future__ import annotations

import csv
import io
import itertools
import json
from typing import Any

import numpy as np
import openpyxl
import pyarrow.parquet
import pytest

from petrography.errors import InternalError
from petrography.report import (
    Column,
    Result,
    Sample,
    Table,
    label_image_result,
    tabulated_grains,
    tabulated_modal,
    tabulated_sieves,
    tabulated_sizes,
)
from petrography.report.parquet import table_parquet
from petrography.report.workbook import result_workbook, write_workbook
from petrography.statistics import Grains, measure_grains, modal_composition
from tests.petrography.written_csv import csv_text

HOSTILE = [
    "=HYPERLINK(1)",
    "+1",
    "-1",
    "@SUM(A1)",
    'a,"b"\nc',
    "<b>&amp;</b>",
    "  edges  ",
    "µm – é \U0001f600",
    "{=1+1}",
    "https://example.org/?a=1&b=2",
]
TABLE = Table(
    "mixed",
    (
        Column("id", "integer", np.arange(3, dtype=np.uint8), "a number"),
        Column("turn_deg", "number", np.array([-0.12345, np.nan, 2.0]), "an angle", 3),
        Column("name", "text", ["a", None, "=b"]),
    ),
)


def section() -> np.ndarray[Any, Any]:
    labels = np.zeros((120, 160), dtype=np.uint8)
    labels[10:20, 10:20] = 1
    labels[40:100, 50:140] = 8
    labels[110, 5:8] = 2
    return labels


def report(name: str = "SEC-1", um_per_px: float | None = 0.5) -> tuple[Result, Grains]:
    grains = measure_grains(section())
    result = label_image_result(
        modal_composition(section()), grains, identity="a1", um_per_px=um_per_px
    )
    return result.model_copy(update={"sample": Sample.model_construct(id=name)}), grains


def sheets(book: bytes) -> dict[str, list[tuple[Any, ...]]]:
    opened = openpyxl.load_workbook(io.BytesIO(book))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in opened}


def workbook(result: Result, grains: Grains) -> bytes:
    tables = [tabulate(result) for tabulate in (tabulated_modal, tabulated_sizes, tabulated_sieves)]
    return result_workbook(result, [*tables, tabulated_grains(grains)])


# --- the table -------------------------------------------------------------------------------


def test_cells_are_rounded_and_nan_is_nothing() -> None:
    assert list(TABLE.rows()) == [(0, -0.123, "a"), (1, None, None), (2, 2.0, "=b")]


def test_rows_do_not_depend_on_the_blocks_that_they_are_read_in() -> None:
    values = np.arange(10_000)
    long = Table("long", (Column("id", "integer", values),))
    assert [row[0] for row in long.rows()] == values.tolist()


@pytest.mark.parametrize("names", [("id", "other"), ("id", "id")])
def test_columns_of_a_table_match(names: tuple[str, str]) -> None:
    lengths = (2, 3) if len(set(names)) == 2 else (2, 2)
    columns = [Column(n, "integer", [0] * k) for n, k in zip(names, lengths, strict=True)]
    with pytest.raises(InternalError, match="wanted one length"):
        Table("t", tuple(columns))


def test_sizes_are_those_of_the_result() -> None:
    result, _ = report()
    rows = [dict(zip(tabulated_sizes(result).header, r, strict=True)) for r in
            tabulated_sizes(result).rows()]  # fmt: skip
    assert [row["symbol"] for row in rows] == ["Ccp", "Gn", "Sp"]
    copper, galena, _ = rows
    assert copper["ecd_area_p80_px"] == result.grains["Ccp"].ecd_px.area_p80
    assert copper["ecd_area_p80_um"] == pytest.approx(copper["ecd_area_p80_px"] / 2, abs=1e-3)
    assert (galena["grains"], galena["below_minimum"], galena["ecd_area_p80_px"]) == (0, 1, None)


@pytest.mark.parametrize(("um_per_px", "unit"), [(None, "px"), (0.5, "um")])
def test_sieve_classes_hold_every_grain_once(um_per_px: float | None, unit: str) -> None:
    result, grains = report(um_per_px=um_per_px)
    table = tabulated_sieves(result)
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows()]
    assert sum(row["grains"] for row in rows) == len(grains)
    sphalerite = [row for row in rows if row["symbol"] == "Sp"]
    assert sphalerite[-1]["passing_percent"] == pytest.approx(100.0)
    for below, above in itertools.pairwise(sphalerite):
        assert below[f"upper_{unit}"] == above[f"lower_{unit}"]


# --- CSV -------------------------------------------------------------------------------------


def test_csv_shows_fixed_digits_and_guards_text_but_not_numbers() -> None:
    assert csv_text(TABLE) == "id,turn_deg,name\n0,-0.123,a\n1,,\n2,2.000,'=b\n"


# --- XLSX ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_text_in_a_workbook_is_text(name: str) -> None:
    result, grains = report(name)
    opened = openpyxl.load_workbook(io.BytesIO(workbook(result, grains)))
    column = [cell.value for cell in opened["modal"][1]].index("sample_id")
    for row in opened["modal"].iter_rows(min_row=2):
        assert (row[column].value, row[column].data_type) == (name, "s")
        assert row[column].hyperlink is None
        assert row[column].quotePrefix == name.startswith(("=", "+", "-", "@"))


def test_characters_that_xml_forbids_are_escaped() -> None:
    content = sheets(workbook(*report("a\x00b\x0bc")))
    assert "a_x0000_b_x000B_c" in content["modal"][1]


def test_a_workbook_holds_the_tables_their_meaning_and_their_origin() -> None:
    result, grains = report()
    content = sheets(workbook(result, grains))
    assert list(content) == ["modal", "sizes", "sieves", "grains", "definitions", "provenance"]
    modal = tabulated_modal(result)
    assert content["modal"] == [modal.header, *modal.rows()]
    assert len(content["grains"]) == 1 + len(grains)
    said = {(row[0], row[1]): row[3] for row in content["definitions"]}
    assert ("grains", "ecd_um") in said
    assert said["report", "grain"] == result.definitions["grain"]
    facts = dict(row[:2] for row in content["provenance"])
    assert (facts["id"], facts["scale.um_per_px"], facts["sample.id"]) == ("a1", "0.5", "SEC-1")


def test_what_is_longer_than_a_sheet_goes_on_in_another() -> None:
    table = Table("long", (Column("id", "integer", list(range(7))),))
    target = io.BytesIO()
    write_workbook([table], target, max_rows=4)
    content = sheets(target.getvalue())
    assert {name: [row[0] for row in rows] for name, rows in content.items()} == {
        "long": ["id", 0, 1, 2],
        "long 2": ["id", 3, 4, 5],
        "long 3": ["id", 6],
    }


def test_an_empty_table_has_its_header() -> None:
    target = io.BytesIO()
    write_workbook([Table("none", (Column("id", "integer", []),))], target)
    assert sheets(target.getvalue()) == {"none": [("id",)]}


# --- Parquet ---------------------------------------------------------------------------------


def test_parquet_comes_back_with_types_units_and_definitions() -> None:
    file = pyarrow.parquet.ParquetFile(
        io.BytesIO(table_parquet(TABLE, {"definitions": {"a": "b"}}))
    )
    assert [str(field.type) for field in file.schema_arrow] == ["int64", "double", "string"]
    assert file.read().to_pydict() == {
        "id": [0, 1, 2],
        "turn_deg": [-0.123, None, 2.0],
        "name": ["a", None, "=b"],
    }
    said = file.schema_arrow.field("turn_deg").metadata
    assert (said[b"unit"].decode(), said[b"definition"]) == ("°", b"an angle")
    notes = json.loads(file.metadata.metadata[b"petroserve"])
    assert (notes["table"], notes["definitions"]) == ("mixed", {"a": "b"})
    assert notes["columns"]["id"] == {"unit": "", "definition": "a number"}


@pytest.mark.parametrize("um_per_px", [None, 0.5])
def test_parquet_and_csv_hold_the_same_grains(um_per_px: float | None) -> None:
    _, grains = report()
    table = tabulated_grains(grains, um_per_px=um_per_px)
    read = pyarrow.parquet.read_table(io.BytesIO(table_parquet(table, {}))).to_pylist()
    lines = list(csv.DictReader(io.StringIO(csv_text(table))))
    assert len(read) == len(lines) == len(grains) == 2
    for row, line in zip(read, lines, strict=True):
        for name, cell in row.items():
            assert line[name] == ("" if cell is None else line[name])
            assert cell is None or str(cell) == line[name] or float(line[name]) == cell


def test_no_grains_are_an_empty_table() -> None:
    empty = measure_grains(np.zeros((4, 4), dtype=np.uint8))
    read = pyarrow.parquet.read_table(io.BytesIO(table_parquet(tabulated_grains(empty), {})))
    assert (read.num_rows, read.column_names[:3]) == (0, ["id", "code", "symbol"])


# --- all -------------------------------------------------------------------------------------


def test_equal_tables_give_equal_bytes() -> None:
    result, grains = report("=1")
    table = tabulated_grains(grains)
    assert workbook(result, grains) == workbook(result, grains)
    assert table_parquet(table, result.definitions) == table_parquet(table, result.definitions)
