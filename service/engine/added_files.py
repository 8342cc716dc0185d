"""Files that are added to a kept result: each whole or not at all, none is ever written over."""

from __future__ import annotations

import uuid
from contextlib import suppress
from functools import partial
from pathlib import Path

from petrography.errors import ConflictError
from service.disk import storing, sync_folder, write_through
from service.engine.artefact_store import ArtefactStore
from service.engine.kinds import Kind

__all__ = ["add_file"]


def add_file(
    store: ArtefactStore,
    kind: Kind,
    result_id: str,
    name: str,
    content: bytes,
    owner: str = "",
    *,
    what: str,
) -> Path:
    """Add a file to a kept result.

    Of several that add a file of one name at the same time one does, whichever processes or
    services they are.

    Parameters
    ----------
    store : ArtefactStore
        What keeps the result.
    kind : Kind
        What it is.
    result_id, owner : str
        Which, and whose.
    name : str
        Of the file.
    content : bytes
        All of it.
    what : str
        What it is, for messages: a version, a step.

    Returns
    -------
    Path
        The new file.

    Raises
    ------
    NotFoundError
        Of the kind, if the result is not kept any more.
    ConflictError
        If somebody else added this file meanwhile.
    BucketUnavailableError
        If the bucket that keeps the result does not answer.
    StorageUnavailableError
        If the disk does not take it.
    """
    path = None
    with storing(f"{what} of {kind.noun}"), suppress(FileNotFoundError):
        written = partial(_written, store, kind, name, content)
        path = store.within(kind, result_id, owner, written)
    if path is None:
        raise store.not_found(kind, result_id, kind.document)
    store.grown(path.parent, len(content))
    return path


def _written(store: ArtefactStore, kind: Kind, name: str, content: bytes, folder: Path) -> Path:
    """Write a file, unless there is one of its name."""
    path = folder / name
    aside = path.with_name(f".{uuid.uuid4()}")
    try:
        write_through(aside, content)
        if not path.exists():
            # Nobody reads a file here that a bucket may refuse.
            store.add(path, content)
        _link(store, aside, path)
    except FileExistsError:
        # Whoever reads in this moment may have brought it here from the bucket.
        if path.read_bytes() != content:
            msg = (
                f"{name} of {kind.noun} {folder.name} was made by somebody else meanwhile; read it "
                "and decide again"
            )
            raise ConflictError(msg) from None
    finally:
        aside.unlink(missing_ok=True)
    return path


def _link(store: ArtefactStore, aside: Path, path: Path) -> None:
    try:
        # Unlike a rename, a link does not take the place of what is there.
        path.hardlink_to(aside)
        # Others are told of it next, and a power cut must not take what they know of.
        sync_folder(path.parent)
    except (FileExistsError, FileNotFoundError):
        raise
    except OSError:
        store.take_back(path)
        raise
