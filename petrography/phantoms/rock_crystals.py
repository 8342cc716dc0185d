"""Crystals of sandstones as they look in transmitted light, drawn grain by grain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.orientations import Orientations

__all__ = [
    "PLAGIOCLASE_CODE",
    "QUARTZ_CODE",
    "ROCK_PHASES",
    "Crystals",
    "RockPhase",
    "draw_crystals",
]

QUARTZ_CODE, FELDSPAR_CODE, PLAGIOCLASE_CODE, LITHIC_CODE = 32, 33, 34, 35


@dataclass(frozen=True)
class RockPhase:
    """Look of one phase in a thin section.

    Attributes
    ----------
    birefringence : float
        Greatest difference of the refractive indices.
    transmission : tuple of float
        Colour in plane-polarised light, linear RGB.
    grain_spread, cloudiness : float
        Standard deviation of the logarithm of transmission from grain to grain and inside a grain.
    speck_level : float
        Dark specks lie where standard normal noise is above it.
    aggregate : bool
        Made of many small crystals.
    """

    birefringence: float
    transmission: tuple[float, float, float]
    grain_spread: float
    cloudiness: float
    speck_level: float
    aggregate: bool = False


# Birefringence from Deer, Howie & Zussman; the rest is matched by eye to photographs of sandstones
# impregnated with blue resin. The background is matrix; its pores are set apart by `ThinSection`.
ROCK_PHASES = {
    BACKGROUND_CODE: RockPhase(0.010, (0.50, 0.43, 0.34), 0.10, 0.18, 2.0, aggregate=True),
    QUARTZ_CODE: RockPhase(0.009, (0.90, 0.91, 0.90), 0.02, 0.02, 2.7),
    FELDSPAR_CODE: RockPhase(0.007, (0.78, 0.73, 0.66), 0.08, 0.13, 2.1),
    PLAGIOCLASE_CODE: RockPhase(0.009, (0.80, 0.76, 0.71), 0.08, 0.10, 2.2),
    LITHIC_CODE: RockPhase(0.009, (0.62, 0.54, 0.44), 0.28, 0.20, 1.9, aggregate=True),
}

# Standard deviation of the extinction position inside a grain of quartz, degrees.
_UNDULATION_DEG = (1.0, 8.0)
# Each set of albite lamellae extinguishes at such an angle from the twin plane.
_TWIN_EXTINCTION_DEG = (8.0, 22.0)
_TWIN_PERIOD_PX = (7.0, 28.0)
# Share of small crystals that are clay or ore, and what they let through.
_DARK_SHARE, _DARK_TRANSMISSION = 0.30, (0.25, 0.6)


@dataclass(frozen=True)
class Crystals:
    """Crystals of a mosaic; crystal n is cell n.

    Attributes
    ----------
    axis_rad : ndarray of float32, shape (N,)
        Direction of the slow ray in the section; of a twinned crystal, of the twin plane.
    cut : ndarray of float32, shape (N,)
        Retardation over the greatest one, sin² of the angle between optic axis and section normal.
    tone : ndarray of float32, shape (N,)
        Standard normal number that makes grains of one phase lighter or darker.
    darkness : ndarray of float32, shape (N,)
        Transmission of a small crystal in an aggregate over that of the others.
    undulation_rad, twin_extinction_rad, twin_period_px : ndarray of float32, shape (N,)
        Spread of undulose extinction; angle and spacing of twins.
    """

    axis_rad: NDArray[np.float32]
    cut: NDArray[np.float32]
    tone: NDArray[np.float32]
    darkness: NDArray[np.float32]
    undulation_rad: NDArray[np.float32]
    twin_extinction_rad: NDArray[np.float32]
    twin_period_px: NDArray[np.float32]


def draw_crystals(orientations: Orientations, rng: np.random.Generator) -> Crystals:
    """Draw what differs between crystals."""
    count = len(orientations.in_plane_rad)

    def uniform(low: float, high: float) -> NDArray[np.float32]:
        return rng.uniform(low, high, count).astype(np.float32)

    dark = uniform(0.0, 1.0) < _DARK_SHARE
    return Crystals(
        axis_rad=orientations.in_plane_rad,
        cut=np.sin(orientations.polar_rad) ** 2,
        tone=rng.standard_normal(count, dtype=np.float32),
        darkness=np.where(dark, uniform(*_DARK_TRANSMISSION), np.float32(1.0)),
        undulation_rad=np.deg2rad(uniform(*_UNDULATION_DEG)),
        twin_extinction_rad=np.deg2rad(uniform(*_TWIN_EXTINCTION_DEG)),
        twin_period_px=uniform(*_TWIN_PERIOD_PX),
    )
