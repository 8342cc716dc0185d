"""What polishing leaves on a section: stains, scratches, and relief between hard and soft phases."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.chance import Chance
from petrography.phantoms.coarse_grids import Shape
from petrography.phantoms.recipes import VOID
from petrography.phantoms.windows import SmoothField, Window, fine_field, smooth_field

__all__ = ["HARDNESS_VHN", "Polish", "Relief", "draw_polish", "draw_relief"]

# Standard deviation of the brightness inside a phase: stains, fine inclusions, uneven polish.
_STAIN = {BACKGROUND_CODE: 0.20, VOID: 0.6}
_ORE_STAIN = (0.02, 0.07)
# Correlation length in pixels and amplitude of the stains and of the grain in them.
_STAINS_PX, _STAINS_WEIGHT = 60.0, 0.6
_SPECKS_PX, _SPECKS_WEIGHT = 2.0, 0.8

# Depth of scratches by phase: deeper in soft ones.
_SCRATCH_DEPTH = {
    14: 0.55,
    2: 0.50,
    12: 0.45,
    4: 0.45,
    1: 0.40,
    8: 0.30,
    11: 0.25,
    7: 0.25,
    5: 0.22,
    3: 0.05,
    10: 0.04,
    9: 0.03,
    6: 0.03,
    13: 0.03,
}
_SCRATCHES_PER_MPX = (8.0, 90.0)

# Indentation hardness in kg/mm², middle of the usual range (Anthony et al., Handbook of Mineralogy);
# gangue as quartz with softer parts, a void far below everything.
HARDNESS_VHN: dict[int, float] = {
    0: 600.0,
    1: 205.0,
    2: 90.0,
    3: 735.0,
    4: 110.0,
    5: 390.0,
    6: 1560.0,
    7: 275.0,
    8: 215.0,
    9: 1090.0,
    10: 1050.0,
    11: 350.0,
    12: 133.0,
    13: 1480.0,
    14: 45.0,
    VOID: 30.0,
}
_MIDDLE_HARDNESS_VHN = 300.0

# Of galena beside pyrite, a step of 2.9 factors e, the dark line takes 5-25 % of the light.
_RELIEF = (0.15, 0.75)
_SLOPE = (0.0, 0.06)
_RELIEF_PX = (0.7, 2.0)


@dataclass(frozen=True)
class Relief:
    """How the steps between phases are lit.

    Attributes
    ----------
    strength : float
        Darkening of the hard side of a step, and brightening of its soft side, per factor e of
        hardness.
    slope_strength : float
        The same for slopes that face or turn away from slightly oblique light.
    width_px : float
        Standard deviation of the rounding of a step.
    lamp_rad : float
        Direction from which the light is oblique, from the column axis towards the row axis.
    """

    strength: float
    slope_strength: float
    width_px: float
    lamp_rad: float

    def factor(self, phases: NDArray[np.uint8], turned_rad: float = 0.0) -> NDArray[np.float32]:
        """Brightness factor of each pixel.

        Parameters
        ----------
        phases : ndarray of uint8, shape (height, width)
            Phase of each pixel.
        turned_rad : float
            How far the stage has turned; the lamp stays where it is.

        Returns
        -------
        ndarray of float32, shape (height, width)
            1 away from steps.
        """
        heights = np.full(256, 0.0, dtype=np.float32)
        for code, hardness in HARDNESS_VHN.items():
            heights[code] = math.log(hardness / _MIDDLE_HARDNESS_VHN)
        height = cv2.GaussianBlur(heights[phases], (0, 0), self.width_px)
        lines = np.asarray(cv2.GaussianBlur(height, (0, 0), 1.5 * self.width_px), dtype=np.float32)
        lines -= height
        lines *= np.float32(self.strength)
        direction = self.lamp_rad - turned_rad
        for axis, part in ((1, math.cos(direction)), (0, math.sin(direction))):
            slope = cv2.Sobel(height, cv2.CV_32F, int(axis == 1), int(axis == 0), scale=0.125)
            lines += np.float32(-self.slope_strength * part) * slope
        return np.exp(lines, out=lines)


@dataclass(frozen=True)
class Polish:
    """State of the polish of one section.

    Attributes
    ----------
    chance : Chance
        Source of the finest stains.
    stains : SmoothField
        Standard normal field of the stains.
    stain_strength, scratch_depth : ndarray of float32, shape (256,)
        By phase.
    scratches : ndarray of uint8, shape (height, width)
        Scratches of the section in image pixels, 255 where they are deepest.
    """

    chance: Chance
    stains: SmoothField
    stain_strength: NDArray[np.float32]
    scratch_depth: NDArray[np.float32]
    scratches: NDArray[np.uint8]

    def factor(self, window: Window, phases: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Brightness factor of the pixels of a window that show `phases`."""
        field = fine_field(window, _SPECKS_PX, self.chance, "specks")
        field *= np.float32(_SPECKS_WEIGHT)
        field += np.float32(_STAINS_WEIGHT) * self.stains.on(window)
        field *= self.stain_strength[phases]
        np.exp(field, out=field)
        scratched = self.scratches[window.rows, window.columns].astype(np.float32)
        scratched *= self.scratch_depth[phases]
        scratched *= np.float32(-1.0 / 255.0)
        scratched += 1.0
        field *= scratched
        return field


