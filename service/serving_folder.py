"""The temporary folder that a supervisor shares with its workers, and those of earlier ones.

A service that is stopped takes its folder away; one that is killed cannot. So whoever uses a folder
holds a lock on it, which the system lets go of with the process, and every start removes those that
nobody holds.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["hold", "serving_folder"]

_log = logging.getLogger("petroserve.start")
_PREFIX = "petroserve-"
# There from the first lock on: what has none is being made at this moment, or is somebody else's.
_MARK = "serving"


@contextmanager
def serving_folder() -> Iterator[Path]:
    """Make a folder for as long as the block runs; those of services that were killed go.

    Temporary files of libraries in this process are made in it, too.

    Yields
    ------
    Path
        The folder.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        descriptor = hold(Path(name))
        Path(name, _MARK).touch()
        before, tempfile.tempdir = tempfile.tempdir, name
        try:
            yield Path(name)
        finally:
            tempfile.tempdir = before
            os.close(descriptor)


def hold(folder: Path) -> int:
    """Keep a folder from being removed until this process ends, however it does.

    Returns
    -------
    int
        A descriptor; closed, it holds the folder no more.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        # Another user's, gone meanwhile, or held: each is to be left alone.
        with suppress(OSError):
            _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.getuid() or not (folder / _MARK).is_file():
            return
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
        _log.info("removed %s, left by a service that was killed", folder)
    finally:
        os.close(descriptor)
