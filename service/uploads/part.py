"""One part of an upload."""

from __future__ import annotations

from dataclasses import dataclass

from service.uploads.spool import UploadedFile

__all__ = ["Part"]


@dataclass(frozen=True)
class Part:
    """One part: a file, or a text."""

    name: str
    content: UploadedFile | bytes