def draw_relief(rng: np.random.Generator) -> Relief:
    """Draw how the steps of one series of photographs are lit."""
    return Relief(
        strength=rng.uniform(*_RELIEF),
        slope_strength=rng.uniform(*_SLOPE),
        width_px=rng.uniform(*_RELIEF_PX),
        lamp_rad=rng.uniform(-math.pi, math.pi),
    )


def draw_polish(shape: Shape, chance: Chance) -> Polish:
    """Polish a section of `shape` pixels."""
    rng = chance.stream("stains")
    strength = np.full(256, rng.uniform(*_ORE_STAIN), dtype=np.float32)
    strength[list(_STAIN)] = list(_STAIN.values())
    depth = np.zeros(256, dtype=np.float32)
    depth[list(_SCRATCH_DEPTH)] = list(_SCRATCH_DEPTH.values())
    stains = smooth_field(shape, _STAINS_PX, rng)
    return Polish(chance, stains, strength, depth, _scratches(shape, chance))


def _scratches(shape: Shape, chance: Chance) -> NDArray[np.uint8]:
    """Fine straight polishing scratches, many of them in one direction."""
    rng = chance.stream("scratches")
    drawn = np.zeros(shape, dtype=np.uint8)
    megapixels = drawn.size / 1e6
    direction = rng.uniform(0.0, math.pi)
    for _ in range(rng.poisson(megapixels * rng.uniform(*_SCRATCHES_PER_MPX))):
        angle = rng.choice([direction, rng.uniform(0.0, math.pi)])
        _draw_scratch(drawn, shape, angle, rng)
    return drawn


def _draw_scratch(
    drawn: NDArray[np.uint8], shape: Shape, angle_rad: float, rng: np.random.Generator
) -> None:
    angle_rad += 0.05 * rng.standard_normal()
    half_length = rng.lognormal(math.log(300.0), 0.8)
    centre = rng.random(2) * shape
    reach = half_length * np.array([math.sin(angle_rad), math.cos(angle_rad)])
    # cv2 takes (x, y) in fixed point with 4 fractional bits.
    start, end = (
        np.rint(16.0 * (centre + way)[::-1]).astype(int).tolist() for way in (-reach, reach)
    )
    strength = int(rng.uniform(60, 256))
    thickness = int(rng.choice([1, 1, 2, 3]))
    cv2.line(drawn, start, end, strength, thickness, cv2.LINE_AA, shift=4)
