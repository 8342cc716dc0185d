"""What lies on the stage: a polished section of ore or a thin section of rock."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Labels
from petrography.phantoms.arrangement import arrange
from petrography.phantoms.chance import Chance
from petrography.phantoms.coarse_grids import Shape
from petrography.phantoms.polarised_light import Polars
from petrography.phantoms.polish import Relief
from petrography.phantoms.recipes import (
    RECIPES,
    THIN_SECTIONS,
    CameraSpread,
    draw_composition,
)
from petrography.phantoms.samples import Samples
from petrography.phantoms.surface import polished_section
from petrography.phantoms.textures import OVERSAMPLING, Canvas
from petrography.phantoms.thin_section import thin_section
from petrography.phantoms.windows import Window

__all__ = ["RECIPE_NAMES", "Specimen", "camera_spread", "prepare", "require_request", "um_per_px"]

_ALL_RECIPES = {**RECIPES, **THIN_SECTIONS}
RECIPE_NAMES = tuple(_ALL_RECIPES)

# LumenStone publishes no pixel size; its field of "a few mm²" on 8.65 Mpx gives 0.5-0.7. Sand grains
# of 130 px are then 0.2 mm at the scale of the sandstones.
_UM_PER_PX_POLISHED, _UM_PER_PX_THIN = 0.6, 1.5


class Specimen(Protocol):
    """A section that can be looked at in parts, in any light and at any turn of the stage.

    All arrays are in the frame of the section; windows lie inside `shape_px`.
    """

    @property
    def shape_px(self) -> Shape:
        """Rows and columns in image pixels."""

    def labels(self, window: Window) -> Labels:
        """Code of the phase that fills most of each pixel."""

    def anisotropic(self, window: Window) -> NDArray[np.bool_]:
        """Where the phase of a pixel changes with the turn of the stage."""

    def light(
        self, window: Window, polars: Polars, turned_rad: float, relief: Relief
    ) -> NDArray[np.float32]:
        """Light that the pixels send to the camera, linear RGB, shape (height, width, 3)."""


def prepare(recipe: str, chance: Chance, shape_px: Shape, *, samples_per_px: int = 2) -> Specimen:
    """Paint a section.

    Parameters
    ----------
    recipe : str
        One of `RECIPE_NAMES`.
    chance : Chance
        Source of chance.
    shape_px : tuple of int
        Rows and columns in image pixels.
    samples_per_px : int
        2 paints finer than the image. 1 paints each pixel as one phase and all textures twice as
        large, as a magnification twice as high shows them; it takes a quarter of memory and time.

    Returns
    -------
    Specimen
        Ready to be lit.
    """
    chosen = _ALL_RECIPES[recipe]
    composition = draw_composition(chosen, chance.stream("composition"))
    rows, columns = (-(-side * samples_per_px // OVERSAMPLING) for side in shape_px)
    section = arrange(chosen, composition, Canvas((rows, columns), chance, chosen.grains))
    samples = Samples(section, shape_px, samples_per_px)
    if recipe in THIN_SECTIONS:
        return thin_section(samples, chance)
    return polished_section(samples, chosen, chance)


def um_per_px(recipe: str) -> float:
    """Size of a pixel in micrometres."""
    return _UM_PER_PX_THIN if recipe in THIN_SECTIONS else _UM_PER_PX_POLISHED


def camera_spread(recipe: str) -> CameraSpread:
    """How photographs of a recipe differ."""
    return _ALL_RECIPES[recipe].camera


def require_request(recipe: str, seed: int, height_px: int, width_px: int) -> None:
    """Check what every painter is asked for.

    Raises
    ------
    InvalidParameterError
        If the recipe is unknown, the seed negative or a side below 1.
    """
    if recipe not in RECIPE_NAMES:
        msg = f"recipe is {recipe!r}; known recipes are {', '.join(RECIPE_NAMES)}"
        raise InvalidParameterError(msg)
    if seed < 0:
        msg = f"seed is {seed}; wanted a whole number from 0 up"
        raise InvalidParameterError(msg)
    if height_px < 1 or width_px < 1:
        msg = f"size is {height_px}x{width_px} px; wanted height and width of at least 1"
        raise InvalidParameterError(msg)
