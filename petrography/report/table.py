"""A table of named columns, from which every format of table is written.

What stands in a table, with which unit and what it means, is said once; CSV, spreadsheet and
Parquet only write it down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from petrography.errors import InternalError

__all__ = ["Cell", "Column", "Table"]

Cell: TypeAlias = int | float | str | None

# Rows that are turned into Python objects at a time.
_BLOCK_ROWS = 4096
# By the end of a name; the first that fits.
_UNITS = {
    "_px2": "px²",
    "_um2": "µm²",
    "_px": "px",
    "_um": "µm",
    "_percent": "%",
    "_fraction": "1",
    "_deg": "°",
    "_ratio": "1",
}


@dataclass(frozen=True, eq=False)
class Column:
    """One column.

    Attributes
    ----------
    name : str
        With its unit at the end, as ``ecd_um``.
    kind : str
        What its cells hold; each may be None all the same.
    values : sequence or ndarray, length n
        The cells.
    definition : str
        What the numbers mean.
    digits : int or None
        Decimals of the numbers that mean something; None for as many as they have.
    stated_unit : str or None
        Where the name does not end in it.
    """

    name: str
    kind: Literal["integer", "number", "text"]
    values: Sequence[Cell] | NDArray[Any]
    definition: str = ""
    digits: int | None = None
    stated_unit: str | None = None

    @property
    def unit(self) -> str:
        """The unit, empty for what has none.

        Examples
        --------
        >>> [Column(name, "number", []).unit for name in ("ecd_um", "area_um2", "code")]
        ['µm', 'µm²', '']
        """
        if self.stated_unit is not None:
            return self.stated_unit
        return next((unit for end, unit in _UNITS.items() if self.name.endswith(end)), "")

    def cells(self, first: int = 0, end: int | None = None) -> list[Cell]:
        """Cells of rows `first` to `end` as Python objects: numbers rounded, None for NaN."""
        digits = self.digits
        return [
            (None if math.isnan(cell) else cell if digits is None else round(cell, digits))
            if isinstance(cell, float)
            else cell
            for cell in self._objects(first, end)
        ]

    def texts(self, first: int = 0, end: int | None = None) -> list[Cell]:
        """Cells as a text file shows them: the same digits in every row, empty for None."""
        if self.kind != "number" or self.digits is None:
            return ["" if cell is None else cell for cell in self.cells(first, end)]
        digits = self.digits
        return [
            "" if cell is None or math.isnan(cell) else f"{cell:.{digits}f}"
            for cell in self._objects(first, end)
        ]

    def _objects(self, first: int, end: int | None) -> list[Any]:
        part = self.values[first:end]
        return list(part) if isinstance(part, Sequence) else part.tolist()


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one length.

    Attributes
    ----------
    name : str
        What the rows are, one word.
    columns : tuple of Column
        At least one.

    Raises
    ------
    InternalError
        If the columns differ in length or share a name.

    Examples
    --------
    >>> table = Table("pets", (Column("id", "integer", [1, 2]), Column("name", "text", ["a", "b"])))
    >>> list(table.rows())
    [(1, 'a'), (2, 'b')]
    """

    name: str
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        lengths = {column.name: len(column.values) for column in self.columns}
        if len(set(lengths.values())) != 1 or len(lengths) != len(self.columns):
            msg = f"table {self.name} has the columns {lengths}; wanted one length, other names"
            raise InternalError(msg)

    def __len__(self) -> int:
        return len(self.columns[0].values)

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """Go through the rows, a block of them in memory at a time."""
        for first in range(0, len(self), _BLOCK_ROWS):
            cells = [column.cells(first, first + _BLOCK_ROWS) for column in self.columns]
            yield from zip(*cells, strict=True)

    def text_rows(self) -> Iterator[tuple[Cell, ...]]:
        """Go through the rows as a text file shows them."""
        for first in range(0, len(self), _BLOCK_ROWS):
            texts = [column.texts(first, first + _BLOCK_ROWS) for column in self.columns]
            yield from zip(*texts, strict=True)
