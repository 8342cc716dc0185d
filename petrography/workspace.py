"""Where arrays as large as an image lie: in memory, or wherever the caller of the pipeline wants.

Nothing here knows of files. Who analyses images larger than memory passes a workspace whose
arrays are mapped from temporary files; the steps work on them as on any other array, by strips of
rows where they would otherwise need a second array of that size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["IN_MEMORY", "STRIP_PX", "InMemory", "Workspace", "copied_by_strips", "row_strips"]

# Pixels of a strip: enough that a call of NumPy costs nothing, few enough for a cache.
STRIP_PX = 1 << 20


class Workspace(Protocol):
    """Gives arrays to work in."""

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Give a C-contiguous array of any content, which lives as long as somebody holds it.

        Parameters
        ----------
        shape : tuple of int
            Its shape.
        dtype : dtype
            Its type.

        Raises
        ------
        ImageTooLargeError
            If there can be no room for it.
        StorageUnavailableError
            If there is none now.
        """
        ...


class InMemory:
    """The plain workspace: every array lies in memory."""

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """See `Workspace.empty`; raises `MemoryError` where there is no room."""
        return np.empty(shape, dtype)


IN_MEMORY = InMemory()


def row_strips(height_px: int, width_px: int, strip_px: int = STRIP_PX) -> Iterator[slice]:
    """Cut the rows of an image into strips of about so many pixels, at least one row each.

    Examples
    --------
    >>> list(row_strips(3, 1 << 19))
    [slice(0, 2, None), slice(2, 3, None)]
    """
    step = max(1, strip_px // width_px)
    return (slice(top, min(top + step, height_px)) for top in range(0, height_px, step))


def copied_by_strips(
    source: NDArray[Any],
    workspace: Workspace,
    change: Callable[[NDArray[Any]], NDArray[Any]],
    shape: tuple[int, ...],
) -> NDArray[np.uint8]:
    """Write what becomes of an image, strip by strip, into an array of the workspace.

    Parameters
    ----------
    source : ndarray, shape (height, width, ...)
        The image; strided views of it do as well.
    workspace : Workspace
        Gives the array.
    change : callable
        From rows of the image to the same rows of the result, uint8; it sees each row alone.
    shape : tuple of int
        Of the result; as many rows as the image.

    Returns
    -------
    ndarray of uint8
        The result.
    """
    result: NDArray[np.uint8] = workspace.empty(shape, np.uint8)
    for rows in row_strips(source.shape[0], source.shape[1]):
        result[rows] = change(source[rows])
    return result
