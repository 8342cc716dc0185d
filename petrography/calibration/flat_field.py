"""Even out the lamp: a gain for each place and channel from photographs of a blank.

``corrected = (image - dark) / (flat - dark) * mean(flat - dark)``, all in linear light and for each
channel by itself, so that the colour of the light stays as it is. What is stored is smooth: the
medians of cells over a few percent of the width, so that noise, scratches and specks of the blank
do not get into every photograph.

References
----------
Seibert, Boone & Lindfors 1998, doi:10.1117/12.317034 (flat field with dark frame).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from petrography.calibration.flat_cells import (
    MOST_CELLS,
    cell_medians,
    smooth_shading,
)
from petrography.calibration.tone_curve import GAMMA, change_light
from petrography.errors import InvalidParameterError, MissingPartError
from petrography.field_types import Count, Fraction, Positive
from petrography.images import Image, clipped_fraction, require_image
from petrography.stored_documents import parsed

__all__ = [
    "FlatField",
    "apply_flat_field",
    "fit_flat_field",
    "parse_flat_field",
]

_Floats = NDArray[np.float64]
_Floats32 = NDArray[np.float32]

# Above this share of saturated pixels the flat is flatter than the lamp.
_MAX_CLIPPED_FRACTION = 0.001
# A flat darker than level 40 has too few levels; a corner with a tenth of the light amplifies
# noise tenfold.
_LEAST_LIGHT = (40.0 / 255.0) ** GAMMA
_LEAST_RELATIVE_LIGHT = 0.1
# More foreign cells than this: no blank, but a photograph of something.
_MAX_FOREIGN_FRACTION = 0.15


class FlatField(BaseModel):
    """Shading of a microscope at one magnification, on a coarse grid.

    Attributes
    ----------
    height_px, width_px : int
        Size of the photographs that it fits.
    gains : tuple of rows of cells of 3 float
        Factor on the light of red, green and blue at the centres of equal cells; about 1 in the
        mean. Linear between the centres and beyond them to the border.
    dark : tuple of 3 float
        Linear light that the camera shows without light, subtracted first.
    gamma : float
        Exponent of the tone curve.
    foreign_fraction : float
        Share of cells that were no blank (dust, scratches) and were bridged over.
    least_light : float
        Light at the darkest place over the mean, at most 1: how strong the shading is.
    images : int
        Photographs of the blank that it was made from; 0 where that is not known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    height_px: int = Field(ge=1)
    width_px: int = Field(ge=1)
    gains: tuple[tuple[tuple[Positive, Positive, Positive], ...], ...] = Field(min_length=1)
    dark: tuple[Fraction, Fraction, Fraction] = (0.0, 0.0, 0.0)
    gamma: float = Field(default=GAMMA, gt=0.0, le=10.0)
    foreign_fraction: Fraction = 0.0
    least_light: float = Field(gt=0.0, le=1.0)
    images: Count = 0

    @model_validator(mode="after")
    def _rectangular(self) -> FlatField:
        if not self.gains[0] or len({len(row) for row in self.gains}) != 1:
            msg = "the rows of gains must have the same number of cells, at least one"
            raise ValueError(msg)
        if max(len(self.gains), len(self.gains[0])) > MOST_CELLS:
            msg = (
                f"gains has {len(self.gains)} rows of {len(self.gains[0])} cells; at most "
                f"{MOST_CELLS} of each are wanted: shading is smooth"
            )
            raise ValueError(msg)
        return self


def fit_flat_field(images: Sequence[Image], dark: Image | None = None) -> FlatField:
    """Measure the shading from photographs of a blank or a mirror.

    Parameters
    ----------
    images : sequence of ndarray of uint8, shape (height, width, 3)
        One or several photographs of the same size and exposure, best of different places of the
        blank: a speck that is in one of them only does no harm at all.
    dark : ndarray of uint8, same shape, optional
        The same exposure with the light shut off.

    Returns
    -------
    FlatField
        To be applied with `apply_flat_field` to photographs of the same size.

    Raises
    ------
    MissingPartError
        If there is no image.
    InvalidParameterError
        If sizes differ, an image is saturated, too dark, or no blank.
    """
    if not images:
        msg = "no photograph of a blank is given; give at least one"
        raise MissingPartError(msg)
    for k, pixels in enumerate(images, start=1):
        _require_usable(pixels, images[0].shape, name=f"flat image {k}")
    dark_light = _dark_light(dark, images[0].shape)
    cells = np.median([cell_medians(pixels, GAMMA) for pixels in images], axis=0) - dark_light
    if float(cells.mean(axis=(0, 1)).min()) < _LEAST_LIGHT:
        msg = (
            "the flat images are too dark to measure the shading; photograph a mirror or a blank "
            "so that it is bright, but not saturated"
        )
        raise InvalidParameterError(msg)
    shading, foreign_fraction = smooth_shading(cells)
    if foreign_fraction > _MAX_FOREIGN_FRACTION:
        msg = (
            f"{foreign_fraction:.0%} of the flat image is no even blank; photograph a clean mirror "
            "or an empty field, best out of focus"
        )
        raise InvalidParameterError(msg)
    return _flat_field(
        shading, images[0].shape, dark_light, foreign_fraction, number_of_images=len(images)
    )


