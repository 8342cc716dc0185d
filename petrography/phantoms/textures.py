"""Where a phase grows: scores over the canvas, whose highest values the phase takes.

A texture turns chance into a score. How much area is taken is not its business: the arrangement
cuts the score at the level that gives the wanted fraction. Lengths are in image pixels; the canvas
is finer by `OVERSAMPLING`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.chance import Chance
from petrography.phantoms.coarse_grids import Shape, enlarge_grid
from petrography.phantoms.crystals import Habit, crystal_gauge
from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.phantoms.mosaics import Mosaic, voronoi_mosaic

__all__ = [
    "OVERSAMPLING",
    "Blebs",
    "Blocks",
    "Canvas",
    "Cracks",
    "Crystals",
    "GrainEdges",
    "Patches",
    "Texture",
]

OVERSAMPLING = 2

Score: TypeAlias = NDArray[np.float32]

# Spread of the logarithm of grain size from image to image.
_COARSENESS_SPREAD = 0.3


@dataclass(frozen=True)
class Canvas:
    """The field of view that textures are drawn on.

    Attributes
    ----------
    shape_px : tuple of int
        Rows and columns of the image; the canvas has `OVERSAMPLING` times as many.
    chance : Chance
        Source of chance.
    grain_diameter_px : float
        Square root of the mean area of the ore grains that `grains` shows.
    """

    shape_px: Shape
    chance: Chance
    grain_diameter_px: float

    @property
    def shape(self) -> Shape:
        """Rows and columns of the canvas."""
        return self.shape_px[0] * OVERSAMPLING, self.shape_px[1] * OVERSAMPLING

    @cached_property
    def coarseness(self) -> float:
        """Factor on all grain sizes of this image."""
        normal = self.chance.stream("coarseness").standard_normal()
        return math.exp(_COARSENESS_SPREAD * normal)

    @cached_property
    def grains(self) -> Mosaic:
        """Granular aggregate of the ore, on the pixels of the image."""
        diameter_px = self.grain_diameter_px * self.coarseness
        rng = self.chance.stream("ore grains")
        return voronoi_mosaic(self.shape_px, diameter_px, rng, step=2)

    def canvas_lengths(self, lengths_px: tuple[float, ...]) -> list[float]:
        """Lengths in canvas pixels, in the coarseness of this image."""
        return [length_px * self.coarseness * OVERSAMPLING for length_px in lengths_px]


@dataclass(frozen=True)
class Patches:
    """Irregular patches: the level set of a Gaussian field of several lengths.

    Attributes
    ----------
    lengths_px, weights : tuple of float
        Correlation lengths and amplitudes.
    kin : int or None
        Code of a phase of `Patches` that this one grows beside.
    kinship : float
        Correlation with the field of `kin`, in [-1, 1].
    max_stretch : float
        Elongation is drawn between 1 and this.
    """

    lengths_px: tuple[float, ...]
    weights: tuple[float, ...]
    kin: int | None = None
    kinship: float = 0.0
    max_stretch: float = 1.5

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`."""
        own = self._field(canvas, code)
        if self.kin is None:
            return own
        own *= np.float32(math.sqrt(1.0 - self.kinship**2))
        own += np.float32(self.kinship) * self._field(canvas, self.kin)
        return own

    def _field(self, canvas: Canvas, code: int) -> Score:
        rng = canvas.chance.stream("patches", code)
        return gaussian_field(
            canvas.shape,
            canvas.canvas_lengths(self.lengths_px),
            rng,
            weights=self.weights,
            stretch=rng.uniform(1.0, self.max_stretch),
            angle_rad=rng.uniform(0.0, math.pi),
        )


