"""The part of a photograph that is to be analysed: without scale bars, labels, scratches, resin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.calibration import LensModel, undistort
from petrography.errors import InvalidParameterError, LabelImageError
from petrography.image_codec import Encoded, ImageLimits, decode_labels

__all__ = ["Region", "read_region", "within"]


@dataclass(frozen=True, eq=False)
class Region:
    """The part of a photograph that is to be analysed.

    Attributes
    ----------
    drawn : ndarray of bool, shape (height, width)
        As it lies on the photograph.
    straight : ndarray of bool, shape (height, width)
        As it lies on the photograph without the distortion of its lens.
    """

    drawn: NDArray[np.bool_]
    straight: NDArray[np.bool_]


def read_region(
    data: Encoded,
    shape: tuple[int, int],
    *,
    limits: ImageLimits,
    lens: LensModel | None = None,
    name: str = "region",
) -> Region:
    """Read which pixels of a photograph are to be analysed.

    Parameters
    ----------
    data : bytes or memoryview
        An encoded label image: 0 is left out, anything else is analysed.
    shape : tuple of int
        Rows and columns of the photograph.
    limits : ImageLimits
        Most bytes and pixels.
    lens : LensModel, optional
        Whose distortion is taken from the photograph, and so from what was drawn on it.
    name : str
        What messages call it.

    Raises
    ------
    InvalidParameterError
        If it leaves nothing.
    LabelImageError
        If it is no label image, or has another size than the photograph.
    ImageError
        If it cannot be read.
    """
    drawn = decode_labels(data, limits=limits.of_whole(), name=name) != 0
    if drawn.shape != shape:
        given, wanted = (f"{columns} x {rows} px" for rows, columns in (drawn.shape, shape))
        msg = f"{name} is {given} and the image {wanted}; wanted a region of the size of the image"
        raise LabelImageError(msg)
    region = Region(drawn, drawn if lens is None else _straight(drawn, lens))
    if not region.straight.any():
        msg = f"{name} leaves nothing to be analysed; wanted other values than 0 where it is"
        raise InvalidParameterError(msg)
    return region


def _straight(drawn: NDArray[np.bool_], lens: LensModel) -> NDArray[np.bool_]:
    # Half way between black and white is the edge that was drawn.
    white = np.repeat(np.where(drawn, np.uint8(255), np.uint8(0))[..., None], 3, axis=2)
    return np.asarray(undistort(white, lens)[..., 0] >= 128, dtype=np.bool_)


def within(region: Region | None, shown: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Join what is to be analysed with what the image shows; None where that is everything.

    Parameters
    ----------
    region : Region, optional
        What is to be analysed.
    shown : ndarray of bool, shape (height, width), optional
        Where the straightened image shows something.

    Raises
    ------
    InvalidParameterError
        If nothing is left.
    """
    if region is None or shown is None:
        return shown if region is None else region.straight
    both = region.straight & shown
    if not both.any():
        msg = "the region lies where the straightened image shows nothing; wanted another region"
        raise InvalidParameterError(msg)
    return both
