"""NumPy's .npy format, versions 1 and 2: plain numbers only, never a pickle.

The header is parsed as a literal by NumPy and checked here; the numbers are then taken as they lie.
"""

from __future__ import annotations

import io
import math
import warnings

import numpy as np
from numpy.lib import format as npy_format

from petrography.errors import DamagedImageError, UnsupportedImageError
from petrography.image_codec.limits import ImageLimits, require_pixels, require_values
from petrography.image_codec.raster import Raster
from petrography.image_codec.signature import Encoded
from petrography.workspace import Workspace

__all__ = ["decode_npy", "is_npy", "npy_shape"]

_SIGNATURE = b"\x93NUMPY"
# A description of plain numbers takes 128 bytes.
_MAX_HEADER_BYTES = 4096


def is_npy(data: Encoded) -> bool:
    """Tell by the first bytes."""
    return bytes(data[: len(_SIGNATURE)]) == _SIGNATURE


def npy_shape(data: Encoded) -> tuple[int, ...]:
    """Read the shape from the begin of a file.

    Raises
    ------
    DamagedImageError
        If the header cannot be read.
    """
    return _header(data)[0]


def decode_npy(data: Encoded, limits: ImageLimits, workspace: Workspace) -> Raster:
    """Decode a stack of bands.

    Parameters
    ----------
    data : bytes or memoryview
        A whole file that begins with the signature of .npy.
    limits : ImageLimits
        Checked against the header before the numbers are touched.
    workspace : Workspace
        Gives the array of the samples.

    Raises
    ------
    UnsupportedImageError
        If the array is not uint8 or uint16 of shape (height, width, bands).
    DamagedImageError
        If the header cannot be read or the file has another length than it says.
    ImageTooLargeError
        If the array is over the limits.
    """
    shape, fortran, dtype, begin = _header(data)
    if dtype.kind != "u" or dtype.itemsize > 2 or len(shape) != 3:
        msg = f"holds {dtype} {shape}; wanted uint8 or uint16 of shape (height, width, bands)"
        raise UnsupportedImageError(msg)
    require_pixels(shape[0], shape[1], limits)
    require_values(shape[0], shape[1], shape[2], limits)
    wanted = math.prod(shape) * dtype.itemsize
    if len(data) - begin != wanted or not shape[2]:
        msg = f"is damaged: {len(data) - begin} bytes of numbers; {shape} of {dtype} take {wanted}"
        raise DamagedImageError(msg)
    stored = np.frombuffer(data, dtype=dtype, offset=begin)
    samples = workspace.empty(shape, dtype.newbyteorder("="))
    samples[:] = stored.reshape(shape, order="F" if fortran else "C")
    return Raster(
        samples=samples,
        layout="grey",
        media_type="application/x-npy",
        bits=8 if dtype.itemsize == 1 else None,
    )


def _header(data: Encoded) -> tuple[tuple[int, ...], bool, np.dtype[np.generic], int]:
    """Shape, whether columns come first, type, and where the numbers begin."""
    file = io.BytesIO(data[: _MAX_HEADER_BYTES + 16])
    try:
        version = npy_format.read_magic(file)
        read = {
            (1, 0): npy_format.read_array_header_1_0,
            (2, 0): npy_format.read_array_header_2_0,
        }[version]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file that Python 2 wrote
            shape, fortran, dtype = read(file, max_header_size=_MAX_HEADER_BYTES)
    except Exception as error:  # the header is parsed as Python, which fails in many ways
        msg = f"is damaged: its .npy header cannot be read ({type(error).__name__})"
        raise DamagedImageError(msg) from error
    return shape, fortran, dtype, file.tell()
