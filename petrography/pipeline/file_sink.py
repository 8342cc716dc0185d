"""Where the files of an analysis go while they are written."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import BinaryIO, Protocol

__all__ = ["FileSink", "FilesInMemory", "written"]


_PIECE_BYTES = 1 << 20


class FileSink(Protocol):
    """Takes the files of an analysis, by name."""

    def create(self, name: str) -> BinaryIO:
        """Begin a file that is written and read, at any place; whoever asks for it closes it."""
        ...


class FilesInMemory:
    """The plain sink: files stay in memory.

    Attributes
    ----------
    content : dict of str to bytes
        Files that were closed, by name.
    """

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def create(self, name: str) -> BinaryIO:
        """See `FileSink.create`."""
        return _KeptWhenClosed(lambda content: self.content.__setitem__(name, content))


class _KeptWhenClosed(io.BytesIO):
    def __init__(self, keep: Callable[[bytes], None]) -> None:
        super().__init__()
        self._keep = keep

    def close(self) -> None:
        if not self.closed:
            self._keep(self.getvalue())
        super().close()


def written(sink: FileSink, name: str, write: Callable[[BinaryIO], None]) -> str:
    """Write a file and return its SHA-256 as 64 hexadecimal digits."""
    with sink.create(name) as file:
        write(file)
        file.flush()
        file.seek(0)
        digest = hashlib.sha256()
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
        return digest.hexdigest()
