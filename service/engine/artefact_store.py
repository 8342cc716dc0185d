"""Finished analyses in a local folder: written aside, renamed into place, bounded.

::

    <folder>/<id>/result.json, labels.png, ...

Several worker processes share the folder. An analysis is there as a whole or not at all, and
never changes, so its id and the file's name say which bytes they are.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from petrography.errors import AnalysisNotFoundError
from petrography.pipeline import MEDIA_TYPES

__all__ = ["ArtefactStore", "OpenArtefact"]

_ASIDE = ".aside-"
# No write takes that long, so an older folder is what a killed process left.
_LEFTOVER_S = 3600.0


@dataclass(frozen=True)
class OpenArtefact:
    """An artefact that is open for reading; stays readable when the analysis is removed."""

    file: BinaryIO
    size_bytes: int
    media_type: str
    etag: str


@dataclass(frozen=True)
class _Kept:
    path: Path
    changed: float
    size_bytes: int


class ArtefactStore:
    """A bounded folder of finished analyses.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    max_count, max_bytes : int
        Beyond these the oldest analyses are removed; the newest is always kept.
    """

    def __init__(self, folder: Path, *, max_count: int, max_bytes: int) -> None:
        self._folder = folder
        self._max_count = max_count
        self._max_bytes = max_bytes

    def open_folder(self) -> None:
        """Make the folder and clear away what a killed process left half written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob(f"{_ASIDE}*"):
            if time.time() - _changed(path) > _LEFTOVER_S:
                shutil.rmtree(path, ignore_errors=True)

    def publish(self, analysis_id: str, artefacts: Mapping[str, bytes]) -> None:
        """Keep the artefacts of a finished analysis.

        Parameters
        ----------
        analysis_id : str
            A UUID that was never used.
        artefacts : mapping of str to bytes
            By name; names are keys of `petrography.pipeline.MEDIA_TYPES`.
        """
        aside = self._folder / f"{_ASIDE}{analysis_id}"
        aside.mkdir()
        try:
            for name, content in artefacts.items():
                (aside / name).write_bytes(content)
            aside.rename(self._folder / analysis_id)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        self._remove_oldest()

    def open(self, analysis_id: str, name: str) -> OpenArtefact:
        """Open one artefact for reading; the caller closes its file.

        Parameters
        ----------
        analysis_id, name : str
            As a client sends them. Only a well-formed UUID and a known name reach the file system.

        Raises
        ------
        AnalysisNotFoundError
            If it is not kept.
        """
        if name not in MEDIA_TYPES:
            msg = f"there is no artefact {name[:100]!r}; there are {', '.join(MEDIA_TYPES)}"
            raise AnalysisNotFoundError(msg)
        if _is_canonical_uuid(analysis_id):
            try:
                file = (self._folder / analysis_id / name).open("rb")
            except FileNotFoundError:
                pass
            else:
                size_bytes = os.fstat(file.fileno()).st_size
                return OpenArtefact(file, size_bytes, MEDIA_TYPES[name], f'"{analysis_id}-{name}"')
        msg = (
            f"no {name} of an analysis {analysis_id[:100]!r} is kept; the newest "
            f"{self._max_count} analyses are"
        )
        raise AnalysisNotFoundError(msg)

    def _remove_oldest(self) -> None:
        newest_first = sorted(self._kept(), key=lambda kept: kept.changed, reverse=True)
        total_bytes = 0
        for rank, kept in enumerate(newest_first):
            total_bytes += kept.size_bytes
            if rank and (rank >= self._max_count or total_bytes > self._max_bytes):
                _remove(kept.path)

    def _kept(self) -> list[_Kept]:
        return [
            _Kept(path, _changed(path), _size_bytes(path))
            for path in self._folder.iterdir()
            if _is_canonical_uuid(path.name)
        ]


def _is_canonical_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


# Another worker may remove the same folder at any moment: what is gone has no age and no size.


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size_bytes(path: Path) -> int:
    try:
        return sum(file.stat().st_size for file in path.iterdir())
    except FileNotFoundError:
        return 0


def _remove(path: Path) -> None:
    # Renamed first, so that no reader finds an analysis with half of its artefacts.
    aside = path.with_name(f"{_ASIDE}{path.name}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    shutil.rmtree(aside, ignore_errors=True)
