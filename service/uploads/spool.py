"""The files of one request, one after the other in one temporary file.

A file of its own for each of several hundred fields would use up the descriptors of the process.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import IO

from petrography.errors import BodyTooLargeError
from service.disk import storing

__all__ = ["Spool", "UploadedFile"]

# Written in pieces of this size, so that a hop to a thread is worth while.
_PIECE_BYTES = 1024 * 1024


_WHAT = "the upload"


class Spool:
    """A temporary file that is written once, from its begin to its end.

    Parameters
    ----------
    file : raw binary file
        Empty, without a buffer, and closed by who opened it.
    max_file_bytes : int
        Most bytes of one of the files that lie in it.
    """

    def __init__(self, file: IO[bytes], *, max_file_bytes: int) -> None:
        self._file = file
        self._max_file_bytes = max_file_bytes
        self._waiting = bytearray()
        self._written_bytes = 0
        self._name, self._begin = "", 0

    @classmethod
    @contextmanager
    def opened(cls, *, max_file_bytes: int) -> Iterator[Spool]:
        """Open one that is gone at the end of the block.

        Raises
        ------
        StorageUnavailableError
            If the disk is full, read-only or gone.
        """
        with storing(_WHAT):
            # Without a buffer, which could not be emptied onto a full disk when it is closed.
            file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed below
        with file:
            yield cls(file, max_file_bytes=max_file_bytes)

    @property
    def size_bytes(self) -> int:
        """Bytes taken so far."""
        return self._written_bytes + len(self._waiting)

    @property
    def worth_writing(self) -> bool:
        """Whether enough bytes wait in memory."""
        return len(self._waiting) >= _PIECE_BYTES

    def begin(self, part: str, filename: str) -> UploadedFile:
        """Begin the next file; `ended` gives it with its size."""
        self._name, self._begin = part, self.size_bytes
        return UploadedFile(filename, 0, self, self._begin)

    def ended(self, file: UploadedFile) -> UploadedFile:
        """Give the file that was begun last as it is now."""
        return replace(file, size_bytes=self.size_bytes - file.begin)

    def take(self, data: bytes) -> None:
        """Take bytes of the file that was begun last; they wait in memory until the next `write`.

        Raises
        ------
        BodyTooLargeError
            If the file has too many: the rest of it need not arrive.
        """
        self._waiting += data
        if self.size_bytes - self._begin > self._max_file_bytes:
            msg = (
                f"part {self._name[:100]!r} has more than {self._max_file_bytes} bytes, the most "
                "that are accepted for one file; send a crop, or fields by themselves"
            )
            raise BodyTooLargeError(msg)

    def write(self) -> None:
        """Write to disk what waits in memory; blocks.

        Raises
        ------
        StorageUnavailableError
            If the disk is full, read-only or gone.
        """
        with storing(_WHAT):
            while self._waiting:
                written_bytes = os.write(self._file.fileno(), self._waiting)
                self._written_bytes += written_bytes
                del self._waiting[:written_bytes]

    async def write_aside(self) -> None:
        """Write in a thread; errors as for `write`.

        Who is cancelled meanwhile goes when the thread has ended: the file is closed then, and its
        number may be that of another file in the next moment.
        """
        if not self._waiting:
            return
        writing = asyncio.ensure_future(asyncio.to_thread(self.write))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            while not writing.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([writing])
            # Looked at, or asyncio reports an error that nobody saw.
            writing.exception()
            raise

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
