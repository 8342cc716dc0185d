"""Irregular bodies cut out of Gaussian fields: patches, facies, specks, veinlets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.phantoms.textures.canvas import OVERSAMPLING, Canvas, Score, bent, on_canvas

__all__ = ["Blebs", "Facies", "Patches", "Veinlets"]

# The outline of smaller specks is not seen, but would cost a field of full resolution.
_LEAST_RAGGED_PX = 9.0


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
class Facies:
    """One facies of a plurigaussian rock: phases that share two fields touch by a rule.

    The arrangement cuts the plane of the two fields by one phase after the other; that is the
    lithotype rule. Two phases on the same side of the same field form shells around each other,
    phases on opposite sides never touch unless what lies between has no area.

    Attributes
    ----------
    field : {"first", "second"}
        Which field the phase is cut from.
    side : {"high", "low"}
        Whether it takes the high or the low values.
    lengths_px, weights : tuple of float
        Correlation lengths and amplitudes, the same for all phases of a rock.
    correlation : float
        Between the two fields, in [-1, 1].

    References
    ----------
    Armstrong et al. 2011, *Plurigaussian Simulations in Geosciences*,
    doi:10.1007/978-3-642-19607-2.
    """

    field: Literal["first", "second"]
    side: Literal["high", "low"]
    lengths_px: tuple[float, ...]
    weights: tuple[float, ...]
    correlation: float = 0.0

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`; `code` is not asked, for the fields are shared."""
        del code
        score = self._field(canvas, self.field)
        if self.field == "second" and self.correlation:
            score *= np.float32(math.sqrt(1.0 - self.correlation**2))
            score += np.float32(self.correlation) * self._field(canvas, "first")
        return score if self.side == "high" else np.negative(score, out=score)

    def _field(self, canvas: Canvas, name: str) -> Score:
        rng = canvas.chance.stream("facies", name)
        lengths = canvas.canvas_lengths(self.lengths_px)
        return gaussian_field(canvas.shape, lengths, rng, weights=self.weights)


@dataclass(frozen=True)
class Blebs:
    """Small irregular specks, denser in some places than in others.

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
        speck = self.length_px * OVERSAMPLING
        lengths, weights = [self.swarm_px * OVERSAMPLING, speck], [self.swarming, 1.0]
        if self.length_px >= _LEAST_RAGGED_PX:
            lengths.append(speck / 3.0)
            weights.append(0.25)
        return gaussian_field(canvas.shape, lengths, rng, weights=weights)


@dataclass(frozen=True)
class Veinlets:
    """Winding veinlets: bands of even width along the zero line of a smooth field.

    The zero line of a field of correlation length ℓ has the length 1/2ℓ per area, so bands of the
    width w cover w/2ℓ when they are not stretched.

    Attributes
    ----------
    length_px : float
        Correlation length ℓ; veinlets are about πℓ apart.
    stretch : float
        Length along the veinlets over length across; 1 winds in all directions.
    unevenness : float
        Standard deviation of the logarithm of the width; high values leave gaps.
    """

    length_px: float
    stretch: float = 6.0
    unevenness: float = 0.6

    def score(self, canvas: Canvas, code: int) -> Score:
        """Score of shape `canvas.shape`: minus the distance from the axis of a veinlet."""
        rng = canvas.chance.stream("veinlets", code, self.length_px)
        length_px = self.length_px * canvas.coarseness
        angle = rng.uniform(0.0, math.pi)
        field = gaussian_field(
            canvas.shape_px, (length_px,), rng, stretch=self.stretch, angle_rad=angle
        )
        distance = np.abs(field)
        distance /= np.maximum(_steepness(field), np.float32(1e-6))
        distance = bent(distance, 0.03 * length_px, length_px / 6, rng)
        width = gaussian_field(canvas.shape_px, (length_px, length_px / 6), rng, weights=(1.0, 0.4))
        width *= np.float32(-self.unevenness)
        distance *= -np.exp(width, out=width)
        return on_canvas(distance, canvas)


def _steepness(field: Score) -> Score:
    """Length of the gradient per pixel; 0 along an axis of one pixel."""
    slopes = [
        np.gradient(field, axis=axis) if field.shape[axis] > 1 else np.zeros_like(field)
        for axis in range(2)
    ]
    return np.hypot(slopes[0], slopes[1]).astype(np.float32)
