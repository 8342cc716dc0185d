"""What an ore is made of: phases with their shares, textures, damage and how it is photographed.

Shares are the class areas of LumenStone, renormalised inside each subset (Korshunov et al. 2025,
table 1). Their spread from image to image, exposure and white balance were matched to the images
of the LumenStone training split; lengths were chosen by eye beside them. A Dirichlet law keeps the
mean at the shares while a phase that is rare on the whole is absent from most images.

References
----------
LumenStone: doi:10.5194/isprs-archives-XLIV-2-W1-2021-113-2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.textures import (
    Blebs,
    Blocks,
    Cracks,
    Crystals,
    GrainEdges,
    Patches,
    Texture,
)

__all__ = ["RECIPES", "VOID", "Body", "CameraSpread", "Inclusion", "Recipe", "draw_composition"]

# Pits, cracks and holes on the canvas; background in the labels, darker than gangue in the image.
VOID = 200
# Below this share of the field a phase is left out: it would be a few specks.
_LEAST_FRACTION = 0.002


@dataclass(frozen=True)
class Body:
    """A phase in the solid rock before inclusions and damage."""

    code: int
    texture: Texture


@dataclass(frozen=True)
class Inclusion:
    """A part of a phase that sits in others.

    Attributes
    ----------
    code : int
        What it is, or `VOID`.
    belongs_to : int
        The phase whose share of the area it uses up.
    hosts : tuple of int
        What it replaces.
    share : tuple of float
        Range of the part of `belongs_to` that is found so.
    texture : Texture
        Where it grows.
    """

    code: int
    belongs_to: int
    hosts: tuple[int, ...]
    share: tuple[float, float]
    texture: Texture


@dataclass(frozen=True)
class CameraSpread:
    """How photographs of one data set differ.

    Attributes
    ----------
    exposure, white_balance, phase_shade : float
        Standard deviations of logarithms: of the exposure of an image, of its red and its blue
        gain against green, and of the brightness of one phase from image to image (composition,
        tarnish, polish).
    phase_tint : float
        The same for the red and for the blue of one phase (tarnish).
    exposure_median : float
        1 puts a mirror at the white of the fitted camera.
    flare_percent : tuple of float
        Range of the stray light, percent of a mirror.
    gangue_polish : tuple of float
        Range of the part of its reflectance that rough gangue keeps.
    """

    exposure_median: float
    exposure: float
    white_balance: tuple[float, float]
    phase_shade: float
    phase_tint: float
    flare_percent: tuple[float, float]
    gangue_polish: tuple[float, float]


@dataclass(frozen=True)
class Recipe:
    """One kind of ore.

    Attributes
    ----------
    name : str
        As in the command line.
    area_fractions : mapping of int to float
        Mean share of the area by code; the sum is 1.
    concentration : float
        Of the Dirichlet law; higher means that images are more alike.
    bodies : tuple of Body
        Phases in the order in which they claim their area; the last that is present fills the rest.
    inclusions : tuple of Inclusion
        In the order in which they are set.
    grain_diameter_px, gangue_diameter_px : float
        Square root of the mean area of the grains of ore and of gangue.
    camera : CameraSpread
        How it is photographed.
    """

    name: str
    area_fractions: Mapping[int, float]
    concentration: float
    bodies: tuple[Body, ...]
    inclusions: tuple[Inclusion, ...]
    grain_diameter_px: float
    gangue_diameter_px: float
    camera: CameraSpread


def draw_composition(recipe: Recipe, rng: np.random.Generator) -> dict[int, float]:
    """Draw the area fractions of one image.

    Parameters
    ----------
    recipe : Recipe
        The ore.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    dict of int to float
        Fractions by code of the phases that are present, sum 1; the mean over many draws is
        `recipe.area_fractions`.
    """
    codes = list(recipe.area_fractions)
    mean = np.array([recipe.area_fractions[code] for code in codes])
    drawn = rng.dirichlet(recipe.concentration * mean / mean.sum())
    drawn[drawn < _LEAST_FRACTION] = 0.0
    drawn /= drawn.sum()
    return {code: float(part) for code, part in zip(codes, drawn, strict=True) if part > 0.0}


def _by_percent(percent: Mapping[int, float]) -> dict[int, float]:
    total = sum(percent.values())
    return {code: share / total for code, share in percent.items()}


_S1 = Recipe(
    name="S1",
    area_fractions=_by_percent({0: 30.9, 8: 26.0, 6: 24.3, 2: 7.3, 11: 4.0, 1: 3.8, 4: 3.8}),
    concentration=3.0,
    bodies=(
        Body(6, Crystals("cube", spacing_px=700.0, size_spread=0.7, corrosion=0.08)),
        Body(BACKGROUND_CODE, Patches((500.0, 120.0, 25.0), (1.0, 0.35, 0.08))),
        Body(2, Patches((360.0, 90.0), (1.0, 0.3))),
        Body(4, Patches((450.0, 120.0, 30.0), (1.0, 0.3, 0.06))),
        Body(11, Patches((380.0, 100.0, 25.0), (1.0, 0.3, 0.06), kin=4, kinship=0.5)),
        Body(1, Patches((160.0, 50.0), (1.0, 0.35), kin=4, kinship=0.5)),
        Body(8, Patches((500.0,), (1.0,))),
    ),
    inclusions=(
        Inclusion(1, 1, (8,), (0.0, 0.25), Blebs(4.5, swarm_px=200.0, swarming=0.9)),
        Inclusion(VOID, 0, (0,), (0.0, 0.7), Patches((220.0, 60.0, 20.0), (1.0, 0.5, 0.2))),
        Inclusion(VOID, 0, (6, 8, 2, 11, 1, 4), (0.01, 0.05), Cracks(300.0, 8.0, swarming=1.4)),
        Inclusion(VOID, 0, (6, 8, 2, 11, 1, 4), (0.002, 0.02), Blebs(4.0, 150.0, swarming=0.8)),
        Inclusion(VOID, 0, (6, 8, 2, 11, 1, 4), (0.005, 0.05), Blebs(13.0, 350.0, swarming=0.8)),
    ),
    grain_diameter_px=300.0,
    gangue_diameter_px=200.0,
    camera=CameraSpread(
        exposure_median=0.95,
        exposure=0.38,
        white_balance=(0.05, 0.065),
        phase_shade=0.15,
        phase_tint=0.04,
        flare_percent=(0.1, 0.5),
        gangue_polish=(0.15, 0.8),
    ),
)

_S2 = Recipe(
    name="S2",
    area_fractions=_by_percent({0: 39.8, 5: 36.2, 1: 12.6, 7: 9.8, 3: 1.6}),
    concentration=9.0,
    bodies=(
        Body(3, Crystals("octahedron", spacing_px=450.0, size_spread=0.5, corrosion=0.12)),
        Body(BACKGROUND_CODE, Patches((600.0, 130.0, 25.0), (1.0, 0.3, 0.08))),
        Body(1, Patches((420.0, 100.0, 20.0), (1.0, 0.35, 0.08))),
        Body(7, Blocks(45.0, gathering_px=250.0)),
        Body(5, Patches((500.0,), (1.0,))),
    ),
    inclusions=(
        Inclusion(7, 7, (5,), (0.05, 0.4), GrainEdges(waviness=1.6, waviness_px=150.0)),
        Inclusion(VOID, 0, (0,), (0.0, 0.12), Patches((40.0, 10.0), (1.0, 0.6))),
        Inclusion(VOID, 0, (5, 7, 1, 3, 0), (0.02, 0.10), Cracks(260.0, 8.0, swarming=1.3)),
        Inclusion(VOID, 0, (7,), (0.02, 0.12), Cracks(60.0, 4.0, swarming=0.7)),
        Inclusion(VOID, 0, (5, 7, 1, 3), (0.002, 0.02), Blebs(4.0, 150.0, swarming=0.8)),
        Inclusion(VOID, 0, (5, 7, 1, 3), (0.005, 0.05), Blebs(14.0, 350.0, swarming=0.8)),
    ),
    grain_diameter_px=280.0,
    gangue_diameter_px=250.0,
    camera=CameraSpread(
        exposure_median=1.0,
        exposure=0.16,
        white_balance=(0.04, 0.065),
        phase_shade=0.07,
        phase_tint=0.02,
        flare_percent=(0.4, 1.0),
        gangue_polish=(0.35, 0.8),
    ),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (_S1, _S2)}
