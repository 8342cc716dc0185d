"""Tables of records: what each column takes from a record, said once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from petrography.report.table import Cell, Column, Table

__all__ = ["Bounds", "Field", "interval", "tabulated"]

Record = TypeVar("Record")
Bounds = tuple[float, float] | None


@dataclass(frozen=True)
class Field(Generic[Record]):
    """One column: its name, what its cells hold, how a cell is read off a record."""

    name: str
    kind: Literal["integer", "number", "text"]
    read: Callable[[Record], Cell]
    definition: str = ""
    unit: str | None = None
    """Where the name does not end in it."""


def interval(
    name: str, read: Callable[[Record], Bounds], definition: str
) -> tuple[Field[Record], ...]:
    """Two columns for the ends of an interval in per cent."""
    return tuple(
        Field(f"{name}_{end}", "number", _end_of(read, k), definition, "%")
        for k, end in enumerate(("low", "high"))
    )


def _end_of(read: Callable[[Record], Bounds], end: int) -> Callable[[Record], Cell]:
    def cell(record: Record) -> Cell:
        bounds = read(record)
        return None if bounds is None else bounds[end]

    return cell


def tabulated(name: str, fields: Sequence[Field[Record]], records: Iterable[Record]) -> Table:
    """Make the table of some records, one a row.

    Parameters
    ----------
    name : str
        Of the table.
    fields : sequence of Field
        Its columns.
    records : iterable
        Its rows.
    """
    rows = list(records)
    return Table(
        name,
        tuple(
            Column(
                field.name,
                field.kind,
                [field.read(row) for row in rows],
                field.definition,
                stated_unit=field.unit,
            )
            for field in fields
        ),
    )
