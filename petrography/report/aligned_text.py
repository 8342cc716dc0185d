"""Rows of cells as aligned text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["aligned"]


def aligned(rows: Sequence[Sequence[str]], *, text_columns: int) -> list[str]:
    """Pad the cells of every column to one width.

    Parameters
    ----------
    rows : sequence of sequence of str
        As many cells in each; the header is one of them.
    text_columns : int
        So many columns from the left begin at one place, the numbers behind them end at one.

    Returns
    -------
    list of str
        A line for each row, two blanks between the columns and none at the end.

    Examples
    --------
    >>> aligned([["symbol", "n"], ["Sp", "12"]], text_columns=1)
    ['symbol   n', 'Sp      12']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_padded(row, widths, text_columns)).rstrip() for row in rows]


def _padded(row: Sequence[str], widths: Sequence[int], text_columns: int) -> list[str]:
    return [
        cell.ljust(width) if k < text_columns else cell.rjust(width)
        for k, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
