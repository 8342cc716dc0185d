"""The folder of one kept result, which another worker may remove at any moment."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

__all__ = ["ASIDE", "remove_folder", "size_bytes"]

# Begins the names of folders that are no results: those being written, and those being removed.
ASIDE = ".aside-"


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
