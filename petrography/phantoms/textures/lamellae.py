"""Exsolution lamellae: parallel plates, turned from grain to grain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.phantoms.textures.canvas import Canvas, Score, on_canvas

__all__ = ["Lamellae"]

_BAND_ROWS = 256


@dataclass(frozen=True)
class Lamellae:
    """Plates along planes of the host: chalcopyrite in bornite, twins, cleavage.

    Plates of the width w at the spacing s cover w/s of a grain for one direction.

    Attributes
    ----------
    spacing_px : float
        Distance between the axes of plates of one direction.
    directions : int
        Number of directions, equally spaced over half a turn.
    unevenness : float
        Standard deviation of the logarithm of the width.
    unevenness_px : float
        Correlation length of the width.
    """

    spacing_px: float
    directions: int = 1
    unevenness: float = 0.8
    unevenness_px: float = 60.0

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`: minus the distance from the axis of a plate."""
        rng = canvas.chance.stream("lamellae", code, self.spacing_px)
        shift = rng.random((self.directions, len(canvas.grains.seeds_px)))
        length_px = self.unevenness_px * canvas.coarseness
        score = gaussian_field(canvas.shape_px, (length_px, length_px / 6), rng, weights=(1.0, 0.4))
        score *= np.float32(-self.unevenness)
        np.exp(score, out=score)
        for top in range(0, canvas.shape_px[0], _BAND_ROWS):
            rows = slice(top, min(top + _BAND_ROWS, canvas.shape_px[0]))
            score[rows] *= -self._axis_distance_px(canvas, rows, shift)
        return on_canvas(score, canvas)

    def _axis_distance_px(
        self, canvas: Canvas, rows: slice, shift: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        cells = canvas.grains.cells[rows]
        spacing_px = self.spacing_px * canvas.coarseness
        row = np.arange(rows.start, rows.stop)[:, None] + 0.5
        column = np.arange(canvas.shape_px[1])[None, :] + 0.5
        distance = np.full(cells.shape, np.inf)
        for direction in range(self.directions):
            along = canvas.orientations.in_plane_rad + math.pi * direction / self.directions
            height = np.cos(along)[cells] * row - np.sin(along)[cells] * column
            turns = height / spacing_px + shift[direction][cells]
            np.minimum(distance, spacing_px * np.abs(turns - np.rint(turns)), out=distance)
        return distance.astype(np.float32)
