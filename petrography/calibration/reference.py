"""Reference colours: what each phase looks like to the camera that a model was trained on."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from petrography.calibration.anchors import Anchor, Colour, colour_anchors, weight_of_area
from petrography.calibration.colour_difference import ciede2000, lab_of_levels
from petrography.calibration.tone_curve import levels_to_light, light_to_levels
from petrography.errors import InvalidParameterError, LabelImageError, field_problems
from petrography.field_types import Code, NotNegative
from petrography.images import Image, Labels
from petrography.minerals import MINERALS
from petrography.stored_documents import content_sha256, parsed

__all__ = [
    "SATURATED_FRACTION",
    "ColourReference",
    "ReferenceColour",
    "build_reference",
    "lumenstone_reference",
    "parse_reference",
]

# An anchor that is mostly saturated says nothing about its colour.
SATURATED_FRACTION = 0.5
_DARKEST_WHITE, _BRIGHTEST = 1.0, 255.0


class ReferenceColour(BaseModel):
    """Mean colour of one phase over the images of a training set.

    Attributes
    ----------
    code : int
        The phase.
    colour_rgb : tuple of float
        Mean over images in linear light, each weighted by the root of its area, encoded, 0-255.
    spread : float
        Mean CIEDE2000 between the images and that mean: how well the reference is defined.
    images, area_px : int
        What it was taken from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: Code
    colour_rgb: Colour
    spread: NotNegative
    images: int = Field(ge=1)
    area_px: int = Field(ge=1)


class ColourReference(BaseModel):
    """Colours that a photograph is calibrated to.

    Attributes
    ----------
    name, source : str
        What the training set is called and where it comes from.
    white_rgb : tuple of float
        Colour of a neutral mirror in that camera, 1-255; only the ratios of its light count.
    colours : tuple of ReferenceColour
        One a phase.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = Field(default=1, ge=1, le=1)
    name: str
    source: str
    white_rgb: Colour = (255.0, 255.0, 255.0)
    colours: tuple[ReferenceColour, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _usable(self) -> ColourReference:
        codes = [one.code for one in self.colours]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            msg = f"colours name the codes {twice} more than once; wanted one colour for each"
            raise ValueError(msg)
        levels = [*self.white_rgb, *(level for one in self.colours for level in one.colour_rgb)]
        # Not the other way round: a number that is none is in no range.
        if not all(0.0 <= level <= _BRIGHTEST for level in levels):
            msg = "a level of white_rgb or colour_rgb is not in 0 to 255; wanted all of them there"
            raise ValueError(msg)
        if min(self.white_rgb) < _DARKEST_WHITE:
            msg = (
                f"white_rgb is {self.white_rgb}; wanted at least {_DARKEST_WHITE:g} in every "
                "channel: a white without light has no ratios"
            )
            raise ValueError(msg)
        return self

    @property
    def sha256(self) -> str:
        """Digest of the content, whatever its spelling as JSON."""
        return content_sha256(self.model_dump(mode="json"))

    def colour_of(self, code: int) -> Colour | None:
        """Reference colour of a phase, None where it has none."""
        return next((one.colour_rgb for one in self.colours if one.code == code), None)


def build_reference(
    pairs: Iterable[tuple[Image, Labels]],
    name: str,
    source: str,
    *,
    white_rgb: Colour = (255.0, 255.0, 255.0),
) -> ColourReference:
    """Average the colours of phases over annotated images, one image in memory at a time.

    Parameters
    ----------
    pairs : iterable of (ndarray of uint8 (height, width, 3), ndarray of uint8 (height, width))
        Photographs and their mineral codes, 255 where nothing is labelled.
    name, source : str
        Kept in the reference.
    white_rgb : tuple of float
        Colour of a neutral mirror in that camera, 0-255.

    Returns
    -------
    ColourReference
        Colours of all phases that were seen unsaturated.

    Raises
    ------
    LabelImageError
        If sizes differ, a code is no phase, or no phase was seen unsaturated.
    """
    seen: dict[int, list[Anchor]] = {}
    for pixels, labels in pairs:
        for code, anchor in colour_anchors(pixels, labels).items():
            _require_phase(code)
            if anchor.clipped_fraction <= SATURATED_FRACTION:
                seen.setdefault(code, []).append(anchor)
    if not seen:
        msg = "no labelled and unsaturated phase was seen; give annotated images of the camera"
        raise LabelImageError(msg)
    colours = tuple(_averaged(code, seen[code]) for code in sorted(seen))
    try:
        return ColourReference(name=name, source=source, white_rgb=white_rgb, colours=colours)
    except ValidationError as error:
        msg = f"no reference can be made of it: {field_problems(error)}"
        raise InvalidParameterError(msg) from None


def _require_phase(code: int) -> None:
    if code not in MINERALS:
        msg = f"a label image holds code {code}; wanted codes of phases ({sorted(MINERALS)}) or 255"
        raise LabelImageError(msg)


def _averaged(code: int, anchors: Sequence[Anchor]) -> ReferenceColour:
    levels = np.array([anchor.colour_rgb for anchor in anchors])
    weights = np.array([weight_of_area(anchor.area_px) for anchor in anchors])
    mean = light_to_levels(np.average(levels_to_light(levels), axis=0, weights=weights))
    apart = ciede2000(lab_of_levels(levels), lab_of_levels(mean))
    red, green, blue = (round(float(one), 2) for one in mean)
    return ReferenceColour(
        code=code,
        colour_rgb=(red, green, blue),
        spread=round(float(np.average(apart, weights=weights)), 2),
        images=len(anchors),
        area_px=sum(anchor.area_px for anchor in anchors),
    )


def parse_reference(data: bytes, *, source: str) -> ColourReference:
    """Read a reference from JSON.

    Raises
    ------
    InvalidParameterError
        If a field is missing, unknown or impossible; the message names `source`.
    """
    return parsed(ColourReference, data, what="colour reference", source=source)


@cache
def lumenstone_reference() -> ColourReference:
    """Colours of ten phases in the LumenStone S1 and S2 training images.

    The numbers were computed with ``petroserve calibrate reference`` from the training split; the
    white is that of the camera fitted to the same images.

    References
    ----------
    LumenStone: doi:10.5194/isprs-archives-XLIV-2-W1-2021-113-2021.

    Examples
    --------
    >>> lumenstone_reference().colour_of(6)[0] > lumenstone_reference().colour_of(8)[0]
    True
    """
    file = importlib.resources.files(__package__).joinpath("lumenstone_reference.json")
    return parse_reference(file.read_bytes(), source="the shipped LumenStone reference")
