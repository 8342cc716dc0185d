"""Whether what a run will write finds its place, told before the work and not after it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from petrography.errors import ConfigurationError

__all__ = ["require_room", "require_writable", "writing_told"]

_MEBIBYTE = 1024**2
# The weights, their average and the two moments of the optimiser.
_COPIES = 4


def require_writable(folder: Path) -> None:
    """Check that files can be written to a folder, which need not be there yet.

    Parameters
    ----------
    folder : Path
        Nothing is made in it.

    Raises
    ------
    ConfigurationError
        If they cannot; the message names what stands in the way.
    """
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not there.is_dir():
        msg = f"{there} is no folder, so nothing can be written to {folder}; wanted another place"
        raise ConfigurationError(msg)
    if not os.access(there, os.W_OK | os.X_OK):
        msg = f"{there} cannot be written to by this user; wanted another place than {folder}"
        raise ConfigurationError(msg)


def require_room(folder: Path, network: nn.Module, checkpoints: Sequence[str]) -> None:
    """Check that the disk has room for the checkpoints of a run.

    Parameters
    ----------
    folder : Path
        Of the run; made if need be.
    network : torch.nn.Module
        What is trained.
    checkpoints : sequence of str
        Names of its checkpoints. Those that are there are replaced, by one more at a time.

    Raises
    ------
    ConfigurationError
        If it has not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = sum(one.numel() * one.element_size() for one in network.state_dict().values())
    missing = sum(not (folder / name).exists() for name in checkpoints)
    needed, free = _COPIES * weights * (missing + 1), shutil.disk_usage(folder).free
    if free < needed:
        msg = (
            f"{folder} has {free / _MEBIBYTE:.0f} MiB free; the checkpoints of this run want "
            f"{needed / _MEBIBYTE:.0f} MiB: make room, or name another folder by output"
        )
        raise ConfigurationError(msg)


@contextmanager
def writing_told(folder: Path) -> Iterator[None]:
    """Name the folder where the disk refuses more, which the system does not.

    Parameters
    ----------
    folder : Path
        What is written to.

    Raises
    ------
    ConfigurationError
        In place of the error of the system.
    """
    try:
        yield
    except OSError as error:
        msg = f"{error.filename or folder} cannot be written: {error.strerror or error}"
        raise ConfigurationError(msg) from error
