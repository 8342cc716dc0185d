"""A result that is being written."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Draft"]


@dataclass(frozen=True)
class Draft:
    """A result that is being written; nobody sees it before it is published."""

    folder: Path

    def write(self, name: str, content: bytes) -> None:
        """Write a whole file."""
        (self.folder / name).write_bytes(content)

    def create(self, name: str) -> io.BufferedRandom:
        """Begin a file that is too large to be held in memory; the caller closes it."""
        return (self.folder / name).open("w+b")

    def path(self, name: str) -> Path:
        """Tell where a file lies, for whoever maps it."""
        return self.folder / name

    def read(self, name: str) -> bytes:
        """Read a file again."""
        return (self.folder / name).read_bytes()
