"""A file put together of pieces of memory without copying them."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["SplicedFile"]


class SplicedFile(io.RawIOBase):
    """Pieces of memory, one behind the other, as a file to read.

    Parameters
    ----------
    pieces : sequence of bytes-like
        None of them is copied, so a mapped file stays on its disk.

    Examples
    --------
    >>> file = SplicedFile([b"II*", memoryview(b"0123")])
    >>> file.seek(2), file.read(3), file.tell()
    (2, b'*01', 5)
    """

    def __init__(self, pieces: Sequence[bytes | memoryview]) -> None:
        super().__init__()
        self._pieces = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
        self._begins = [0, *accumulate(len(piece) for piece in self._pieces)]
        self._position = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read at any place."""
        return True

    def tell(self) -> int:
        """Tell where it is read next."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, never before the begin."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._begins[-1]}
        self._position = max(0, origin[whence] + offset)
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer as far as there are bytes."""
        target = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(target) and self._position < self._begins[-1]:
            index = bisect_right(self._begins, self._position) - 1
            begin = self._position - self._begins[index]
            piece = self._pieces[index][begin : begin + len(target) - filled]
            target[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled
