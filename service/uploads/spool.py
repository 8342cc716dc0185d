"""The files of one request, one after the other in one temporary file.

A file of its own for each of several hundred fields would use up the descriptors of the process.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO

__all__ = ["Spool", "UploadedFile"]

# Written in pieces of this size, so that a hop to a thread is worth while.
_PIECE_BYTES = 1024 * 1024


class Spool:
    """A temporary file that is written once, from its begin to its end.

    Parameters
    ----------
    file : binary file
        Empty, and closed by who opened it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._waiting = bytearray()
        self._written_bytes = 0

    @property
    def size_bytes(self) -> int:
        """Bytes taken so far."""
        return self._written_bytes + len(self._waiting)

    @property
    def worth_writing(self) -> bool:
        """Whether enough bytes wait in memory."""
        return len(self._waiting) >= _PIECE_BYTES

    def take(self, data: bytes) -> None:
        """Take bytes; they wait in memory until the next `write`."""
        self._waiting += data

    def write(self) -> None:
        """Write to disk what waits in memory; blocks."""
        self._file.write(self._waiting)
        self._file.flush()
        self._written_bytes += len(self._waiting)
        self._waiting.clear()

    def descriptor(self) -> int:
        """Give the number of the open file."""
        return self._file.fileno()

    def read(self, begin: int, size_bytes: int) -> bytes:
        """Read bytes that were written; may be called from several threads at once."""
        pieces = []
        # One call reads at most 2 GiB.
        while size_bytes and (piece := os.pread(self._file.fileno(), size_bytes, begin)):
            pieces.append(piece)
            begin += len(piece)
            size_bytes -= len(piece)
        return b"".join(pieces)


@dataclass(frozen=True)
class UploadedFile:
    """One file of a request.

    Attributes
    ----------
    name : str
        The filename that the client gave it.
    size_bytes : int
        Its size.
    """

    name: str
    size_bytes: int
    spool: Spool
    begin: int

    def read(self) -> bytes:
        """Read the whole file; may be called again, and from any thread."""
        return self.spool.read(self.begin, self.size_bytes)

    def place(self) -> tuple[int, int, int]:
        """Tell the descriptor of the spool, where in it the file begins, and its bytes."""
        return self.spool.descriptor(), self.begin, self.size_bytes

    def read_start(self, size_bytes: int) -> bytes:
        """Read its first bytes, or all if there are fewer."""
        return self.spool.read(self.begin, min(size_bytes, self.size_bytes))