@dataclass(frozen=True)
class Crystals:
    """Euhedral grains with a corroded outline.

    Attributes
    ----------
    habit : {"cube", "octahedron"}
        The form.
    spacing_px : float
        Mean distance of grains.
    size_spread : float
        Standard deviation of the logarithm of size.
    corrosion : float
        Standard deviation of the outline, as a share of the size.
    """

    habit: Habit
    spacing_px: float
    size_spread: float
    corrosion: float

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`."""
        (spacing,) = canvas.canvas_lengths((self.spacing_px,))
        rng = canvas.chance.stream("crystals", code)
        score = gaussian_field(canvas.shape, (spacing / 5, spacing / 20), rng, weights=(1.0, 0.3))
        score *= np.float32(self.corrosion)
        score -= crystal_gauge(
            canvas.shape, spacing, rng, habit=self.habit, size_spread=self.size_spread
        )
        return score


@dataclass(frozen=True)
class Blocks:
    """Whole grains of a finer mosaic, gathered where a smooth field is high.

    Attributes
    ----------
    diameter_px : float
        Square root of the mean area of a block.
    gathering_px : float
        Correlation length of the field that gathers them.
    roughness : float
        Weight of the field's own outline against that of the blocks.
    """

    diameter_px: float
    gathering_px: float
    roughness: float = 0.15

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`."""
        rng = canvas.chance.stream("blocks", code)
        diameter, gathering = canvas.canvas_lengths((self.diameter_px, self.gathering_px))
        mosaic = voronoi_mosaic(canvas.shape_px, diameter / OVERSAMPLING, rng)
        field = gaussian_field(canvas.shape, (gathering, diameter / 4), rng, weights=(1.0, 0.1))
        last = np.asarray(canvas.shape_px) - 1
        at_seed = np.clip(mosaic.seeds_px.astype(int), 0, last) * OVERSAMPLING
        by_cell = field[at_seed[:, 0], at_seed[:, 1]][mosaic.cells]
        blocks = by_cell.repeat(OVERSAMPLING, axis=0).repeat(OVERSAMPLING, axis=1)
        field *= np.float32(self.roughness)
        field += blocks
        return field


@dataclass(frozen=True)
class GrainEdges:
    """Chains along the boundaries of the ore grains.

    Attributes
    ----------
    waviness : float
        Standard deviation of the logarithm of the width.
    waviness_px : float
        Correlation length of the width.
    """

    waviness: float
    waviness_px: float

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`."""
        rng = canvas.chance.stream("grain edges", code)
        length_px = self.waviness_px * canvas.coarseness
        lengths_px = (length_px, length_px / 5)
        score = gaussian_field(canvas.shape_px, lengths_px, rng, weights=(1.0, 0.3))
        np.exp(np.float32(-self.waviness) * score, out=score)
        score *= -canvas.grains.edge_distance_px
        return _on_canvas(score, canvas)


@dataclass(frozen=True)
class Blebs:
    """Small rounded specks, denser in some places than in others.

    Attributes
    ----------
    length_px : float
        Correlation length of the specks.
    swarm_px : float
        Correlation length of their density.
    swarming : float
        Weight of the density; 0 spreads the specks evenly.
    """

    length_px: float
    swarm_px: float
    swarming: float

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`."""
        rng = canvas.chance.stream("blebs", code, self.length_px)
        lengths = (self.swarm_px * OVERSAMPLING, self.length_px * OVERSAMPLING)
        return gaussian_field(canvas.shape, lengths, rng, weights=(self.swarming, 1.0))


@dataclass(frozen=True)
class Cracks:
    """A network of cracks: bent boundaries of a mosaic, in the parts that broke.

    Attributes
    ----------
    spacing_px : float
        Square root of the mean area of a fragment.
    bend_px : float
        Standard deviation of the bends.
    swarming : float
        Standard deviation of the logarithm of the width; high values leave most boundaries whole.
    """

    spacing_px: float
    bend_px: float
    swarming: float

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`."""
        rng = canvas.chance.stream("cracks", code, self.spacing_px)
        spacing_px = self.spacing_px * canvas.coarseness
        mosaic = voronoi_mosaic(canvas.shape_px, spacing_px, rng, step=2)
        bend_px = self.bend_px * canvas.coarseness
        score = _bent(mosaic.edge_distance_px, bend_px, spacing_px / 4, rng)
        lengths_px = (1.5 * spacing_px, spacing_px / 6)
        swarm = gaussian_field(canvas.shape_px, lengths_px, rng, weights=(1.0, 0.4))
        score *= -np.exp(np.float32(-self.swarming) * swarm)
        return _on_canvas(score, canvas)


def _on_canvas(field: Score, canvas: Canvas) -> Score:
    """Bring a field from image pixels to the canvas; linear, for it has sharp valleys."""
    return enlarge_grid(field, OVERSAMPLING, canvas.shape, interpolation=cv2.INTER_LINEAR)


def _bent(field: Score, bend: float, length: float, rng: np.random.Generator) -> Score:
    """Move the values of a field along smooth random ways of a standard deviation `bend`."""
    ways = []
    for axis in range(2):
        way = gaussian_field(field.shape, (length, length / 6), rng, weights=(1.0, 0.25))
        way *= np.float32(bend)
        places = np.arange(field.shape[axis], dtype=np.float32)
        way += places[:, None] if axis == 0 else places[None, :]
        ways.append(way)
    moved = cv2.remap(field, ways[1], ways[0], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, dtype=np.float32)


Texture: TypeAlias = Patches | Crystals | Blocks | GrainEdges | Blebs | Cracks
