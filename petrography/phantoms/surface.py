"""From a section to the light that it reflects: colours of grains, stains and scratches."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.arrangement import Section
from petrography.phantoms.chance import Chance
from petrography.phantoms.coarse_grids import Shape
from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.phantoms.mosaics import Mosaic
from petrography.phantoms.optics import linear_rgb
from petrography.phantoms.recipes import VOID, Recipe
from petrography.phantoms.textures import OVERSAMPLING

__all__ = ["END_MEMBERS", "phase_colours", "reflected_light"]

# Reflectances that the grains of a phase range between: the two rays of an anisotropic phase, the
# ends of a solid solution, the several minerals of gangue.
END_MEMBERS: dict[int, tuple[str, ...]] = {
    0: ("silicate", "quartz o", "calcite o", "calcite e", "resin"),
    1: ("chalcopyrite",),
    2: ("galena",),
    3: ("magnetite",),
    4: ("bornite R1", "bornite R2"),
    5: ("pyrrhotite Ro", "pyrrhotite Re"),
    6: ("pyrite",),
    7: ("pentlandite",),
    8: ("sphalerite",),
    11: ("tennantite", "tetrahedrite"),
}
# One composition in the whole image instead of another in each grain.
_SOLID_SOLUTIONS = frozenset({11})
# Standard deviation of the logarithm of brightness from grain to grain: polish and orientation.
_GRAIN_SPREAD = {BACKGROUND_CODE: 0.06, 1: 0.012, 5: 0.03, 4: 0.02}
_ISOTROPIC_GRAIN_SPREAD = 0.004
# What comes back out of a pit, as a fraction of the light.
_VOID_RGB = (0.004, 0.004, 0.004)
_VARIANTS = 16

# Standard deviation of the brightness inside a phase: stains, fine inclusions, uneven polish.
_STAIN = {BACKGROUND_CODE: 0.20, VOID: 0.6}
_ORE_STAIN = (0.01, 0.03)
_STAIN_LENGTHS_PX = (60.0, 2.0)

# Depth of scratches by phase: deeper in soft ones (indentation hardness: galena 80, pyrite 1500).
_SCRATCH_DEPTH = {2: 0.50, 4: 0.45, 1: 0.40, 8: 0.30, 11: 0.25, 7: 0.25, 5: 0.22, 3: 0.05, 6: 0.03}
_SCRATCHES_PER_MPX = (8.0, 90.0)


def reflected_light(section: Section, recipe: Recipe, chance: Chance) -> NDArray[np.float32]:
    """Reflected light of each image pixel: the mean of its four subpixels, then stains, scratches.

    Parameters
    ----------
    section : Section
        The polished surface.
    recipe : Recipe
        The ore.
    chance : Chance
        Source of chance.

    Returns
    -------
    ndarray of float32, shape (height, width, 3)
        Linear RGB under a perfectly white balanced lamp; a mirror is 1.
    """
    colours = phase_colours(recipe, chance)
    ore = _variant_of(section.ore_grains)
    gangue = _variant_of(section.gangue_grains)
    light = np.zeros((*ore.shape, 3), dtype=np.float32)
    for row in range(OVERSAMPLING):
        for column in range(OVERSAMPLING):
            phases = section.phases[row::OVERSAMPLING, column::OVERSAMPLING]
            variant = np.where(phases == BACKGROUND_CODE, gangue, ore)
            light += np.take(colours, phases.astype(np.uint16) * _VARIANTS + variant, axis=0)
    light /= OVERSAMPLING**2
    shading = _stains(section.phases[::OVERSAMPLING, ::OVERSAMPLING], chance)
    shading *= _scratches(section.phases[::OVERSAMPLING, ::OVERSAMPLING], chance)
    light *= shading[..., None]
    return light


def phase_colours(recipe: Recipe, chance: Chance) -> NDArray[np.float32]:
    """Draw the colours of the phases of one image.

    Returns
    -------
    ndarray of float32, shape (256 * 16, 3)
        Linear RGB by ``16 * phase + variant``; grains of one variant look alike.
    """
    colours = np.zeros((256, _VARIANTS, 3), dtype=np.float64)
    colours[VOID] = _VOID_RGB
    for code in recipe.area_fractions:
        rng = chance.stream("colour", code)
        ends = np.array([linear_rgb(name) for name in END_MEMBERS[code]])
        draws = 1 if code in _SOLID_SOLUTIONS else _VARIANTS
        mixture = rng.dirichlet(np.ones(len(ends)), draws) @ ends
        spread = _GRAIN_SPREAD.get(code, _ISOTROPIC_GRAIN_SPREAD)
        shade = spread * rng.standard_normal((_VARIANTS, 1))
        shade = shade + recipe.camera.phase_shade * rng.standard_normal()
        shade = shade + recipe.camera.phase_tint * rng.standard_normal(3) * (1.0, 0.0, 1.0)
        colours[code] = mixture * np.exp(shade)
    colours[BACKGROUND_CODE] *= chance.stream("polish").uniform(*recipe.camera.gangue_polish)
    return colours.reshape(-1, 3).astype(np.float32)


def _variant_of(grains: Mosaic) -> NDArray[np.uint16]:
    return (grains.cells % _VARIANTS).astype(np.uint16)


def _stains(phases: NDArray[np.uint8], chance: Chance) -> NDArray[np.float32]:
    """Brightness factor of each pixel from a log-normal field whose strength is the phase's."""
    rng = chance.stream("stains")
    strength = np.full(256, rng.uniform(*_ORE_STAIN), dtype=np.float32)
    strength[list(_STAIN)] = list(_STAIN.values())
    field = gaussian_field(phases.shape, _STAIN_LENGTHS_PX, rng, weights=(0.6, 0.8))
    field *= strength[phases]
    return np.exp(field, out=field)


def _scratches(phases: NDArray[np.uint8], chance: Chance) -> NDArray[np.float32]:
    """Brightness factor of each pixel from fine straight polishing scratches."""
    rng = chance.stream("scratches")
    drawn = np.zeros(phases.shape, dtype=np.uint8)
    megapixels = phases.size / 1e6
    direction = rng.uniform(0.0, math.pi)
    for _ in range(rng.poisson(megapixels * rng.uniform(*_SCRATCHES_PER_MPX))):
        angle = rng.choice([direction, rng.uniform(0.0, math.pi)])
        _draw_scratch(drawn, phases.shape, angle, rng)
    depth = np.zeros(256, dtype=np.float32)
    depth[list(_SCRATCH_DEPTH)] = list(_SCRATCH_DEPTH.values())
    factor = drawn.astype(np.float32)
    factor *= depth[phases]
    factor *= np.float32(-1.0 / 255.0)
    factor += 1.0
    return factor


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
