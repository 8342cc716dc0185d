"""Random mosaics of seeds: Poisson-Voronoi, Laguerre and Johnson-Mehl.

A point belongs to the seed that is least far from it; the three differ in what "far" means. With λ
seeds per area the mean Voronoi cell has the area 1/λ and the boundaries the length 2√λ per area.
Laguerre cells measure |x - p|² - w, so a seed of larger weight w has a larger cell and boundaries
stay straight; Johnson-Mehl cells measure |x - p| + t, so late seeds (t) have small cells with bent
boundaries. With equal weights or equal births both are the Voronoi mosaic.

References
----------
Chiu, Stoyan, Kendall & Mecke 2013, *Stochastic Geometry and its Applications*,
doi:10.1002/9781118658222, chapter 9. Klichowicz, Stoyan & Lieberwirth 2022,
doi:10.1016/j.mineng.2022.107634 (ore textures).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from petrography.phantoms.coarse_grids import Shape, enlarge_grid, grid_shape

__all__ = [
    "Mosaic",
    "johnson_mehl_mosaic",
    "laguerre_mosaic",
    "mosaic_of_births",
    "mosaic_of_weights",
    "scatter_points",
    "voronoi_mosaic",
]

_Floats: TypeAlias = NDArray[np.float64]
# From points, shape (..., 2), to the seed of each and its distance to the boundary.
_Nearest: TypeAlias = Callable[[_Floats], tuple[NDArray[np.int64], _Floats]]

# Cells of seeds further outside than this do not reach into the image.
_MARGIN_DIAMETERS = 4.0
_QUERY_ROWS = 64
_FIRST_NEIGHBOURS = 6


@dataclass(frozen=True)
class Mosaic:
    """A tessellation of the image into grains.

    Attributes
    ----------
    cells : ndarray of int32, shape (height, width)
        Number of the seed of the grain, a row of `seeds_px`.
    edge_distance_px : ndarray of float32, shape (height, width)
        Distance from the pixel centre to the boundary with the second nearest seed: exact near a
        boundary, and never less than the distance to the nearest one where boundaries are straight.
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
    return mosaic_of_weights(shape, seeds, np.zeros(len(seeds)), step=step)


def laguerre_mosaic(
    shape: Shape,
    mean_diameter_px: float,
    size_spread: float,
    rng: np.random.Generator,
    *,
    step: int = 1,
) -> Mosaic:
    """Tessellate an image into Laguerre cells of discs with a log-normal radius.

    Parameters
    ----------
    shape, mean_diameter_px, rng, step
        As for `voronoi_mosaic`; `mean_diameter_px` holds for the seeds, of which those that lie
        deep in the disc of another have no cell.
    size_spread : float
        Standard deviation of the logarithm of the radius; the median disc has half the diameter.

    Returns
    -------
    Mosaic
        Cells and the distance to their boundaries.
    """
    seeds = scatter_points(shape, mean_diameter_px, _MARGIN_DIAMETERS * mean_diameter_px, rng)
    radius = 0.5 * mean_diameter_px * np.exp(size_spread * rng.standard_normal(len(seeds)))
    # A disc that would swallow its whole neighbourhood gives one grain without any texture.
    weights = np.minimum(radius, 2.0 * mean_diameter_px) ** 2
    return mosaic_of_weights(shape, seeds, weights, step=step)


def johnson_mehl_mosaic(
    shape: Shape,
    mean_diameter_px: float,
    birth_spread: float,
    rng: np.random.Generator,
    *,
    step: int = 1,
) -> Mosaic:
    """Tessellate an image into grains that are born at random times and grow at one speed.

    Parameters
    ----------
    shape, mean_diameter_px, rng, step
        As for `voronoi_mosaic`; seeds that another grain has overgrown before birth have no cell.
    birth_spread : float
        Time between the first birth and the last, in diameters of growth.

    Returns
    -------
    Mosaic
        Cells and the distance to their boundaries.
    """
    seeds = scatter_points(shape, mean_diameter_px, _MARGIN_DIAMETERS * mean_diameter_px, rng)
    births = birth_spread * mean_diameter_px * rng.random(len(seeds))
    return mosaic_of_births(shape, seeds, births, step=step)


