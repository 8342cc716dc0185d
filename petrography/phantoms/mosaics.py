"""Poisson-Voronoi mosaics: granular aggregates with straight grain boundaries.

With λ seeds per area the mean cell has the area 1/λ and the boundaries the length 2√λ per area.

References
----------
Chiu, Stoyan, Kendall & Mecke 2013, *Stochastic Geometry and its Applications*,
doi:10.1002/9781118658222, chapter 9.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from petrography.phantoms.coarse_grids import Shape, enlarge_grid, grid_shape

__all__ = ["Mosaic", "scatter_points", "voronoi_mosaic"]

# Cells of seeds further outside than this do not reach into the image.
_MARGIN_DIAMETERS = 4.0
_QUERY_ROWS = 64


@dataclass(frozen=True)
class Mosaic:
    """A tessellation of the image into grains.

    Attributes
    ----------
    cells : ndarray of int32, shape (height, width)
        Number of the seed of the grain, a row of `seeds_px`.
    edge_distance_px : ndarray of float32, shape (height, width)
        Distance from the pixel centre to the bisector with the second nearest seed: exact near a
        boundary, and never less than the distance to the nearest one.
    seeds_px : ndarray of float64, shape (N, 2)
        Positions (row, column); seeds outside the image have cells that may reach in.
    """

    cells: NDArray[np.int32]
    edge_distance_px: NDArray[np.float32]
    seeds_px: NDArray[np.float64]


def scatter_points(
    shape: Shape, spacing_px: float, margin_px: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw a Poisson process of 1/spacing² points per area on an image and its margin.

    Returns
    -------
    ndarray of float64, shape (N, 2)
        Positions (row, column), N at least 2.
    """
    sides = np.asarray(shape) + 2.0 * margin_px
    count = max(2, rng.poisson(float(np.prod(sides)) / spacing_px**2))
    return np.asarray(rng.random((count, 2)) * sides - margin_px)


def voronoi_mosaic(
    shape: Shape, mean_diameter_px: float, rng: np.random.Generator, *, step: int = 1
) -> Mosaic:
    """Tessellate an image into Poisson-Voronoi cells.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    mean_diameter_px : float
        Square root of the mean cell area.
    rng : numpy.random.Generator
        Source of chance.
    step : int
        Power of two; cells are exact on a grid of this step and blocky below it.

    Returns
    -------
    Mosaic
        Cells and the distance to their boundaries.
    """
    seeds = scatter_points(shape, mean_diameter_px, _MARGIN_DIAMETERS * mean_diameter_px, rng)
    tree = cKDTree(seeds)
    coarse = grid_shape(shape, step)
    cells = np.empty(coarse, dtype=np.int32)
    distance = np.empty(coarse, dtype=np.float32)
    columns = _cell_centres(0, coarse[1], step)
    for top in range(0, coarse[0], _QUERY_ROWS):
        rows = _cell_centres(top, min(top + _QUERY_ROWS, coarse[0]), step)
        band = slice(top, top + rows.size)
        cells[band], distance[band] = _nearest_cells(tree, rows, columns)
    whole = cells.repeat(step, axis=0).repeat(step, axis=1)[: shape[0], : shape[1]]
    edge = enlarge_grid(distance, step, shape, interpolation=cv2.INTER_LINEAR)
    return Mosaic(whole, edge, seeds)


def _cell_centres(start: int, stop: int, step: int) -> NDArray[np.float64]:
    return np.asarray((np.arange(start, stop) + 0.5) * step, dtype=np.float64)


def _nearest_cells(
    tree: cKDTree, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    points = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
    distance, neighbour = tree.query(points, k=2)
    first, second = neighbour[..., 0], neighbour[..., 1]
    gap = np.linalg.norm(tree.data[first] - tree.data[second], axis=-1)
    edge = (distance[..., 1] ** 2 - distance[..., 0] ** 2) / (2.0 * gap)
    return first.astype(np.int32), edge.astype(np.float32)
