"""What SENAITE's auto-import tells of the files in its folder: ``imported.csv`` and ``logs.log``.

A name in ``imported.csv`` was read, with errors or without; what was wrong stands in the log. A
file that was read is never read again under its name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Imported", "imported_names", "read_imports"]

_LISTED, _LOG = "imported.csv", "logs.log"
# Of a log that grew for years the end is read.
_MOST_LOG_LINES = 20_000
_WRONG = ("error", "no valid number", "not found", "cannot", "warning")


@dataclass(frozen=True)
class Imported:
    """One file of the folder.

    Attributes
    ----------
    name : str
        Of the file.
    is_read : bool
        Whether SENAITE lists it; False while it waits.
    log : tuple of str
        The lines of the log about it.
    """

    name: str
    is_read: bool
    log: tuple[str, ...]

    @property
    def is_doubtful(self) -> bool:
        """Whether it waits, or the log speaks of an error."""
        lines = " ".join(self.log).casefold()
        return not self.is_read or any(word in lines for word in _WRONG)


def read_imports(folder: Path) -> tuple[Imported, ...]:
    """Read what became of the CSVs in a folder that SENAITE imports from.

    Parameters
    ----------
    folder : Path
        Of one instrument interface; nothing in it is changed.

    Returns
    -------
    tuple of Imported
        By name; also files that are listed and no longer there.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    there = {path.name for path in folder.glob("*.csv") if not path.name.startswith(".")}
    listed = imported_names(folder)
    names = sorted((there | listed) - {_LISTED})
    told = _told(_lines(folder / _LOG), names)
    return tuple(Imported(name, name in listed, tuple(told[name])) for name in names)


def imported_names(folder: Path) -> frozenset[str]:
    """Names of files that SENAITE has read in a folder, and will not read again."""
    return frozenset(_names(_lines(folder / _LISTED)))


def _lines(path: Path) -> Iterable[str]:
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", errors="replace") as file:
        return deque((line.strip() for line in file), maxlen=_MOST_LOG_LINES)


def _names(lines: Iterable[str]) -> Iterator[str]:
    """Names, whether they stand in lines or between commas, quoted or not."""
    for line in lines:
        yield from filter(None, (token.strip().strip("\"'") for token in line.split(",")))


def _told(lines: Iterable[str], names: Iterable[str]) -> dict[str, list[str]]:
    """The lines of each name: those that say it, and those after it up to the next name."""
    told: dict[str, list[str]] = {name: [] for name in names}
    # The longest first: a name may be a part of another.
    by_length = sorted(told, key=len, reverse=True)
    current: str | None = None
    for line in filter(None, lines):
        current = next((name for name in by_length if name in line), current)
        if current is not None:
            told[current].append(line)
    return told