def mosaic_of_weights(shape: Shape, seeds: _Floats, weights: _Floats, *, step: int = 1) -> Mosaic:
    """Give each point x to the seed p with the least |x - p|² - w.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    seeds : ndarray of float64, shape (N, 2)
        Positions (row, column), N at least 2.
    weights : ndarray of float64, shape (N,)
        Square pixels.
    step : int
        As for `voronoi_mosaic`.

    Returns
    -------
    Mosaic
        The Laguerre mosaic.
    """
    # A third coordinate turns weighted distances into plain ones: |x - p|² - w + constant.
    heights = np.sqrt(weights.max() - weights)
    tree = cKDTree(np.column_stack([seeds, heights]))

    def nearest(points: _Floats) -> tuple[NDArray[np.int64], _Floats]:
        lifted = np.concatenate([points, np.zeros((*points.shape[:-1], 1))], axis=-1)
        distance, neighbour = tree.query(lifted, k=2)
        first, second = neighbour[..., 0], neighbour[..., 1]
        gap = np.linalg.norm(seeds[first] - seeds[second], axis=-1)
        return first, (distance[..., 1] ** 2 - distance[..., 0] ** 2) / (2.0 * gap)

    return _mosaic(shape, seeds, nearest, step)


def mosaic_of_births(shape: Shape, seeds: _Floats, births: _Floats, *, step: int = 1) -> Mosaic:
    """Give each point x to the seed p that reaches it first, at the time |x - p| + t.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    seeds : ndarray of float64, shape (N, 2)
        Positions (row, column), N at least 2.
    births : ndarray of float64, shape (N,)
        Times t, in pixels of growth.
    step : int
        As for `voronoi_mosaic`.

    Returns
    -------
    Mosaic
        The Johnson-Mehl mosaic.
    """
    tree = cKDTree(seeds)

    def nearest(points: _Floats) -> tuple[NDArray[np.int64], _Floats]:
        flat = points.reshape(-1, 2)
        pair, arrival = _first_two_arrivals(tree, births, flat)
        ways = seeds[pair] - flat[:, None]
        lengths = np.maximum(np.linalg.norm(ways, axis=-1, keepdims=True), 1e-9)
        directions = ways / lengths
        # How fast the lead over the second shrinks on the way to the boundary.
        slope = np.linalg.norm(directions[:, 1] - directions[:, 0], axis=-1)
        edge = (arrival[:, 1] - arrival[:, 0]) / np.maximum(slope, 1e-6)
        shape = points.shape[:-1]
        return pair[:, 0].reshape(shape), edge.reshape(shape)

    return _mosaic(shape, seeds, nearest, step)


def _first_two_arrivals(
    tree: cKDTree, births: _Floats, points: _Floats
) -> tuple[NDArray[np.int64], _Floats]:
    """Seeds of the two earliest arrivals and their times, both of shape (points, 2)."""
    pair = np.empty((len(points), 2), dtype=np.int64)
    arrival = np.empty((len(points), 2))
    left = np.arange(len(points))
    neighbours = min(_FIRST_NEIGHBOURS, len(births))
    while left.size:
        distance, seed = tree.query(points[left], k=neighbours)
        times = distance + births[seed]
        order = np.argsort(times, axis=1)[:, :2]
        pair[left] = np.take_along_axis(seed, order, axis=1)
        arrival[left] = np.take_along_axis(times, order, axis=1)
        # A seed further away than those asked for may still win by an early birth.
        open_end = distance[:, -1] + births.min() < arrival[left, 1]
        left = left[open_end] if neighbours < len(births) else left[:0]
        neighbours = min(2 * neighbours, len(births))
    return pair, arrival


def _mosaic(shape: Shape, seeds: _Floats, nearest: _Nearest, step: int) -> Mosaic:
    coarse = grid_shape(shape, step)
    cells = np.empty(coarse, dtype=np.int32)
    distance = np.empty(coarse, dtype=np.float32)
    columns = _cell_centres(0, coarse[1], step)
    for top in range(0, coarse[0], _QUERY_ROWS):
        rows = _cell_centres(top, min(top + _QUERY_ROWS, coarse[0]), step)
        points = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
        band = slice(top, top + rows.size)
        cells[band], distance[band] = nearest(points)
    whole = cells.repeat(step, axis=0).repeat(step, axis=1)[: shape[0], : shape[1]]
    edge = enlarge_grid(distance, step, shape, interpolation=cv2.INTER_LINEAR)
    return Mosaic(whole, edge, seeds)


def _cell_centres(start: int, stop: int, step: int) -> NDArray[np.float64]:
    return np.asarray((np.arange(start, stop) + 0.5) * step, dtype=np.float64)
