"""Superpixels of a photograph on several levels: what is prepared once and drawn upon."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.errors import DamagedResultError

__all__ = ["Superpixels"]

_FORMAT = 1
# What reading anything but such a file raises; a TypeError where it is one array by itself.
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)
Indices: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Superpixels:
    """Superpixels of one photograph, a tree of three levels.

    Attributes
    ----------
    leaves : ndarray of int32, shape (height, width)
        The finest superpixel of each pixel, numbered from 0.
    middle : ndarray of int32, shape (number of leaves,)
        The superpixel of the middle level that a leaf belongs to.
    top : ndarray of int32, shape (number of leaves,)
        The cluster of the coarsest level that a leaf belongs to. Leaves of one superpixel of the
        middle level share it.
    colour_lab : ndarray of float32, shape (number of leaves, 3)
        Mean CIELAB (D65) of a leaf.
    edges : ndarray of int32, shape (number of edges, 2)
        Leaves that touch, each two once, the lower number first, in rising order.
    reduction : int
        Pixels of the photograph to a side of the grid that the superpixels were found on.
    """

    leaves: Indices
    middle: Indices
    top: Indices
    colour_lab: NDArray[np.float32]
    edges: Indices
    reduction: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the photograph."""
        return self.leaves.shape[0], self.leaves.shape[1]

    @property
    def levels(self) -> list[int]:
        """How many superpixels each level has, the coarsest first."""
        return [int(self.top.max()) + 1, int(self.middle.max()) + 1, len(self.top)]

    def to_bytes(self) -> bytes:
        """Write them down: the same superpixels give the same bytes."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            format=np.array(_FORMAT),
            # Differences along rows are mostly 0, and so shrink to a tenth.
            leaves=np.diff(self.leaves, axis=1, prepend=np.int32(0)),
            middle=self.middle,
            top=self.top,
            colour_lab=self.colour_lab,
            edges=self.edges,
            reduction=np.array(self.reduction),
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Superpixels:
        """Read what `to_bytes` wrote.

        Raises
        ------
        DamagedResultError
            If it is anything else.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                return cls._from_arrays(dict(file))
        except _UNREADABLE as error:
            msg = f"{len(data)} bytes are no superpixels as they were kept: {error}"
            raise DamagedResultError(msg) from error

    @classmethod
    def _from_arrays(cls, arrays: dict[str, NDArray[np.generic]]) -> Superpixels:
        kept_format = int(arrays.pop("format"))
        if kept_format != _FORMAT:
            msg = f"format {kept_format}, wanted {_FORMAT}"
            raise ValueError(msg)
        leaves = np.cumsum(arrays["leaves"], axis=1, dtype=np.int32)
        return cls(
            leaves=leaves,
            middle=arrays["middle"].astype(np.int32),
            top=arrays["top"].astype(np.int32),
            colour_lab=arrays["colour_lab"].astype(np.float32),
            edges=arrays["edges"].astype(np.int32),
            reduction=int(arrays["reduction"]),
        )
