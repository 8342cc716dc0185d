"""Pixel size from what a TIFF says of itself, and when not to believe it.

The rule
--------
OME metadata and ImageJ calibration exist to state a scale, so they are taken if they give a
length unit and lie between 0.001 and 1000 um/px.

The resolution tags of plain TIFF are filled in by nearly every program with a screen or print
value that has nothing to do with the microscope: 72 dpi is 353 um/px, 96 is 265, 300 is 85, 600
is 42, 1200 is 21, 2400 is 11. Sections are photographed at 0.05 um/px (100x oil) to about
5 um/px (1.25x). So the tags count only between 0.01 and 10 um/px, that is above 2540 dpi, where
no print default lies; the finest flatbed scans of thin sections (4800 dpi, 5.3 um/px) still do.

Pixels must be square to one part in a thousand: lengths and grain shapes would be wrong
otherwise, and nothing here resamples.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass

from petrography.image_codec.tiff_directory import Directory

__all__ = ["Scale", "channels_of_image", "read_scale", "significant_bits"]

_DESCRIPTION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 270, 282, 283, 296
_INCH, _CENTIMETRE = 2, 3
_UM_PER_UNIT_TAG = {_INCH: 25_400.0, _CENTIMETRE: 10_000.0}
_TAGS_UM_PER_PX = (0.01, 10.0)
_METADATA_UM_PER_PX = (0.001, 1000.0)
_SQUARE_TOLERANCE = 1e-3

_UM_PER_UNIT = {
    "m": 1e6, "cm": 1e4, "mm": 1e3, "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0,
    "nm": 1e-3, "pm": 1e-6, "inch": 25_400.0, "in": 25_400.0,
}  # fmt: skip

# A pattern instead of an XML parser: entities cannot expand, and one element is all it takes.
# It stops at "<", which XML forbids in attributes: a text full of begins is walked only once.
_OME_PIXELS = re.compile(r"<(?:\w{1,20}:)?Pixels\s[^<>]{0,5000}>")
_OME_ATTRIBUTE = re.compile(r"""\b(\w{1,40})\s?=\s?["']([^"']{0,100})["']""")
_IMAGEJ_CHANNELS = re.compile(r"^channels=([0-9]{1,6})$", re.MULTILINE)
_IMAGEJ_UNIT = re.compile(r"^unit=(.{1,40})$", re.MULTILINE)


@dataclass(frozen=True)
class Scale:
    """Pixel size, or why there is none.

    Attributes
    ----------
    um_per_px : float or None
        Side of a square pixel.
    source : str or None
        Where it was read.
    warnings : tuple of str
        What was found and not believed.
    """

    um_per_px: float | None = None
    source: str | None = None
    warnings: tuple[str, ...] = ()


def read_scale(directory: Directory) -> Scale:
    """Read the pixel size of a TIFF by the rule at the head of this file.

    Parameters
    ----------
    directory : Directory
        Tags of the first image.

    Returns
    -------
    Scale
        From OME metadata, else ImageJ calibration, else the resolution tags.
    """
    description = directory.text(_DESCRIPTION)
    pixels = _ome_pixels(description)
    if "PhysicalSizeX" in pixels:
        return _from_ome(pixels)
    if description.startswith("ImageJ="):
        return _from_imagej(description, directory)
    return _from_tags(directory)


def significant_bits(directory: Directory) -> int | None:
    """Return the bits of a sample that OME metadata call significant, None without them."""
    stated = _ome_pixels(directory.text(_DESCRIPTION)).get("SignificantBits", "")
    return int(stated) if re.fullmatch(r"[0-9]{1,2}", stated) else None


def channels_of_image(directory: Directory) -> int:
    """Return the channels that OME metadata or ImageJ say an image has; 1 where neither does."""
    description = directory.text(_DESCRIPTION)
    stated = _ome_pixels(description).get("SizeC", "")
    if description.startswith("ImageJ=") and (found := _IMAGEJ_CHANNELS.search(description)):
        stated = found.group(1)
    return int(stated) if re.fullmatch(r"[1-9][0-9]{0,5}", stated) else 1


def _ome_pixels(description: str) -> dict[str, str]:
    element = _OME_PIXELS.search(description)
    if element is None:
        return {}
    found = _OME_ATTRIBUTE.findall(element.group())
    return {name: html.unescape(value) for name, value in found}


def _from_ome(pixels: dict[str, str]) -> Scale:
    # The OME schema defaults the unit to micrometres.
    x_um = _length_um(pixels["PhysicalSizeX"], pixels.get("PhysicalSizeXUnit", "um"))
    y_um = x_um
    if "PhysicalSizeY" in pixels:
        y_um = _length_um(pixels["PhysicalSizeY"], pixels.get("PhysicalSizeYUnit", "um"))
    return _settle(x_um, y_um, "OME metadata", _METADATA_UM_PER_PX)


def _from_imagej(description: str, directory: Directory) -> Scale:
    unit = _IMAGEJ_UNIT.search(description)
    if unit is None:
        return Scale()
    x_per_unit, y_per_unit = directory.ratio(_X_RESOLUTION), directory.ratio(_Y_RESOLUTION)
    if x_per_unit is None or y_per_unit is None:
        return Scale()
    # ImageJ writes the micro sign as the escape of its Java source.
    name = unit.group(1).strip().replace("\\u00B5", "µ")
    um = _UM_PER_UNIT.get(_plain(name), math.nan)
    return _settle(um / x_per_unit, um / y_per_unit, "ImageJ calibration", _METADATA_UM_PER_PX)


def _from_tags(directory: Directory) -> Scale:
    um = _UM_PER_UNIT_TAG.get(directory.number(_RESOLUTION_UNIT, default=_INCH))
    x_per_unit, y_per_unit = directory.ratio(_X_RESOLUTION), directory.ratio(_Y_RESOLUTION)
    if um is None or x_per_unit is None or y_per_unit is None:
        return Scale()
    return _settle(um / x_per_unit, um / y_per_unit, "TIFF resolution", _TAGS_UM_PER_PX)


def _length_um(value: str, unit: str) -> float:
    try:
        return float(value) * _UM_PER_UNIT.get(_plain(unit), math.nan)
    except ValueError:
        return math.nan


def _plain(unit: str) -> str:
    # Both micro signs of Unicode, U+00B5 and U+03BC.
    return unit.strip().lower().replace("µ", "u").replace("μ", "u")


def _settle(x_um: float, y_um: float, source: str, believable: tuple[float, float]) -> Scale:
    found = f"the pixel size {x_um:.4g} x {y_um:.4g} um in the {source}"
    low, high = believable
    if not (low <= x_um <= high and low <= y_um <= high):
        reason = f"it is not between {low:g} and {high:g} um, so not the scale of a micrograph"
        return Scale(warnings=(f"{found} was not used: {reason}; give um_per_px",))
    if abs(x_um - y_um) > _SQUARE_TOLERANCE * x_um:
        return Scale(warnings=(f"{found} was not used: pixels must be square; give um_per_px",))
    return Scale(um_per_px=x_um, source=source)
