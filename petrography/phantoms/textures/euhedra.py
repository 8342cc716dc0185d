"""Crystals with faces, corroded as natural ones are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.crystals import CrystalSections, Habit, crystal_sections
from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.phantoms.textures.canvas import OVERSAMPLING, Canvas, Score

__all__ = ["Crystals"]


@dataclass(frozen=True)
class Crystals:
    """Euhedral grains with a corroded outline.

    Attributes
    ----------
    habit : {"cube", "octahedron", "prism"}
        The form.
    spacing_px : float
        Mean distance of crystals.
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
        rng = canvas.chance.stream("corrosion", code)
        score = gaussian_field(canvas.shape, (spacing / 5, spacing / 20), rng, weights=(1.0, 0.3))
        score *= np.float32(self.corrosion)
        score -= self._sections(canvas, code).gauge
        return score

    def individuals(
        self, canvas: Canvas, code: int
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Tell the crystals apart.

        Returns
        -------
        owners : ndarray of int32, shape `canvas.shape_px`
            Crystal that each image pixel would belong to, a row of `centres_px`.
        centres_px : ndarray of float64, shape (N, 2)
            Positions (row, column) in image pixels.
        """
        sections = self._sections(canvas, code)
        owners, step = sections.owner, sections.step
        if step > 1:
            owners = owners.repeat(step // OVERSAMPLING, axis=0)
            owners = owners.repeat(step // OVERSAMPLING, axis=1)
        else:
            owners = owners[::OVERSAMPLING, ::OVERSAMPLING]
        height_px, width_px = canvas.shape_px
        return owners[:height_px, :width_px], sections.centres / OVERSAMPLING

    def _sections(self, canvas: Canvas, code: int) -> CrystalSections:
        (spacing,) = canvas.canvas_lengths((self.spacing_px,))
        rng = canvas.chance.stream("crystals", code)
        return crystal_sections(
            canvas.shape, spacing, rng, habit=self.habit, size_spread=self.size_spread
        )
