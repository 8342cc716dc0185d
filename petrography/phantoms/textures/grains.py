"""Bodies made of grains and of grain boundaries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.phantoms.mosaics import voronoi_mosaic
from petrography.phantoms.textures.canvas import OVERSAMPLING, Canvas, Score, bent, on_canvas

__all__ = ["Blocks", "Cracks", "GrainEdges", "WholeGrains"]


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
class WholeGrains:
    """Whole ore grains, drawn by lot; the last one is taken wholly too."""

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`."""
        rng = canvas.chance.stream("whole grains", code)
        lots = rng.permutation(len(canvas.grains.seeds_px)).astype(np.float32)
        score = lots[canvas.grains.cells]
        return score.repeat(OVERSAMPLING, axis=0).repeat(OVERSAMPLING, axis=1)


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
        return on_canvas(score, canvas)


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
        score = bent(mosaic.edge_distance_px, bend_px, spacing_px / 4, rng)
        lengths_px = (1.5 * spacing_px, spacing_px / 6)
        swarm = gaussian_field(canvas.shape_px, lengths_px, rng, weights=(1.0, 0.4))
        score *= -np.exp(np.float32(-self.swarming) * swarm)
        return on_canvas(score, canvas)