def apply_flat_field(pixels: Image, flat: FlatField) -> Image:
    """Even out the shading of a photograph.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        sRGB, of the size of the flat field.
    flat : FlatField
        Of the same microscope, magnification and camera setting.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        sRGB with the mean brightness and colour of the photograph.

    Raises
    ------
    InvalidParameterError
        If the photograph has another size than the flat field.
    """
    height_px, width_px = require_image(pixels).shape[:2]
    if (height_px, width_px) != (flat.height_px, flat.width_px):
        msg = (
            f"the photograph is {width_px} x {height_px} px, the flat field was measured on "
            f"{flat.width_px} x {flat.height_px} px; wanted photographs of the same camera setting"
        )
        raise InvalidParameterError(msg)
    gains = np.array(flat.gains)
    down = _interpolation(height_px, gains.shape[0])
    across = np.tensordot(_interpolation(width_px, gains.shape[1]), gains, axes=(1, 1))
    dark = np.array(flat.dark, dtype=np.float32)
    # (cell rows, width, 3), so that a strip is one product with the rows' weights.
    along_rows = np.ascontiguousarray(across.transpose(1, 0, 2)).reshape(gains.shape[0], -1)
    along_rows = along_rows.astype(np.float32)

    def evened(light: _Floats32, rows: slice) -> _Floats32:
        light -= dark
        light *= (down[rows].astype(np.float32) @ along_rows).reshape(light.shape)
        return light

    return change_light(pixels, evened, gamma=flat.gamma)


def parse_flat_field(data: bytes, *, source: str) -> FlatField:
    """Read a stored flat field.

    Raises
    ------
    InvalidParameterError
        If a field is missing, unknown or impossible.
    """
    return parsed(FlatField, data, what="flat field", source=source)


def _require_usable(pixels: Image, shape: tuple[int, ...], *, name: str) -> None:
    if require_image(pixels).shape != shape:
        msg = f"{name} is {pixels.shape[:2]} (height, width), the first is {shape[:2]}; wanted one size"
        raise InvalidParameterError(msg)
    clipped = clipped_fraction(pixels)
    if clipped > _MAX_CLIPPED_FRACTION:
        msg = (
            f"{clipped:.1%} of {name} is saturated (a channel at 255), so the lamp is brighter "
            "than it seems; photograph the blank with less exposure"
        )
        raise InvalidParameterError(msg)


def _dark_light(dark: Image | None, shape: tuple[int, ...]) -> _Floats:
    if dark is None:
        return np.zeros(3)
    if require_image(dark).shape != shape:
        msg = f"the dark image is {dark.shape[:2]}, the flat is {shape[:2]}; wanted one size"
        raise InvalidParameterError(msg)
    light: _Floats = np.median(cell_medians(dark, GAMMA), axis=(0, 1))
    return light


def _flat_field(
    shading: _Floats,
    shape: tuple[int, ...],
    dark: _Floats,
    foreign_fraction: float,
    *,
    number_of_images: int,
) -> FlatField:
    relative = shading / shading.mean(axis=(0, 1))
    if not float(relative.min()) > _LEAST_RELATIVE_LIGHT:
        msg = (
            f"the darkest place of the flat has {float(relative.min()):.0%} of the mean light; "
            f"wanted at least {_LEAST_RELATIVE_LIGHT:.0%}: open the field diaphragm"
        )
        raise InvalidParameterError(msg)
    return FlatField(
        height_px=shape[0],
        width_px=shape[1],
        gains=np.round(1.0 / relative, 5).tolist(),
        dark=np.round(dark, 7).tolist(),
        foreign_fraction=round(foreign_fraction, 4),
        least_light=min(1.0, round(float(relative.min()), 4)),
        images=number_of_images,
    )


def _interpolation(length_px: int, cells: int) -> _Floats:
    """Weights, shape (length_px, cells), of linear inter- and extrapolation of cell centres."""
    if cells == 1:
        return np.ones((length_px, 1))
    place = (np.arange(length_px) + 0.5) * cells / length_px - 0.5
    left = np.clip(np.floor(place).astype(int), 0, cells - 2)
    weights = np.zeros((length_px, cells))
    weights[np.arange(length_px), left] = 1.0 - (place - left)
    weights[np.arange(length_px), left + 1] = place - left
    return weights
