"""The files of the page, read once, each with its media type and entity tag."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from service.web.choices import choices_json

__all__ = ["INDEX", "PageFile", "page_files"]

INDEX = "index.html"
_FOLDER = Path(__file__).parent / "files"
# Stated here: what the operating system says of ".js" differs between machines, and with `nosniff`
# a browser runs no module of another type.
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class PageFile:
    """One file that a browser fetches.

    Attributes
    ----------
    content : bytes
        The whole of it.
    media_type : str
        With its character set, where it is text.
    """

    content: bytes
    media_type: str

    @property
    def etag(self) -> str:
        """Strong entity tag (RFC 9110 section 8.8.3): equal in every process that has the file."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


@cache
def page_files() -> Mapping[str, PageFile]:
    """Read all files of the page, by name."""
    files = {
        path.name: PageFile(path.read_bytes(), _MEDIA_TYPES[path.suffix])
        for path in sorted(_FOLDER.iterdir())
        if path.suffix in _MEDIA_TYPES
    }
    return {**files, "choices.json": PageFile(choices_json(), "application/json")}
