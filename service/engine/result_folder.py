"""The folder of one kept result, which another worker may remove at any moment."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["held", "is_held", "size_bytes"]


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
        return sum(map(_file_bytes, path.iterdir()))
    except FileNotFoundError:
        return 0


def _file_bytes(file: Path) -> int:
    """Bytes of a file; 0 where it is gone, as what was written aside to be added a moment ago."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
