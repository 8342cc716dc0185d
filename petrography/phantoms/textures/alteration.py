"""What comes later and follows the rock as it is: replacement rims and growth zones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.phantoms.phase_sets import any_of
from petrography.phantoms.textures.canvas import OVERSAMPLING, Canvas, Score

__all__ = ["GrowthZones", "ReplacementRims"]


@dataclass(frozen=True)
class ReplacementRims:
    """Rims that eat into the host from other phases, pits and cracks: covellite on chalcopyrite.

    A thin rim of the depth d covers d times the length of the front.

    Attributes
    ----------
    fronts : tuple of int
        Phases that the replacement starts from.
    unevenness : float
        Standard deviation of the logarithm of the depth; high values leave most fronts bare.
    unevenness_px : float
        Correlation length of the depth.
    """

    fronts: tuple[int, ...]
    unevenness: float
    unevenness_px: float

    def score_in(self, phases: NDArray[np.uint8], canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`: minus the distance from a front."""
        rng = canvas.chance.stream("rims", code, *self.fronts)
        distance = _distance_from(any_of(phases, self.fronts))
        lengths = canvas.canvas_lengths((self.unevenness_px, self.unevenness_px / 8))
        depth = gaussian_field(canvas.shape, lengths, rng, weights=(1.0, 0.3))
        depth *= np.float32(-self.unevenness)
        distance *= -np.exp(depth, out=depth)
        return distance


@dataclass(frozen=True)
class GrowthZones:
    """Bands parallel to the surface of the host, with specks gathered in them.

    Attributes
    ----------
    hosts : tuple of int
        Phases that grew in zones.
    width_px : float
        Distance from band to band.
    speck_px : float
        Correlation length of the specks.
    speckle : float
        Standard deviation of the specks against the height 1 of the bands; 0 gives whole bands.
    """

    hosts: tuple[int, ...]
    width_px: float
    speck_px: float = 4.0
    speckle: float = 1.0

    def score_in(self, phases: NDArray[np.uint8], canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`: a wave of the depth below the surface of the host."""
        rng = canvas.chance.stream("growth zones", code, *self.hosts)
        (width,) = canvas.canvas_lengths((self.width_px,))
        wave = _distance_from(~any_of(phases, self.hosts))
        wave *= np.float32(2.0 * math.pi / width)
        wave += np.float32(rng.uniform(0.0, 2.0 * math.pi))
        np.cos(wave, out=wave)
        specks = gaussian_field(canvas.shape, (self.speck_px * OVERSAMPLING,), rng)
        specks *= np.float32(self.speckle)
        wave += specks
        return wave


def _distance_from(fronts: NDArray[np.bool_]) -> Score:
    """Distance of each pixel centre from the nearest front, in canvas pixels."""
    free = (~fronts).astype(np.uint8)
    distance = np.asarray(cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)
    # Without any front the distance means nothing, but must be finite.
    return np.minimum(distance, np.float32(sum(fronts.shape)))
