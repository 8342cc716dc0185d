"""Boolean models inside the ore: discs, chalcopyrite disease, flames, cleavage pits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.phantoms.germ_grains import Germs, germ_gauge
from petrography.phantoms.mosaics import scatter_points
from petrography.phantoms.textures.canvas import OVERSAMPLING, Canvas, Score

__all__ = ["CleavagePits", "Discs", "Disease", "Flames", "onto_planes"]

_Floats = NDArray[np.float64]

# Ore grains smaller than this have no texture of their own; the density of swarms is read so.
_SWARM_GRID_PX = 8


@dataclass(frozen=True)
class Discs:
    """Round or oval inclusions at independent places.

    Attributes
    ----------
    spacing_px : float
        Mean distance: 1/spacing² per area.
    radius_px : float
        Median geometric mean of the half axes.
    size_spread : float
        Standard deviation of the logarithm of the radius.
    elongation : float
        Longer half axis over shorter.
    """

    spacing_px: float
    radius_px: float
    size_spread: float = 0.4
    elongation: float = 1.0

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`: minus the growth at which a disc covers a pixel."""
        rng = canvas.chance.stream("discs", code, self.radius_px)
        spacing, radius = canvas.canvas_lengths((self.spacing_px, self.radius_px))
        centres = scatter_points(canvas.shape, spacing, 6.0 * radius, rng)
        radii = _sizes(radius, self.size_spread, len(centres), rng)
        angles = rng.uniform(0.0, math.pi, len(centres))
        ratio = math.sqrt(self.elongation)
        return -germ_gauge(
            canvas.shape, Germs(centres, radii * ratio, radii / ratio, angles), "ellipse"
        )


@dataclass(frozen=True)
class Disease:
    """Swarms of blebs along the twin planes of their host: chalcopyrite disease of sphalerite.

    Attributes
    ----------
    spacing_px : float
        Mean distance of blebs where they swarm.
    radius_px : float
        Median radius.
    plane_spacing_px : float
        Distance of the twin planes, which are turned from ore grain to ore grain.
    swarm_px : float
        Correlation length of the density.
    swarming : float
        Standard deviation of the logarithm of the density.
    size_spread : float
        Standard deviation of the logarithm of the radius.
    """

    spacing_px: float
    radius_px: float
    plane_spacing_px: float
    swarm_px: float
    swarming: float = 1.2
    size_spread: float = 0.4

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`: minus the growth at which a bleb covers a pixel."""
        rng = canvas.chance.stream("disease", code, self.radius_px)
        spacing, radius = canvas.canvas_lengths((self.spacing_px, self.radius_px))
        (plane_spacing,) = canvas.canvas_lengths((self.plane_spacing_px,))
        centres = scatter_points(canvas.shape, spacing, 6.0 * radius, rng)
        centres = centres[rng.random(len(centres)) < self._density(canvas, centres, rng)]
        angles = canvas.orientations.in_plane_rad[canvas.grain_at(centres)].astype(np.float64)
        centres = onto_planes(centres, angles, plane_spacing)
        centres += 0.3 * radius * rng.standard_normal(centres.shape)
        radii = _sizes(radius, self.size_spread, len(centres), rng)
        return -germ_gauge(canvas.shape, Germs(centres, 1.3 * radii, radii, angles), "ellipse")

    def _density(self, canvas: Canvas, points: _Floats, rng: np.random.Generator) -> _Floats:
        """Share of blebs that are kept at each point, 1 at most."""
        coarse = tuple(-(-side // _SWARM_GRID_PX) for side in canvas.shape)
        (swarm,) = canvas.canvas_lengths((self.swarm_px,))
        field = gaussian_field((coarse[0], coarse[1]), (swarm / _SWARM_GRID_PX,), rng)
        at = np.clip((points / _SWARM_GRID_PX).astype(int), 0, np.asarray(coarse) - 1)
        density: _Floats = np.exp(self.swarming * (field[at[:, 0], at[:, 1]] - 1.0))
        return np.minimum(density, 1.0)


@dataclass(frozen=True)
class Flames:
    """Thin pointed lenses that start from grain boundaries: pentlandite in pyrrhotite.

    Attributes
    ----------
    spacing_px : float
        Mean distance of flames along and near the boundaries.
    length_px, width_px : float
        Median length and greatest width.
    nearness_px : float
        Farthest start from a boundary of the ore grains.
    """

    spacing_px: float
    length_px: float
    width_px: float
    nearness_px: float

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`: minus the growth at which a flame covers a pixel."""
        rng = canvas.chance.stream("flames", code, self.length_px)
        spacing, length = canvas.canvas_lengths((self.spacing_px, self.length_px))
        (width,) = canvas.canvas_lengths((self.width_px,))
        centres = scatter_points(canvas.shape, spacing, length, rng)
        last = np.asarray(canvas.shape_px) - 1
        pixel = np.clip((centres / OVERSAMPLING).astype(int), 0, last)
        to_edge_px = canvas.grains.edge_distance_px[pixel[:, 0], pixel[:, 1]]
        centres = centres[to_edge_px <= self.nearness_px * canvas.coarseness]
        angles = canvas.orientations.in_plane_rad[canvas.grain_at(centres)].astype(np.float64)
        angles += 0.06 * rng.standard_normal(len(centres))
        size = _sizes(1.0, 0.5, len(centres), rng)
        germs = Germs(centres, size * length / 2, size * width / 2, angles)
        return -germ_gauge(canvas.shape, germs, "lens")


@dataclass(frozen=True)
class CleavagePits:
    """Triangular pits where polishing broke out corners of cubes: galena.

    Attributes
    ----------
    spacing_px : float
        Mean distance.
    side_px : float
        Median side of a triangle.
    size_spread : float
        Standard deviation of the logarithm of the side.
    """

    spacing_px: float
    side_px: float
    size_spread: float = 0.4

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`; all pits of one grain point the same way."""
        rng = canvas.chance.stream("cleavage pits", code)
        spacing, side = canvas.canvas_lengths((self.spacing_px, self.side_px))
        centres = scatter_points(canvas.shape, spacing, 4.0 * side, rng)
        angles = canvas.orientations.in_plane_rad[canvas.grain_at(centres)].astype(np.float64)
        inner = _sizes(side / (2.0 * math.sqrt(3.0)), self.size_spread, len(centres), rng)
        return -germ_gauge(canvas.shape, Germs(centres, inner, inner, angles), "triangle")


def onto_planes(points: _Floats, angles_rad: _Floats, spacing: float) -> _Floats:
    """Move points across to the nearest of equally spaced parallel lines.

    Parameters
    ----------
    points : ndarray of float64, shape (N, 2)
        Positions (row, column).
    angles_rad : ndarray of float64, shape (N,)
        Direction of the lines at each point, from the column axis towards the row axis.
    spacing : float
        Distance between lines; one of them runs through the origin.

    Returns
    -------
    ndarray of float64, shape (N, 2)
        Points on lines, moved by half the spacing at most.
    """
    normals = np.column_stack([np.cos(angles_rad), -np.sin(angles_rad)])
    height = np.sum(normals * points, axis=1)
    way = np.rint(height / spacing) * spacing - height
    return np.asarray(points + way[:, None] * normals)


def _sizes(median: float, spread: float, count: int, rng: np.random.Generator) -> _Floats:
    # Cut at three standard deviations: one giant would make the others pointless.
    return np.asarray(median * np.exp(spread * np.clip(rng.standard_normal(count), -3.0, 3.0)))
