"""Label images that arrive in strips of any height, cut into blocks of one height."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from petrography.errors import LabelImageError
from petrography.images import Labels

__all__ = ["BlockCutter", "block_rows"]

# Large enough that the cost of a call vanishes beside that of its pixels, small enough that what
# is computed on a block (about 20 bytes a pixel) stays far below a gigabyte.
_BLOCK_PX = 2_000_000


def block_rows(width: int) -> int:
    """Rows of a block of an image of this width.

    Examples
    --------
    >>> block_rows(4000), block_rows(10_000_000)
    (500, 1)
    """
    return max(1, _BLOCK_PX // width)


class BlockCutter:
    """Cut strips into blocks, so that what is done block by block cannot depend on the strips.

    Parameters
    ----------
    shape : tuple of int
        (height, width) of the label image.
    rows : int
        Rows of a block, at least 1; the last block may have fewer.
    """

    def __init__(self, shape: tuple[int, int], rows: int) -> None:
        self._height, self._width = shape
        self._rows = rows
        self._taken = 0
        self._waiting: list[Labels] = []
        self._waiting_rows = 0

    def add(self, strip: Labels) -> Iterator[Labels]:
        """Take the next rows and give every block that is complete.

        Parameters
        ----------
        strip : ndarray of uint8, shape (rows, width)
            The next rows, any number.

        Yields
        ------
        ndarray of uint8, shape (block rows, width)
            Blocks, top to bottom.

        Raises
        ------
        LabelImageError
            If dtype or width are others, or more rows come than the image has.
        """
        self._check(strip)
        self._taken += len(strip)
        while len(strip):
            missing = self._rows - self._waiting_rows
            part, strip = strip[:missing], strip[missing:]
            self._waiting_rows += len(part)
            is_last = self._taken == self._height and not len(strip)
            if self._waiting_rows == self._rows or is_last:
                yield self._joined(part)
            else:
                # The caller may write the next strip into the same array.
                self._waiting.append(part.copy())

    def finish(self) -> None:
        """State that no more rows come.

        Raises
        ------
        LabelImageError
            If rows are missing.
        """
        if self._taken != self._height:
            msg = f"{self._taken} rows of labels came; wanted {self._height}, the whole image"
            raise LabelImageError(msg)

    def _check(self, strip: Labels) -> None:
        wanted = f"wanted uint8 (rows, {self._width}), {self._height} rows in all"
        if strip.dtype != np.uint8 or strip.ndim != 2 or strip.shape[1] != self._width:
            msg = f"strip of labels is {strip.dtype} {strip.shape}; {wanted}"
            raise LabelImageError(msg)
        if self._taken + len(strip) > self._height:
            msg = f"{self._taken + len(strip)} rows of labels came; {wanted}"
            raise LabelImageError(msg)

    def _joined(self, last: Labels) -> Labels:
        block = np.concatenate([*self._waiting, last]) if self._waiting else last
        self._waiting, self._waiting_rows = [], 0
        return block
