"""How the picture moves when the stage turns: about a point beside the middle, with some play."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.chance import Chance
from petrography.phantoms.coarse_grids import Shape
from petrography.phantoms.windows import Window

__all__ = ["Turn", "draw_turns", "field_on_section", "inside_reference"]

# Distance of the axis of the stage from the middle of the field, as a share of its width: about
# 100 px are seen in fields of 3396 px.
_AXIS_OFFSET_FRACTION = 0.03
# Play of the stage from view to view: standard deviations, cut at two of them.
_PLAY_PX, _PLAY_DEG, _PLAY_SCALE = 1.0, 0.1, 5e-4
_PLAY_LIMIT = 2.0


@dataclass(frozen=True)
class Turn:
    """Position of the stage in one view.

    Attributes
    ----------
    nominal_deg : float
        What the stage is set to, from the column axis towards the row axis.
    turned_rad : float
        What it really turned.
    matrix : ndarray of float64, shape (2, 3)
        Takes (x, y, 1) of the view to (x, y) of view 0.
    """

    nominal_deg: float
    turned_rad: float
    matrix: NDArray[np.float64]


def draw_turns(
    angles_deg: Sequence[float], shape: Shape, chance: Chance
) -> tuple[NDArray[np.float64], tuple[Turn, ...]]:
    """Turn the stage to each angle.

    Returns
    -------
    axis_px : ndarray of float64, shape (2,)
        Where (x, y) in view 0 the axis of the stage is.
    turns : tuple of Turn
        The first has no play and the unit matrix.
    """
    offset = _AXIS_OFFSET_FRACTION * shape[1] * chance.stream("axis").standard_normal(2)
    axis_px = np.array([shape[1] - 1, shape[0] - 1]) / 2.0 + offset
    turns = tuple(
        _turn(angle_deg, axis_px, chance.stream("play", number) if number else None)
        for number, angle_deg in enumerate(angles_deg)
    )
    return axis_px, turns


def _turn(angle_deg: float, axis_px: NDArray[np.float64], rng: np.random.Generator | None) -> Turn:
    play = np.zeros(4)
    if rng is not None:
        play = np.clip(rng.standard_normal(4), -_PLAY_LIMIT, _PLAY_LIMIT)
    shift_px = _PLAY_PX * play[:2]
    turned_rad = math.radians(angle_deg + _PLAY_DEG * play[2])
    shrink = 1.0 / (1.0 + _PLAY_SCALE * play[3])
    cosine, sine = shrink * math.cos(turned_rad), shrink * math.sin(turned_rad)
    back = np.array([[cosine, sine], [-sine, cosine]])
    return Turn(
        nominal_deg=angle_deg,
        turned_rad=turned_rad,
        matrix=np.column_stack([back, axis_px - back @ (axis_px + shift_px)]),
    )


def field_on_section(turns: Sequence[Turn], shape: Shape, rim_px: int) -> tuple[Window, Shape]:
    """Find the section that all views show, with a rim around.

    Returns
    -------
    field : Window
        Where view 0 lies on the section.
    section_shape : tuple of int
        Rows and columns of the section.
    """
    right, bottom = shape[1] - 1, shape[0] - 1
    corners = np.array([[0, 0, 1], [right, 0, 1], [0, bottom, 1], [right, bottom, 1]])
    seen = np.concatenate([corners @ turn.matrix.T for turn in turns])
    left_top = rim_px - np.floor(seen.min(axis=0)).astype(int)
    far = np.ceil(seen.max(axis=0)).astype(int) + left_top + rim_px + 1
    field = Window(int(left_top[1]), int(left_top[0]), *shape)
    return field, (int(far[1]), int(far[0]))


def inside_reference(matrix: NDArray[np.float64], shape: Shape) -> NDArray[np.bool_]:
    """Pixels of a view of `shape` whose centre shows a place inside view 0.

    Returns
    -------
    ndarray of bool, shape `shape`
        True also for pixels whose centre falls on the outer half of a border pixel.
    """
    columns, rows = np.arange(shape[1])[None, :], np.arange(shape[0])[:, None]
    inside = np.ones(shape, dtype=bool)
    # Rounding must not lose the corners of view 0 itself.
    slack = 1e-6
    for axis, side in ((0, shape[1]), (1, shape[0])):
        place = matrix[axis, 0] * columns + matrix[axis, 1] * rows + matrix[axis, 2]
        inside &= (place >= -0.5 - slack) & (place <= side - 0.5 + slack)
    return inside
