"""A phantom: an image of ore that never was, with the exact truth about it."""

from __future__ import annotations

from dataclasses import dataclass

from petrography.images import Image, Labels
from petrography.phantoms.area_fractions import area_fractions
from petrography.phantoms.camera import Camera, draw_camera, photograph
from petrography.phantoms.chance import Chance
from petrography.phantoms.polarised_light import Polars
from petrography.phantoms.polish import draw_relief
from petrography.phantoms.specimen import camera_spread, prepare, require_request, um_per_px
from petrography.phantoms.windows import Window

__all__ = ["Phantom", "phantom"]


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
        One of `RECIPE_NAMES`.
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
    require_request(recipe, seed, height_px, width_px)
    chance = Chance(recipe, seed)
    specimen = prepare(recipe, chance, (height_px, width_px))
    whole = Window(0, 0, height_px, width_px)
    relief = draw_relief(chance.stream("relief"))
    camera = draw_camera(camera_spread(recipe), chance.stream("camera"))
    light = specimen.light(whole, Polars(analyser=False), 0.0, relief)
    image = photograph(light, camera, chance.stream("noise"))
    labels = specimen.labels(whole)
    truth = _truth(recipe, seed, labels, camera)
    return Phantom(image, labels, um_per_px(recipe), recipe, seed, truth)


def _truth(recipe: str, seed: int, labels: Labels, camera: Camera) -> dict[str, object]:
    return {
        "recipe": recipe,
        "seed": seed,
        "um_per_px": um_per_px(recipe),
        "height_px": labels.shape[0],
        "width_px": labels.shape[1],
        "area_fraction": area_fractions(labels),
        "camera": camera.as_json(),
    }
