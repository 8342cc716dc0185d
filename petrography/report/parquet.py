"""Tables as Apache Parquet, for programs that read millions of rows.

`arro3` writes them: the Parquet writer of the Arrow project (Rust) in 35 MB, where pyarrow and
polars take 170 MB of a service image and fastparquet is no longer kept up.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np
from arro3.core import Array, DataType, Schema
from arro3.core import Field as ArrowField
from arro3.core import Table as ArrowTable
from arro3.io import write_parquet

from petrography.report.table import Column, Table

__all__ = ["table_parquet", "write_table_parquet"]

_TYPES = {"integer": DataType.int64, "number": DataType.float64, "text": DataType.utf8}


def table_parquet(table: Table, notes: Mapping[str, object]) -> bytes:
    """Write a table as Parquet; see `write_table_parquet`."""
    target = io.BytesIO()
    write_table_parquet(table, target, notes)
    return target.getvalue()


def write_table_parquet(table: Table, target: BinaryIO, notes: Mapping[str, object]) -> None:
    """Write a table as Parquet, compressed with Zstandard.

    Integers are int64, numbers float64, text UTF-8; what has no value is null. Each field carries
    ``unit`` and ``definition`` for readers of Arrow; the file carries the same and `notes` as JSON
    under the one key ``petroserve``.

    Parameters
    ----------
    table : Table
        The table.
    target : binary file
        Takes the bytes.
    notes : mapping
        What else belongs to the table, as it can be written in JSON.
    """
    arrow = ArrowTable.from_arrays(
        [_array(column) for column in table.columns],
        schema=Schema([_field(column) for column in table.columns]),
    )
    said = {one.name: {"unit": one.unit, "definition": one.definition} for one in table.columns}
    content = json.dumps({"table": table.name, "columns": said, **notes}, ensure_ascii=False)
    # One key only: the writer puts several in an order that changes from run to run.
    metadata = {"petroserve": content}
    write_parquet(arrow, target, compression="zstd(3)", key_value_metadata=metadata)


def _field(column: Column) -> ArrowField:
    said = {"unit": column.unit, "definition": column.definition}
    return ArrowField(column.name, _TYPES[column.kind](), nullable=True, metadata=said)


def _array(column: Column) -> Array:
    if column.kind == "integer" and isinstance(column.values, np.ndarray):
        return Array(np.ascontiguousarray(column.values, dtype=np.int64))
    return Array(column.cells(), _TYPES[column.kind]())
