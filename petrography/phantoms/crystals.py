"""Euhedral grains: random plane sections through cubes and octahedra.

A polished section cuts a crystal in a random plane, so a cube shows triangles to hexagons.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from petrography.phantoms.coarse_grids import Shape, enlarge_grid, grid_shape, grid_step
from petrography.phantoms.mosaics import scatter_points

__all__ = ["Habit", "crystal_gauge"]

Habit: TypeAlias = Literal["cube", "octahedron"]

_FACE_NORMALS: dict[Habit, NDArray[np.float64]] = {
    "cube": np.eye(3),
    "octahedron": np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]]) / np.sqrt(3.0),
}
# Outlines are rounded at this share of the spacing, as corroded natural crystals are.
_CELLS_PER_SPACING = 48.0
# A crystal beyond so many nearer ones does not reach a point.
_NEIGHBOURS = 8
# The plane passes the centre at up to this share of the half edge.
_MAX_OFFSET = 0.8


def crystal_gauge(
    shape: Shape,
    spacing_px: float,
    rng: np.random.Generator,
    *,
    habit: Habit,
    size_spread: float,
) -> NDArray[np.float32]:
    """Measure how far each pixel is from the nearest crystal centre, in crystal sizes.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    spacing_px : float
        Mean distance of crystals: 1/spacing² per area.
    rng : numpy.random.Generator
        Source of chance.
    habit : {"cube", "octahedron"}
        The form.
    size_spread : float
        Standard deviation of the logarithm of size.

    Returns
    -------
    ndarray of float32, shape `shape`
        The set {gauge <= g} is the union of polygons that grow in proportion to g; at g = 1 a
        crystal of median size has a half edge of half the spacing.
    """
    step = grid_step(spacing_px, cells_per_length=_CELLS_PER_SPACING)
    rows, columns = ((np.arange(side) + 0.5) * step for side in grid_shape(shape, step))
    points = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
    centres = scatter_points(shape, spacing_px, 3.0 * spacing_px, rng)
    half_edge = 0.5 * spacing_px * np.exp(size_spread * rng.standard_normal(len(centres)))
    planes = _plane_sections(len(centres), habit, rng)
    nearest = cKDTree(centres).query(points, k=min(_NEIGHBOURS, len(centres)))[1]
    gauge = np.full(points.shape[:2], np.inf, dtype=np.float32)
    for rank in range(nearest.shape[-1]):
        crystal = nearest[..., rank]
        offset = (points - centres[crystal]) / half_edge[crystal][..., None]
        np.minimum(gauge, _polygon_gauge(offset, planes[crystal]), out=gauge)
    return enlarge_grid(gauge, step, shape, interpolation=cv2.INTER_LINEAR)


def _plane_sections(count: int, habit: Habit, rng: np.random.Generator) -> NDArray[np.float32]:
    """Face normals seen in random planes, shape (count, faces, 3): two in plane, one offset."""
    turned = Rotation.from_quat(rng.standard_normal((count, 4))).apply
    normals = np.stack([turned(normal) for normal in _FACE_NORMALS[habit]], axis=1)
    normals[:, :, 2] *= rng.uniform(-_MAX_OFFSET, _MAX_OFFSET, (count, 1))
    return normals.astype(np.float32)


def _polygon_gauge(offset: NDArray[np.float64], planes: NDArray[np.float32]) -> NDArray[np.float32]:
    gauge = np.zeros(offset.shape[:-1], dtype=np.float32)
    for face in range(planes.shape[-2]):
        normal = planes[..., face, :]
        height = normal[..., 0] * offset[..., 0] + normal[..., 1] * offset[..., 1] + normal[..., 2]
        np.maximum(gauge, np.abs(height), out=gauge)
    return gauge
