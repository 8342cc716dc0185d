"""A file that is there as a whole or as it was before."""

from __future__ import annotations

from pathlib import Path

__all__ = ["replace_file"]


def replace_file(path: Path, content: bytes) -> None:
    """Write a file under another name, then rename it into place.

    Parameters
    ----------
    path : Path
        Its folder is made if need be.
    content : bytes
        All of it.

    Raises
    ------
    OSError
        If the disk does not take it; what was there stays, and nothing else is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.tmp")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
