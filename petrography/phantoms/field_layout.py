"""Where the fields of a section lie, and how much of the section they need."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.phantoms.camera import Lens
from petrography.phantoms.chance import Chance
from petrography.phantoms.coarse_grids import Shape

__all__ = ["RIM_PX", "Layout", "Pose"]

# Blur, colour shift and interpolation see so far; the distortion of the lens comes on top.
RIM_PX = 24
_EXPOSURE_SPREAD = 0.03
# Jitter is cut at so many standard deviations.
_PLAY_LIMIT = 2.0
_LEAST_SIDE_PX = 16
_MAX_OVERLAP, _MAX_DISTORTION = 0.9, 0.1
_MAX_JITTER_PX, _MAX_JITTER_DEG = 500.0, 5.0


@dataclass(frozen=True)
class Pose:
    """Where a field lies.

    Attributes
    ----------
    name : str
        ``r<row>c<column>``.
    row, column : int
        Place in the grid.
    matrix : ndarray of float64, shape (2, 3)
        Takes (x, y, 1) of the undistorted field to (x, y) of the panorama; centres of pixels have
        whole coordinates.
    exposure : float
        Exposure over that of the others.
    """

    name: str
    row: int
    column: int
    matrix: NDArray[np.float64]
    exposure: float


@dataclass(frozen=True)
class Layout:
    """A grid of overlapping fields.

    Attributes
    ----------
    grid : tuple of int
        Rows and columns of fields, at least 1.
    shape : tuple of int
        Rows and columns of pixels of a field, at least 16.
    overlap : float
        Share of a field that the next one shows again, in [0, 0.9].
    jitter_px, jitter_deg : float
        Standard deviations of how far a field lies from its place, in each direction, and of how
        far it is turned; cut at two of them. At most 500 and 5.
    lens : Lens
        Distortion of the fields, k1 at most 0.1 either way.

    Raises
    ------
    InvalidParameterError
        If a number is out of its range.
    """

    grid: Shape
    shape: Shape
    overlap: float
    jitter_px: float
    jitter_deg: float
    lens: Lens

    def __post_init__(self) -> None:
        ranges = (
            ("overlap", self.overlap, 0.0, _MAX_OVERLAP),
            ("jitter_px", self.jitter_px, 0.0, _MAX_JITTER_PX),
            ("jitter_deg", self.jitter_deg, 0.0, _MAX_JITTER_DEG),
            ("distortion_k1", self.lens.k1, -_MAX_DISTORTION, _MAX_DISTORTION),
        )
        if min(self.grid) < 1:
            msg = f"grid is {self.grid[0]}x{self.grid[1]}; wanted at least one row and one column"
            raise InvalidParameterError(msg)
        if min(self.shape) < _LEAST_SIDE_PX:
            msg = f"a side of a field is {min(self.shape)} px; wanted at least {_LEAST_SIDE_PX}"
            raise InvalidParameterError(msg)
        for name, value, low, high in ranges:
            if not low <= value <= high:
                msg = f"{name} is {value}; wanted {low:g} to {high:g}"
                raise InvalidParameterError(msg)

    @property
    def step_px(self) -> Shape:
        """Rows and columns from one field to the next."""
        height_px, width_px = (max(1, round((1.0 - self.overlap) * side)) for side in self.shape)
        return height_px, width_px

    @property
    def rim_px(self) -> int:
        """Width of the section around the nominal grid, for jitter and lens."""
        # A barrel lens sees beyond the corners of the undistorted field.
        seen = float(self.lens.undistorted(np.zeros((1, 2)), self.shape).min())
        swing_px = math.radians(self.jitter_deg) * 0.5 * math.hypot(*self.shape)
        play_px = _PLAY_LIMIT * (self.jitter_px + swing_px)
        return math.ceil(max(0.0, -seen) + play_px) + RIM_PX

    @property
    def section_shape(self) -> Shape:
        """Rows and columns of the section that the fields need."""
        height_px, width_px = (
            (count - 1) * step + side + 2 * self.rim_px
            for count, step, side in zip(self.grid, self.step_px, self.shape, strict=True)
        )
        return height_px, width_px

    def draw_poses(self, chance: Chance) -> tuple[Pose, ...]:
        """Lay the fields on the section, row by row."""
        rows, columns = self.grid
        return tuple(
            self._pose(row, column, chance.stream("pose", row, column))
            for row in range(rows)
            for column in range(columns)
        )

    def _pose(self, row: int, column: int, rng: np.random.Generator) -> Pose:
        play = np.clip(rng.standard_normal(3), -_PLAY_LIMIT, _PLAY_LIMIT)
        nominal = np.array([column * self.step_px[1], row * self.step_px[0]]) + self.rim_px
        place_px = nominal + self.jitter_px * play[:2]
        turned_rad = math.radians(self.jitter_deg * play[2])
        cosine, sine = math.cos(turned_rad), math.sin(turned_rad)
        turn = np.array([[cosine, -sine], [sine, cosine]])
        middle = np.array([self.shape[1] - 1, self.shape[0] - 1]) / 2.0
        matrix = np.column_stack([turn, place_px + middle - turn @ middle])
        exposure = math.exp(_EXPOSURE_SPREAD * rng.standard_normal())
        return Pose(f"r{row}c{column}", row, column, matrix, exposure)
