"""The folder of one kept result, which another worker may remove at any moment."""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["ASIDE", "held", "is_held", "remove_folder", "size_bytes"]

# Begins the names of folders that are no results: those being written, and those being removed.
ASIDE = ".aside-"


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Show other processes, for the length of a block, that a folder is being worked in.

    Raises
    ------
    OSError
        If it is not there.
    """
    with _opened(path) as descriptor:
        # A disk without locks keeps results all the same.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield


def is_held(path: Path) -> bool:
    """Tell whether somebody who lives works in a folder."""
    try:
        with _opened(path) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        # It is gone, or its disk does not tell.
        return False
    return False


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def size_bytes(path: Path) -> int:
    """Add up its files; 0 where it is gone."""
    try:
        return sum(file.stat().st_size for file in path.iterdir())
    except FileNotFoundError:
        return 0


def remove_folder(path: Path) -> None:
    """Remove it, as a whole for whoever reads.

    Raises
    ------
    OSError
        If it stays.
    """
    # A name of its own: what a killed process left of an earlier removal must not be in the way.
    aside = path.with_name(f"{ASIDE}{uuid.uuid4()}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    shutil.rmtree(aside, ignore_errors=True)
