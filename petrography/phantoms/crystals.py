"""Euhedral grains: random plane sections through cubes, octahedra and rhombic prisms.

A polished section cuts a crystal in a random plane, so a cube shows triangles to hexagons. The
height of the plane is uniform over all that can hit the crystal; a body of volume V whose planes
range over the height 2H has the mean section V / 2H, those that miss it counted as 0.

References
----------
Chiu, Stoyan, Kendall & Mecke 2013, *Stochastic Geometry and its Applications*,
doi:10.1002/9781118658222, chapter 10 (stereology).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from petrography.phantoms.coarse_grids import Shape, enlarge_grid, grid_shape, grid_step
from petrography.phantoms.germ_grains import MAX_GAUGE, continued, windows_around
from petrography.phantoms.mosaics import scatter_points

__all__ = [
    "HABITS",
    "CrystalForm",
    "CrystalSections",
    "Habit",
    "crystal_sections",
    "plane_sections",
]

Habit: TypeAlias = Literal["cube", "octahedron", "prism"]

# Outlines are rounded at this share of the spacing, as corroded natural crystals are.
_CELLS_PER_SPACING = 48.0


@dataclass(frozen=True)
class CrystalForm:
    """A centrally symmetric convex crystal whose nearest faces lie at the distance 1.

    Attributes
    ----------
    normals : ndarray of float64, shape (faces, 3)
        The crystal is all x with |normal . x| <= 1 for every row.
    volume : float
        In cubes of the distance of the nearest face.
    reach : float
        Distance of the farthest corner.
    """

    normals: NDArray[np.float64]
    volume: float
    reach: float


def _rhombic_prism(acute_deg: float, half_length: float) -> CrystalForm:
    half = math.radians(acute_deg / 2)
    sides = [[math.sin(half), math.cos(half), 0.0], [math.sin(half), -math.cos(half), 0.0]]
    # The rhomb around the unit circle has the side 2 / sin(2 half) and the height 2.
    volume = 4.0 / math.sin(2 * half) * 2.0 * half_length
    reach = math.hypot(1.0 / math.sin(half), half_length)
    return CrystalForm(np.array([*sides, [0.0, 0.0, 1.0 / half_length]]), volume, reach)


_OCTAHEDRON = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]]) / np.sqrt(3.0)

HABITS: dict[Habit, CrystalForm] = {
    "cube": CrystalForm(np.eye(3), 8.0, math.sqrt(3.0)),
    "octahedron": CrystalForm(_OCTAHEDRON, 4.0 * math.sqrt(3.0), math.sqrt(3.0)),
    # The prism {110} of arsenopyrite, acute angle about 68 degrees.
    "prism": _rhombic_prism(68.0, half_length=1.8),
}


@dataclass(frozen=True)
class CrystalSections:
    """Crystals as a section shows them.

    Attributes
    ----------
    gauge : ndarray of float32, shape (height, width)
        Size to which the crystals must grow about their centres to reach a pixel: {gauge <= g} is
        the union of their sections when each has g times its size, exactly for g up to 2.
    owner : ndarray of int32, shape (rows, columns)
        Crystal that gets there first, a row of `centres`, on a grid of `step` pixels.
    centres : ndarray of float64, shape (N, 2)
        Positions (row, column) in pixels.
    step : int
        Pixels per cell of `owner`.
    """

    gauge: NDArray[np.float32]
    owner: NDArray[np.int32]
    centres: NDArray[np.float64]
    step: int


def crystal_sections(
    shape: Shape,
    spacing_px: float,
    rng: np.random.Generator,
    *,
    habit: Habit,
    size_spread: float,
) -> CrystalSections:
    """Cut randomly turned crystals that lie at random in space.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing_px : float
        Mean distance of crystals: 1/spacing² per area, those counted that the plane misses.
    rng : numpy.random.Generator
        Source of chance.
    habit : {"cube", "octahedron", "prism"}
        The form.
    size_spread : float
        Standard deviation of the logarithm of size.

    Returns
    -------
    CrystalSections
        At gauge 1 a crystal of median size has its nearest face at half the spacing.
    """
    step = grid_step(spacing_px, cells_per_length=_CELLS_PER_SPACING)
    centres = scatter_points(shape, spacing_px, 3.0 * spacing_px, rng)
    half_edge = 0.5 * spacing_px * np.exp(size_spread * rng.standard_normal(len(centres)))
    planes = plane_sections(len(centres), habit, rng)
    gauge = np.full(grid_shape(shape, step), np.inf, dtype=np.float32)
    owner = np.zeros(gauge.shape, dtype=np.int32)
    reach = MAX_GAUGE * HABITS[habit].reach * half_edge
    for n, window in windows_around(centres / step, reach / step, gauge.shape):
        rows, columns = (
            ((np.arange(part.start, part.stop) + 0.5) * step - centre) / half_edge[n]
            for part, centre in zip(window, centres[n], strict=True)
        )
        reached = _polygon_gauge(rows[:, None], columns[None, :], planes[n])
        owner[window][reached < gauge[window]] = n
        np.minimum(gauge[window], reached, out=gauge[window])
    gauge = continued(gauge, 0.5 * spacing_px / step)
    whole = enlarge_grid(gauge, step, shape, interpolation=cv2.INTER_LINEAR)
    return CrystalSections(whole, owner, centres, step)


def plane_sections(count: int, habit: Habit, rng: np.random.Generator) -> NDArray[np.float32]:
    """Turn crystals at random and cut them at random heights.

    Returns
    -------
    ndarray of float32, shape (count, faces, 3)
        Rows (a, b, c) of each crystal: its section is all (y, x) with |a y + b x + c| <= 1 for
        every face, nothing where the plane misses it.
    """
    form = HABITS[habit]
    turned = Rotation.from_quat(rng.standard_normal((count, 4))).apply
    normals = np.stack([turned(normal) for normal in form.normals], axis=1)
    normals[:, :, 2] *= rng.uniform(-form.reach, form.reach, (count, 1))
    return normals.astype(np.float32)


def _polygon_gauge(
    rows: NDArray[np.float64], columns: NDArray[np.float64], planes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Largest |a row + b column + c| over the faces, on a grid of rows and columns."""
    heights = [a * rows + (b * columns + c) for a, b, c in planes.astype(np.float64)]
    return np.asarray(np.max(np.abs(heights), axis=0), dtype=np.float32)
