"""Versions of the document of an analysis: each a file of its own, none is ever written over.

::

    <folder>/analyses/<id>/result.json      version 1, as it was made
    <folder>/analyses/<id>/result.2.json    after a review

Each is held against its digest whenever it is read (`service.engine.kept_digests`).
"""

from __future__ import annotations

import io
import logging
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from petrography.errors import BucketUnavailableError, DamagedResultError
from petrography.report import Result, parse_result
from service.engine.added_files import add_file
from service.engine.artefact_store import ArtefactStore
from service.engine.kept_digests import digest_file, digest_line, require_as_kept
from service.engine.kinds import ANALYSES
from service.engine.open_artefact import OpenArtefact, opened_artefact
from service.engine.version_files import newest_of, version_file

__all__ = ["add_version", "newest_version", "open_version", "parsed_version", "read_version"]

_log = logging.getLogger("petroserve.artefacts")


def open_version(
    store: ArtefactStore, analysis_id: str, owner: str = "", version: int | None = None
) -> OpenArtefact:
    """Open the document of an analysis for reading; the caller closes its file.

    Parameters
    ----------
    store : ArtefactStore
        What keeps it.
    analysis_id : str
        As a client sends it.
    owner : str
        The tenant that asks.
    version : int, optional
        Which, from 1; without it the newest.

    Raises
    ------
    AnalysisNotFoundError
        If there is no such analysis or no such version of it.
    DamagedResultError
        If the file is not what was kept.
    """
    opened = None
    with suppress(FileNotFoundError):
        opened = store.within(ANALYSES, analysis_id, owner, partial(_opened, version=version))
    if opened is None:
        raise store.not_found(ANALYSES, analysis_id, ANALYSES.document)
    return opened


def _opened(folder: Path, version: int | None) -> OpenArtefact:
    newest = newest_of(path.name for path in folder.iterdir())
    wanted = newest if version is None else version
    try:
        opened = opened_artefact(folder / version_file(wanted), "application/json")
    except FileNotFoundError:
        if not (folder / ANALYSES.document).is_file():
            raise
        msg = f"analysis {folder.name} has no version {version}; there are 1 to {newest}"
        raise ANALYSES.not_found(msg) from None
    with opened.file as file:
        content = file.read()
    require_as_kept(folder / version_file(wanted), content)
    return replace(opened, file=io.BytesIO(content), size_bytes=len(content), version=wanted)


def read_version(
    store: ArtefactStore, analysis_id: str, owner: str = "", version: int | None = None
) -> Result:
    """Read the document of an analysis; parameters and errors as for `open_version`."""
    with open_version(store, analysis_id, owner, version).file as file:
        return parsed_version(analysis_id, file.read())


def parsed_version(analysis_id: str, content: bytes) -> Result:
    """Read what was opened of an analysis.

    Raises
    ------
    DamagedResultError
        If it is no result.
    """
    source = f"the kept document of analysis {analysis_id}"
    return parse_result(content, source=source, refusal=DamagedResultError)


def newest_version(store: ArtefactStore, analysis_id: str, owner: str = "") -> int | None:
    """Tell the newest version of an analysis; None if it is not kept.

    None too if it is not here and its bucket does not answer: work goes on then, and who makes an
    analysis again under its id keeps the first.

    Parameters
    ----------
    store, analysis_id, owner
        As for `open_version`.
    """
    try:
        folder = store.folder_of(ANALYSES, analysis_id, owner)
    except BucketUnavailableError:
        return None
    return None if folder is None else _newest_in(folder)


def add_version(
    store: ArtefactStore, analysis_id: str, version: int, content: bytes, owner: str = ""
) -> Path:
    """Keep one more version, whole or not at all.

    Parameters
    ----------
    store, analysis_id, owner
        As for `open_version`.
    version : int
        One more than the newest.
    content : bytes
        The document.

    Returns
    -------
    Path
        The new file.

    Raises
    ------
    AnalysisNotFoundError
        If the analysis is not kept any more.
    ConflictError
        If somebody else made this version meanwhile.
    StorageUnavailableError
        If the disk does not take it.
    """
    name = version_file(version)
    path = add_file(store, ANALYSES, analysis_id, name, content, owner, what="a version")
    _keep_digest(store, path, content)
    return path


def _keep_digest(store: ArtefactStore, path: Path, content: bytes) -> None:
    """Keep the digest of a version that is there, with or without one."""
    try:
        store.add_beside(path.with_name(digest_file(path.name)), digest_line(path.name, content))
    except (BucketUnavailableError, OSError) as error:
        _log.warning("the digest of %s is not kept: %s", path, error)


def _newest_in(folder: Path) -> int | None:
    """The newest version; None where another worker has removed the result a moment ago."""
    try:
        return newest_of(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return None
