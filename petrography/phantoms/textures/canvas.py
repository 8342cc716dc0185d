"""The field of view that textures are drawn on, and what they share on it."""

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
from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.phantoms.grain_laws import GrainLaw, draw_grains
from petrography.phantoms.mosaics import Mosaic
from petrography.phantoms.orientations import Orientations, draw_orientations

__all__ = ["OVERSAMPLING", "Canvas", "Score", "bent", "on_canvas"]

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
    grain_law : GrainLaw
        Of the ore grains that `grains` shows.
    """

    shape_px: Shape
    chance: Chance
    grain_law: GrainLaw

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
        rng = self.chance.stream("ore grains")
        return draw_grains(self.grain_law, self.shape_px, self.coarseness, rng, step=2)

    @cached_property
    def orientations(self) -> Orientations:
        """Optic axes of the grains that `grains` shows."""
        count = len(self.grains.seeds_px)
        return draw_orientations(count, self.chance.stream("ore orientations"))

    def canvas_lengths(self, lengths_px: tuple[float, ...]) -> list[float]:
        """Lengths in canvas pixels, in the coarseness of this image."""
        return [length_px * self.coarseness * OVERSAMPLING for length_px in lengths_px]

    def grain_at(self, points: NDArray[np.float64]) -> NDArray[np.int32]:
        """Ore grain at each point (row, column) of the canvas; at the border for points outside."""
        last = np.asarray(self.shape_px) - 1
        pixel = np.clip((points / OVERSAMPLING).astype(int), 0, last)
        return np.asarray(self.grains.cells[pixel[:, 0], pixel[:, 1]])


def on_canvas(field: Score, canvas: Canvas) -> Score:
    """Bring a field from image pixels to the canvas; linear, for it has sharp valleys."""
    return enlarge_grid(field, OVERSAMPLING, canvas.shape, interpolation=cv2.INTER_LINEAR)


def bent(field: Score, bend: float, length: float, rng: np.random.Generator) -> Score:
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
