"""Digests of the versions of an analysis, each in a file beside it, written as sha256sum does.

::

    <folder>/analyses/<id>/result.json.sha256      published with the result
    <folder>/analyses/<id>/result.2.json.sha256    added after its version

A version without a digest is of an older service, or its process was killed before it wrote one:
it cannot be compared, but it must be JSON to its end.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from petrography.errors import DamagedResultError

__all__ = ["digest_file", "digest_line", "require_as_kept"]

_log = logging.getLogger("petroserve.artefacts")


def digest_file(name: str) -> str:
    """Name the file that holds the digest of a version."""
    return f"{name}.sha256"


def digest_line(name: str, content: bytes) -> bytes:
    """Write the content of that file.

    Examples
    --------
    >>> digest_line("result.json", b"{}")[-15:]
    b'8a  result.json\\n'
    """
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode()


def require_as_kept(path: Path, content: bytes) -> None:
    """Check that what was read of a version is what was kept.

    Parameters
    ----------
    path : Path
        The version.
    content : bytes
        Read from it.

    Raises
    ------
    DamagedResultError
        If it has another digest than it had, or, where none was kept, is no JSON.
    """
    reason = _other_digest(path, content)
    if reason is None:
        return
    _log.error("%s is not as it was kept: %s", path, reason)
    msg = (
        f"{path.name} of analysis {path.parent.name} was changed or damaged after it was kept: "
        f"{reason}; wanted the file as it was, from a copy of the artefacts folder"
    )
    raise DamagedResultError(msg)


def _other_digest(path: Path, content: bytes) -> str | None:
    try:
        kept = path.with_name(digest_file(path.name)).read_text("ascii", "replace")[:64]
    except FileNotFoundError:
        return _no_json(content)
    found = hashlib.sha256(content).hexdigest()
    return None if found == kept else f"its SHA-256 is {found}, that which was kept is {kept}"


def _no_json(content: bytes) -> str | None:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return "it is no JSON"
    return None
