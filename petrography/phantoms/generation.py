"""A phantom: an image of ore that never was, with the exact truth about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from petrography.errors import InvalidParameterError
from petrography.images import Image, Labels
from petrography.phantoms.arrangement import arrange, majority_labels
from petrography.phantoms.camera import Camera, draw_camera, photograph
from petrography.phantoms.chance import Chance
from petrography.phantoms.recipes import RECIPES, Recipe, draw_composition
from petrography.phantoms.surface import reflected_light
from petrography.phantoms.textures import Canvas

__all__ = ["UM_PER_PX", "Phantom", "phantom"]

# LumenStone publishes no pixel size; its field of "a few mm²" on 8.65 Mpx gives 0.5-0.7.
UM_PER_PX = 0.6


@dataclass(frozen=True)
class Phantom:
    """A synthetic photograph of a polished section with its truth.

    Attributes
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        sRGB photograph.
    labels : ndarray of uint8, shape (height, width)
        LumenStone code of the phase that fills most of each pixel.
    um_per_px : float
        Pixel size in micrometres.
    recipe : str
        Name of the recipe.
    seed : int
        What it was drawn from.
    truth : dict
        Content of ``truth.json``: recipe, seed, um_per_px, height_px, width_px, area_fraction (by
        code as text, of `labels`) and camera (the settings of the photograph).
    """

    image: Image
    labels: Labels
    um_per_px: float
    recipe: str
    seed: int
    truth: dict[str, object]


def phantom(recipe: str, seed: int, height_px: int, width_px: int) -> Phantom:
    """Paint a polished section and photograph it.

    Parameters
    ----------
    recipe : str
        A key of `RECIPES`.
    seed : int
        Not negative; the same arguments give the same phantom.
    height_px, width_px : int
        Size, at least 1.

    Returns
    -------
    Phantom
        Image, labels and truth.

    Raises
    ------
    InvalidParameterError
        If the recipe is unknown, the seed negative or a side below 1.

    Examples
    --------
    >>> phantom("S2", seed=1, height_px=40, width_px=60).image.shape
    (40, 60, 3)
    """
    chosen = _checked_recipe(recipe, seed, height_px, width_px)
    chance = Chance(recipe, seed)
    composition = draw_composition(chosen, chance.stream("composition"))
    canvas = Canvas((height_px, width_px), chance, chosen.grain_diameter_px)
    section = arrange(chosen, composition, canvas)
    labels = majority_labels(section.phases)
    light = reflected_light(section, chosen, chance)
    camera = draw_camera(chosen.camera, chance.stream("camera"))
    image = photograph(light, camera, chance.stream("noise"))
    truth = _truth(recipe, seed, labels, camera)
    return Phantom(image, labels, UM_PER_PX, recipe, seed, truth)


def _truth(recipe: str, seed: int, labels: Labels, camera: Camera) -> dict[str, object]:
    codes, counts = np.unique(labels, return_counts=True)
    fractions = counts / labels.size
    return {
        "recipe": recipe,
        "seed": seed,
        "um_per_px": UM_PER_PX,
        "height_px": labels.shape[0],
        "width_px": labels.shape[1],
        "area_fraction": {
            str(code): float(part) for code, part in zip(codes, fractions, strict=True)
        },
        "camera": camera.as_json(),
    }


def _checked_recipe(recipe: str, seed: int, height_px: int, width_px: int) -> Recipe:
    if recipe not in RECIPES:
        msg = f"recipe is {recipe!r}; known recipes are {', '.join(RECIPES)}"
        raise InvalidParameterError(msg)
    if seed < 0:
        msg = f"seed is {seed}; wanted a whole number from 0 up"
        raise InvalidParameterError(msg)
    if height_px < 1 or width_px < 1:
        msg = f"size is {height_px}x{width_px} px; wanted height and width of at least 1"
        raise InvalidParameterError(msg)
    return RECIPES[recipe]
