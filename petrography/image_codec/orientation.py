"""EXIF orientation: turn the image the way the photographer saw it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petrography.errors import DamagedImageError
from petrography.image_codec.tiff_directory import read_directory, read_header
from petrography.workspace import IN_MEMORY, Workspace, copied_by_strips

__all__ = ["exif_orientation", "upright"]

_ORIENTATION_TAG = 274
_UPRIGHT = 1


def exif_orientation(exif: bytes) -> int:
    """Read the orientation from an EXIF block.

    EXIF is a by-line: a broken block says nothing about the pixels, so it counts as upright.

    Parameters
    ----------
    exif : bytes
        A TIFF structure, without the ``Exif`` prefix.

    Returns
    -------
    int
        1-8; 1 (upright) when the block has no readable orientation.
    """
    try:
        directory = read_directory(exif, *read_header(exif))
        return valid_orientation(directory.number(_ORIENTATION_TAG, default=_UPRIGHT))
    except DamagedImageError:
        return _UPRIGHT


def valid_orientation(value: int) -> int:
    """Return the orientation itself, or 1 where it is none of 1-8."""
    return value if 1 <= value <= 8 else _UPRIGHT


def upright(
    pixels: NDArray[np.uint8], orientation: int, workspace: Workspace = IN_MEMORY
) -> NDArray[np.uint8]:
    """Undo an EXIF orientation.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width) or (height, width, channels)
        As stored.
    orientation : int
        1-8; from 5 up height and width change places.
    workspace : Workspace, optional
        Gives the array of the turned image.

    Returns
    -------
    ndarray of uint8
        C-contiguous; `pixels` itself when nothing is to be done.

    References
    ----------
    CIPA DC-008 (Exif 2.32), tag 0x0112.

    Examples
    --------
    >>> upright(np.array([[1, 2]], dtype=np.uint8), 6).tolist()
    [[1], [2]]
    """
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    # After the swap the stored first row has become the first column.
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if pixels.flags.c_contiguous:
        return pixels
    return copied_by_strips(pixels, workspace, np.asarray, pixels.shape)
