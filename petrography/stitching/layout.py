"""The named grid on which fields were taken: who lies where, and who must overlap whom."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from petrography.errors import InvalidParameterError

__all__ = ["GridLayout", "GridOrder", "Neighbours", "all_pairs"]

GridOrder: TypeAlias = Literal["row", "snake", "columns", "columns-snake"]


class Neighbours(NamedTuple):
    """Two fields that must overlap, by index, and the step from the first to the second.

    Attributes
    ----------
    first, second : int
        Indices in the sequence of fields.
    step_x, step_y : int
        Columns and rows from the first to the second: (1, 0) or (0, 1).
    """

    first: int
    second: int
    step_x: int
    step_y: int


class GridLayout(BaseModel):
    """A grid of fields.

    Attributes
    ----------
    rows, cols : int
        Fields one below the other and side by side, at least 1.
    order : {"row", "snake", "columns", "columns-snake"}
        How the sequence of fields runs: ``row`` always from left to right, ``snake`` every second
        row backwards; ``columns`` always downwards, ``columns-snake`` every second column upwards.
    overlap_fraction : float, optional
        Nominal overlap over the side of a field, in (0, 1).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(ge=1)
    cols: int = Field(ge=1)
    order: GridOrder = "row"
    overlap_fraction: float | None = Field(default=None, gt=0.0, lt=1.0)

    def place(self, index: int) -> tuple[int, int]:
        """Row and column of the field with that index in the sequence.

        Examples
        --------
        >>> [GridLayout(rows=2, cols=3, order="snake").place(i) for i in (2, 3)]
        [(0, 2), (1, 2)]
        """
        if self.order in {"row", "snake"}:
            row, col = divmod(index, self.cols)
            return row, self.cols - 1 - col if self.order == "snake" and row % 2 else col
        col, row = divmod(index, self.rows)
        return self.rows - 1 - row if self.order == "columns-snake" and col % 2 else row, col

    def require_count(self, count: int) -> None:
        """Check that the grid has as many places as there are fields.

        Raises
        ------
        InvalidParameterError
            If not.
        """
        if count != self.rows * self.cols:
            msg = (
                f"grid {self.rows}x{self.cols} has {self.rows * self.cols} places, {count} fields "
                "given; leave the grid out, and the fields find their places themselves"
            )
            raise InvalidParameterError(msg)

    def neighbours(self) -> Iterator[Neighbours]:
        """Pairs that lie side by side or one above the other, by index in the sequence."""
        at = {self.place(index): index for index in range(self.rows * self.cols)}
        for (row, col), index in sorted(at.items()):
            if col + 1 < self.cols:
                yield Neighbours(index, at[row, col + 1], 1, 0)
            if row + 1 < self.rows:
                yield Neighbours(index, at[row + 1, col], 0, 1)


def all_pairs(count: int) -> Iterator[tuple[int, int]]:
    """Every two fields, when nothing is known of their places."""
    return combinations(range(count), 2)
