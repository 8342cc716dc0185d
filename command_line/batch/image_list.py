"""A CSV that lists photographs, and what it states of each."""

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath

from command_line.one_analysis import STATED_OF_IMAGE
from petrography.errors import InvalidParameterError

__all__ = ["read_list"]

_FILE = "file"


def read_list(name: str, content: bytes, root: str | None) -> dict[str, dict[str, str]]:
    """Read the list.

    Parameters
    ----------
    name : str
        Of the CSV, for messages.
    content : bytes
        Its bytes.
    root : str or None
        Folder from which its paths are meant, for lists in file systems: there, files elsewhere
        may be named by absolute paths. None in a bucket.

    Returns
    -------
    dict of str to (dict of str to str)
        By file, what is stated of it; relative to the root, absolute only outside of it.

    Raises
    ------
    InvalidParameterError
        If a column or a path is not possible, or a file is listed twice.
    MalformedRequestError
        If it is no CSV.
    """
    from service.lims import read_cells

    cells = read_cells(name, content)
    if not cells.is_table:
        msg = f"{name} is no table; wanted a line of different names and lines of as many cells"
        raise InvalidParameterError(msg)
    _require_columns(name, [column.strip() for column in cells.rows[0]])
    listed: dict[str, dict[str, str]] = {}
    for number, stated in enumerate(cells.stated(), start=1):
        file = _placed(stated.pop(_FILE, ""), root)
        if file is None or file in listed:
            what = "names no file below its folder" if file is None else f"names {file} again"
            msg = f"{name}: image {number} {what}; wanted each file once, with / in its path"
            raise InvalidParameterError(msg)
        listed[file] = stated
    return listed


def _require_columns(name: str, columns: list[str]) -> None:
    from petrography.report import Sample

    known = [_FILE, *STATED_OF_IMAGE, "sample_id", *(set(Sample.model_fields) - {"id"})]
    unknown = sorted(set(columns) - {*known})
    if _FILE not in columns or unknown:
        msg = (
            f"{name} has the columns {', '.join(columns)}; wanted {_FILE} and any of "
            f"{', '.join(sorted(set(known) - {_FILE}))}"
        )
        raise InvalidParameterError(msg)


def _placed(path: str, root: str | None) -> str | None:
    """Path relative to the root; absolute outside of it; None where there can be no such file."""
    if not path:
        return None
    if root is None:
        inside = posixpath.normpath(path)
        return None if inside.startswith(("/", "..")) else inside
    whole = PurePosixPath(posixpath.normpath(posixpath.join(root, path)))
    return str(whole.relative_to(root) if whole.is_relative_to(root) else whole)
