"""Files for a folder that a LIMS imports from by name: ``<analysis id>_<n>.csv``.

SENAITE reads a name once, with errors or without (``imported.csv``); what is there to be read
again needs a name of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

from petrography.errors import InvalidParameterError
from service.disk import put_whole
from service.lims.senaite_imports import imported_names

__all__ = ["require_file_stem", "write_for_import"]

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def require_file_stem(result_id: str) -> str:
    """Check that the id of a result can begin the name of a file; returns it.

    Raises
    ------
    InvalidParameterError
        If it cannot: the id of a result of elsewhere may be any text, ``../x`` too.
    """
    if not _PLAIN.fullmatch(result_id):
        msg = (
            f"the id {result_id[:80]!r} of a result cannot name a file; wanted up to 100 letters, "
            "digits, '.', '_' and '-', such as the id that an analysis is given"
        )
        raise InvalidParameterError(msg)
    return result_id


def write_for_import(folder: Path, stem: str, content: bytes) -> Path:
    """Write a file under the next number that is free.

    Parameters
    ----------
    folder : Path
        That the LIMS imports from; it must be there.
    stem : str
        Id of the analysis.
    content : bytes
        The CSV.

    Returns
    -------
    Path
        The file; the one that is there if it says the same and still waits to be imported, so
        that what was killed half way can be repeated.

    Raises
    ------
    OSError
        If the folder cannot be read or written.
    """
    imported = imported_names(folder)
    numbers = _numbers(stem, imported | {path.name for path in folder.iterdir()})
    newest = folder / f"{stem}_{max(numbers, default=0)}.csv"
    is_waiting = newest.name not in imported and newest.is_file()
    if is_waiting and newest.read_bytes() == content:
        return newest
    path = folder / f"{stem}_{max(numbers, default=0) + 1}.csv"
    # SENAITE passes over the name that the file has before it is whole: it begins with a dot.
    put_whole(path, content)
    return path


def _numbers(stem: str, names: frozenset[str]) -> list[int]:
    found = (re.fullmatch(rf"{re.escape(stem)}_([0-9]{{1,9}})\.csv", name) for name in names)
    return [int(match[1]) for match in found if match]
