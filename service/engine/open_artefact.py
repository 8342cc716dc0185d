"""A file of a kept result that is open for reading, and the tag that names its bytes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["OpenArtefact", "opened_artefact"]


@dataclass(frozen=True)
class OpenArtefact:
    """An artefact that is open for reading; stays readable when its result is removed.

    `version` tells which it is of the document of an analysis.
    """

    file: BinaryIO
    size_bytes: int
    media_type: str
    etag: str
    version: int = 1


def opened_artefact(path: Path, media_type: str) -> OpenArtefact:
    """Open a file of a kept result; its folder is the id of the result.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    """
    file = path.open("rb")
    size_bytes = os.fstat(file.fileno()).st_size
    return OpenArtefact(file, size_bytes, media_type, _etag(path.parent.name, path.name))


def _etag(result_id: str, name: str) -> str:
    """Name the bytes of a file in ASCII without quotes (RFC 9110 section 8.8.3)."""
    readable = name if re.fullmatch(r"[\w.-]+", name, re.ASCII) else name.encode().hex()
    return f'"{result_id}-{readable}"'
