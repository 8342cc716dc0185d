"""What is drawn: where each field lies on the panorama, through its lens, with its factors.

Lens and factors are smooth, so they are computed on a grid of cells and enlarged; pixels are read
from the photograph once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.registration import Matrix, Points, applied, inverted
from petrography.stitching.affine import border
from petrography.stitching.flat_fielding import Shading
from petrography.stitching.lenses import LensMap

__all__ = ["Box", "PlacedField", "canvas_shape", "cell_centres", "read_photograph"]

# Bilinear enlargement of a map by this is off by less than 0.01 px for any lens of a microscope.
MAP_CELL_PX = 16

Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class PlacedField:
    """A field on the panorama.

    Attributes
    ----------
    index : int
        Which field.
    shape : tuple of int
        (height, width) of the photograph.
    matrix : ndarray of float64, shape (2, 3)
        From undistorted pixels of the field to pixels of the panorama.
    lens : LensMap
        Its distortion.
    gain : float
        Factor on the levels.
    shading : Shading or None
        What the levels are divided by, too.
    """

    index: int
    shape: tuple[int, int]
    matrix: Matrix
    lens: LensMap
    gain: float
    shading: Shading | None

    @property
    def box(self) -> Box:
        """Top, left, bottom and right on the panorama; bottom and right are one beyond."""
        seen = applied(self.matrix, self.lens.undistort(border(self.shape)))
        left, top = np.floor(seen.min(axis=0)).astype(int).tolist()
        right, bottom = np.ceil(seen.max(axis=0)).astype(int).tolist()
        return top, left, bottom + 1, right + 1

    def in_photograph(self, panorama_xy: Points) -> Points:
        """From places of the panorama to those of the photograph."""
        return self.lens.distort(applied(inverted(self.matrix), panorama_xy))

    def factors(self, photograph_xy: Points) -> NDArray[np.float64]:
        """Factors on red, green and blue at places of the photograph, shape (n, 3)."""
        if self.shading is None:
            return np.full((len(photograph_xy), 3), self.gain)
        return self.gain * self.shading.correction(photograph_xy)

    def maps(self, box: Box, scale_px: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """For every pixel of a part of the panorama its place in the photograph and its factors.

        Parameters
        ----------
        box : tuple of int
            The part: top, left, bottom and right.
        scale_px : int
            Side of a pixel of `box` in pixels of the panorama, where a smaller one is drawn.

        Returns
        -------
        tuple of ndarray of float32
            (height, width, 2) of x and y, and (height, width, 3) of factors.
        """
        # Cells begin at multiples of their side, so that strips of any height see the same maps.
        top, left = (side // MAP_CELL_PX * MAP_CELL_PX for side in box[:2])
        centres = (cell_centres((top, left, *box[2:]), MAP_CELL_PX) + 0.5) * scale_px - 0.5
        places = self.in_photograph(centres.reshape(-1, 2))
        factors = self.factors(places)
        cells = centres.shape[:2]
        within = np.s_[box[0] - top : box[2] - top, box[1] - left : box[3] - left]
        return (
            _enlarged(places.reshape(*cells, 2))[within],
            _enlarged(factors.reshape(*cells, 3))[within],
        )


def read_photograph(
    pixels: NDArray[np.uint8], maps: NDArray[np.float32], method: int
) -> NDArray[np.uint8]:
    """Read a photograph, or its labels, at places given for every pixel, (height, width, 2)."""
    # Two maps: OpenCV takes an empty array for a second map, and None is not in its types.
    x, y = (np.ascontiguousarray(maps[:, :, axis]) for axis in (0, 1))
    seen = cv2.remap(pixels, x, y, method, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, dtype=np.uint8)


def canvas_shape(boxes: list[Box]) -> tuple[int, int]:
    """(height, width) that holds boxes which begin at 0, 0."""
    return max(box[2] for box in boxes), max(box[3] for box in boxes)


def cell_centres(box: Box, cell_px: int) -> NDArray[np.float64]:
    """Centres of the cells of a part of the panorama and of one more cell on every side.

    Returns
    -------
    ndarray of float64, shape (rows, columns, 2)
        x and y on the panorama.
    """
    top, left, bottom, right = box
    rows = np.arange(-1, -(-(bottom - top) // cell_px) + 1)
    cols = np.arange(-1, -(-(right - left) // cell_px) + 1)
    x, y = np.meshgrid(left + (cols + 0.5) * cell_px - 0.5, top + (rows + 0.5) * cell_px - 0.5)
    return np.stack([x, y], axis=-1)


def _enlarged(cells: NDArray[np.float64]) -> NDArray[np.float32]:
    """Enlarge cells to pixels, without the first cell on either side."""
    size = cells.shape[1] * MAP_CELL_PX, cells.shape[0] * MAP_CELL_PX
    enlarged = cv2.resize(cells.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged[MAP_CELL_PX:, MAP_CELL_PX:], dtype=np.float32)
