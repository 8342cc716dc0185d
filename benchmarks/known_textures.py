"""Label images whose expected composition is known, for judging intervals: masks, no photographs.

Two kinds of truth:

- *models*: textures with an analytic area fraction; the truth is that of the endless texture;
- *recipes*: sections of painted ore, of which one field is measured; the truth is the share of the
  whole section. A recipe imposes its composition on a section, so a section tells nothing about
  other sections: what one field can answer for is the section that it lies on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels
from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.arrangement import arrange
from petrography.phantoms.chance import Chance
from petrography.phantoms.gaussian_fields import gaussian_field, level_for_fraction
from petrography.phantoms.germ_grains import Germs, germ_gauge
from petrography.phantoms.mosaics import (
    Mosaic,
    johnson_mehl_mosaic,
    laguerre_mosaic,
    voronoi_mosaic,
)
from petrography.phantoms.recipes import RECIPES, THIN_SECTIONS, VOID, draw_composition
from petrography.phantoms.textures import OVERSAMPLING, Canvas

__all__ = ["MAGNIFICATIONS", "RECIPE_TEXTURES", "TEXTURES", "KnownField", "draw_field"]

# A photograph of LumenStone is 3396 x 2547 px; here it is shrunk, and its textures alike.
FIELD_PX = (240, 320)
SHRINKING = 10.6
FIELDS_A_SIDE = 4
# Each recipe is seen as LumenStone sees it, and at half the magnification.
MAGNIFICATIONS = (1.0, 0.5)
# Sides of the field over the correlation length of a model.
LENGTHS_A_SIDE = (12.0, 80.0)
MODEL_PX = (256, 320)


@dataclass(frozen=True, eq=False)
class KnownField:
    """A label image and the share of every code that it is a sample of.

    Attributes
    ----------
    texture : str
        One of `TEXTURES`.
    labels : ndarray of uint8, shape (height, width)
        Mineral codes.
    truth : dict of int to float
        Expected fractions by code, sum 1; codes that the field does not show among them.
    """

    texture: str
    labels: Labels
    truth: dict[int, float]


@dataclass(frozen=True)
class _ShrunkCanvas(Canvas):
    """A canvas on which all grains and patches are smaller."""

    magnification: float = 1.0

    @cached_property
    def coarseness(self) -> float:
        """Factor on all grain sizes of this image."""
        shrunk = self.magnification * OVERSAMPLING / SHRINKING
        return shrunk * math.exp(0.3 * self.chance.stream("coarseness").standard_normal())


def draw_field(texture: str, seed: int) -> KnownField:
    """Draw one field.

    Parameters
    ----------
    texture : str
        One of `TEXTURES`.
    seed : int
        Not negative; equal seeds give equal fields.

    Returns
    -------
    KnownField
        Labels and truth.
    """
    if texture in _MODELS:
        rng = np.random.default_rng([seed, *texture.encode()])
        labels, truth = _MODELS[texture](rng)
        return KnownField(texture, labels, truth)
    return _field_of_section(texture, seed)


def _field_of_section(texture: str, seed: int) -> KnownField:
    """One field of a painted section, at a place drawn by lot."""
    recipe = {**RECIPES, **THIN_SECTIONS}[texture]
    chance = Chance(texture, seed)
    height, width = (side * FIELDS_A_SIDE // OVERSAMPLING for side in FIELD_PX)
    magnification = MAGNIFICATIONS[seed % len(MAGNIFICATIONS)]
    canvas = _ShrunkCanvas((height, width), chance, recipe.grains, magnification)
    phases = arrange(recipe, draw_composition(recipe, chance.stream("composition")), canvas).named
    section = np.where(phases == VOID, np.uint8(BACKGROUND_CODE), phases)
    rng = chance.stream("place of the field")
    top, left = (
        int(rng.integers(whole - part + 1))
        for whole, part in zip(section.shape, FIELD_PX, strict=True)
    )
    labels = section[top : top + FIELD_PX[0], left : left + FIELD_PX[1]]
    codes, counts = np.unique(section, return_counts=True)
    truth = dict(zip(codes.tolist(), (counts / section.size).tolist(), strict=True))
    return KnownField(texture, np.ascontiguousarray(labels), truth)


def _length_px(rng: np.random.Generator) -> float:
    low, high = LENGTHS_A_SIDE
    return math.sqrt(math.prod(MODEL_PX)) / math.exp(rng.uniform(math.log(low), math.log(high)))


def _fraction(rng: np.random.Generator) -> float:
    """From 3 to 60 %, even on the logarithm."""
    return math.exp(rng.uniform(math.log(0.03), math.log(0.6)))


def _two_phases(covered: NDArray[np.bool_], fraction: float) -> tuple[Labels, dict[int, float]]:
    return covered.astype(np.uint8), {0: 1.0 - fraction, 1: fraction}


def _level_set(rng: np.random.Generator) -> tuple[Labels, dict[int, float]]:
    fraction = _fraction(rng)
    field = gaussian_field(MODEL_PX, (_length_px(rng),), rng)
    return _two_phases(field > level_for_fraction(fraction), fraction)


def _patches(rng: np.random.Generator) -> tuple[Labels, dict[int, float]]:
    """Lengths over a decade and more, as patches of ore have them."""
    fraction, length_px = _fraction(rng), _length_px(rng)
    lengths = (length_px, length_px / 4, length_px / 12)
    field = gaussian_field(MODEL_PX, lengths, rng, weights=(1.0, 0.4, 0.12))
    return _two_phases(field > level_for_fraction(fraction), fraction)


def _bands(rng: np.random.Generator) -> tuple[Labels, dict[int, float]]:
    fraction = _fraction(rng)
    field = gaussian_field(
        MODEL_PX, (_length_px(rng),), rng, stretch=5.0, angle_rad=rng.uniform(0.0, math.pi)
    )
    return _two_phases(field > level_for_fraction(fraction), fraction)


def _facies(rng: np.random.Generator) -> tuple[Labels, dict[int, float]]:
    """Three phases cut from two fields: the second where the first is low."""
    first, second = _fraction(rng), _fraction(rng)
    fields = [gaussian_field(MODEL_PX, (_length_px(rng),), rng) for _ in range(2)]
    inner = np.where(fields[1] > level_for_fraction(second), 6, 0)
    labels = np.where(fields[0] > level_for_fraction(first), 1, inner).astype(np.uint8)
    return labels, {1: first, 6: (1 - first) * second, 0: (1 - first) * (1 - second)}


def _discs(rng: np.random.Generator) -> tuple[Labels, dict[int, float]]:
    """Boolean model of discs: the covered fraction is 1 - exp(-density x mean area)."""
    fraction, radius_px = _fraction(rng), _length_px(rng)
    sizes, margin_px = 0.4, 6.0 * radius_px
    mean_area_px2 = math.pi * radius_px**2 * math.exp(2 * sizes**2)
    sides = np.array(MODEL_PX) + 2 * margin_px
    count = rng.poisson(-math.log1p(-fraction) / mean_area_px2 * float(sides.prod()))
    centres = rng.random((count, 2)) * sides - margin_px
    radii = radius_px * np.exp(sizes * rng.standard_normal(count))
    gauge = germ_gauge(MODEL_PX, Germs(centres, radii, radii, np.zeros(count)), "ellipse")
    return _two_phases(gauge <= 1.0, fraction)


def _by_lot(mosaic: Mosaic, rng: np.random.Generator) -> tuple[Labels, dict[int, float]]:
    """Give each grain a phase by lot, whatever its size: the shares are the chances."""
    rare = rng.uniform(0.02, 0.2)
    truth = {0: 0.5 * (1 - rare), 1: 0.5 * (1 - rare), 6: rare}
    drawn = rng.choice(list(truth), size=len(mosaic.seeds_px), p=list(truth.values()))
    return drawn.astype(np.uint8)[mosaic.cells], truth


def _voronoi(rng: np.random.Generator) -> tuple[Labels, dict[int, float]]:
    return _by_lot(voronoi_mosaic(MODEL_PX, 2.0 * _length_px(rng), rng), rng)


def _laguerre(rng: np.random.Generator) -> tuple[Labels, dict[int, float]]:
    return _by_lot(laguerre_mosaic(MODEL_PX, 2.0 * _length_px(rng), 0.5, rng), rng)


def _johnson_mehl(rng: np.random.Generator) -> tuple[Labels, dict[int, float]]:
    return _by_lot(johnson_mehl_mosaic(MODEL_PX, 2.0 * _length_px(rng), 1.0, rng), rng)


_MODELS: dict[str, Callable[[np.random.Generator], tuple[Labels, dict[int, float]]]] = {
    "level set": _level_set,
    "patches": _patches,
    "bands": _bands,
    "facies": _facies,
    "discs": _discs,
    "Voronoi": _voronoi,
    "Laguerre": _laguerre,
    "Johnson-Mehl": _johnson_mehl,
}
RECIPE_TEXTURES = (*RECIPES, *THIN_SECTIONS)
TEXTURES = (*RECIPE_TEXTURES, *_MODELS)
