"""In which folder the results of each photograph of an archive lie: two never share one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from petrography.errors import InvalidParameterError

__all__ = ["archive_folders"]


def archive_folders(files: Sequence[str], reserved: frozenset[str] = frozenset()) -> dict[str, str]:
    """Name the folder of the results of each file: its path without the suffix.

    A file keeps its suffix in the name where its folder would otherwise be that of another file,
    or hold that of another file: whatever replaces the folder must not touch them.

    Parameters
    ----------
    files : sequence of str
        Paths with ``/``, each once.
    reserved : frozenset of str
        Names that no folder may have, nor lie below.

    Returns
    -------
    dict of str to str
        Relative paths by file. They depend on the files that there are, not on their order.

    Raises
    ------
    InvalidParameterError
        If whole names do not tell two files apart either.

    Examples
    --------
    >>> archive_folders(["a.png", "a.jpg", "s1/b.tif"])
    {'a.png': 'a.png', 'a.jpg': 'a.jpg', 's1/b.tif': 's1/b'}
    """
    folders = {file: _without_suffix(file) for file in files}
    while clashing := _clashing(folders, reserved):
        longer = {file: _whole(file) for file in clashing if folders[file] != _whole(file)}
        if not longer:
            msg = (
                f"the results of {' and '.join(clashing[:2])} would lie in one folder, or in one "
                "that is needed otherwise; rename one, or take them one at a time"
            )
            raise InvalidParameterError(msg)
        folders |= longer
    return folders


def _without_suffix(file: str) -> str:
    path = PurePosixPath(_whole(file))
    return _whole(file) if path.stem in {".", ".."} else str(path.with_suffix(""))


def _whole(file: str) -> str:
    return file.lstrip("/")


def _clashing(folders: Mapping[str, str], reserved: frozenset[str]) -> list[str]:
    """Find the files whose folder is also that of another, holds another, or is not to be had."""
    by_folder: dict[str, list[str]] = {}
    for file, folder in folders.items():
        by_folder.setdefault(folder, []).append(file)
    holding = {str(parent) for folder in by_folder for parent in PurePosixPath(folder).parents}
    return [
        file
        for folder, sharing in by_folder.items()
        if len(sharing) > 1 or folder in holding or PurePosixPath(folder).parts[0] in reserved
        for file in sharing
    ]
