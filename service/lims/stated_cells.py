"""CSVs in which people state what an image shows: a line of names, and a line for each image."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from petrography.errors import MalformedRequestError

__all__ = ["StatedCells", "read_cells"]

# The label as the scanner read it: blanks at its ends are part of it.
_AS_IT_IS = "barcode_raw"
_NUMBER = "um_per_px"


@dataclass(frozen=True)
class StatedCells:
    """The cells of such a CSV.

    Attributes
    ----------
    rows : list of list of str
        As they stand, without empty lines; the first holds the names.
    delimiter : str
        What parts them.
    """

    rows: list[list[str]]
    delimiter: str

    @property
    def is_table(self) -> bool:
        """Whether the names differ, and every line has a cell for each."""
        header = self.rows[0] if self.rows else []
        widths = {len(row) for row in self.rows}
        return len(set(header)) == len(header) and len(widths) == 1

    def stated(self) -> list[dict[str, str]]:
        """Give what each line states by name, of a table; an empty cell states nothing."""
        header, *lines = self.rows
        return [self._of_line(header, line) for line in lines]

    def _of_line(self, header: list[str], line: list[str]) -> dict[str, str]:
        told = {key.strip(): cell for key, cell in zip(header, line, strict=True) if cell.strip()}
        stated = {key: cell if key == _AS_IT_IS else cell.strip() for key, cell in told.items()}
        if self.delimiter == ";" and _NUMBER in stated:
            stated[_NUMBER] = stated[_NUMBER].replace(",", ".")
        return stated


def read_cells(name: str, content: bytes) -> StatedCells:
    """Read the cells of a CSV.

    Parameters
    ----------
    name : str
        Of the file, for the message.
    content : bytes
        UTF-8, parted by commas or semicolons.

    Raises
    ------
    MalformedRequestError
        If it is no CSV.

    Examples
    --------
    >>> read_cells("list.csv", b"file;um_per_px\\na.png;0,5\\n").stated()
    [{'file': 'a.png', 'um_per_px': '0.5'}]
    """
    try:
        text = content.decode("utf-8-sig")
        delimiter = _delimiter(text)
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        rows = [row for row in lines if row]
    except (UnicodeDecodeError, csv.Error) as error:
        msg = f"{name} is no CSV in UTF-8: {error}"
        raise MalformedRequestError(msg) from None
    return StatedCells(rows, delimiter)


def _delimiter(text: str) -> str:
    """Find what parts the cells: where decimals have a comma, spreadsheets part them by semicolons."""
    header = text.partition("\n")[0]
    return ";" if ";" in header and "," not in header else ","
