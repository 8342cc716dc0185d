"""Photographs between crossed polars that lie beside the others of a data set.

They are laid over the photograph in plane-polarised light, and fused with it, by what the service
does with the views of an analysis, so that a network learns from what it will be given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from petrography.channels import RGB_CHANNELS
from petrography.errors import ConfigurationError
from petrography.fusion import CrossedColour, crossed_signal, fused_input
from petrography.image_codec import decode_image
from petrography.images import Image
from petrography.registration import Light, StageView, overlay_views, register_views

if TYPE_CHECKING:
    from training.lumenstone import Field

__all__ = ["ViewPath", "fused_photograph", "parsed_view", "view_paths", "without_views"]

_VIEW = re.compile(r"(?P<light>PPL|XPL):(?P<angle>-?\d{1,4}(?:\.\d{1,6})?)", re.ASCII)


@dataclass(frozen=True)
class ViewPath:
    """One further photograph of a field on disk, and how it was taken."""

    light: Light
    stage_angle_deg: float
    path: Path


def parsed_view(text: str) -> tuple[Light, float]:
    """Read how a view was taken.

    Parameters
    ----------
    text : str
        ``LIGHT:ANGLE``, light PPL or XPL and the stage angle in degrees.

    Raises
    ------
    ValueError
        If it is anything else.

    Examples
    --------
    >>> parsed_view("XPL:30")
    ('XPL', 30.0)
    """
    found = _VIEW.fullmatch(text)
    if found is None:
        msg = (
            f"view {text[:40]!r} is not taken in any way that is known; wanted LIGHT:ANGLE, light "
            "PPL or XPL and the stage angle in degrees, such as XPL:0"
        )
        raise ValueError(msg)
    return ("XPL" if found["light"] == "XPL" else "PPL"), float(found["angle"])


def view_paths(
    image: Path, folders: Mapping[str, Path], suffixes: Sequence[str]
) -> tuple[ViewPath, ...]:
    """Find the views of a photograph: files of its name in other folders.

    Parameters
    ----------
    image : Path
        The photograph in plane-polarised light.
    folders : mapping of str to Path
        From how a view was taken to where it lies.
    suffixes : sequence of str
        Of files that may be one, the likeliest first.

    Raises
    ------
    ConfigurationError
        If a view is not there.
    """
    found = []
    for taken, folder in folders.items():
        light, angle_deg = parsed_view(taken)
        here = [folder / f"{image.stem}{suffix}" for suffix in suffixes]
        path = next((one for one in here if one.is_file()), None)
        if path is None:
            msg = (
                f"{image} has no view {taken}; wanted {folder / image.stem} with one of {suffixes}"
            )
            raise ConfigurationError(msg)
        found.append(ViewPath(light, angle_deg, path))
    return tuple(found)


def fused_photograph(ppl: Image, views: Sequence[ViewPath]) -> tuple[Image, tuple[str, ...]]:
    """Fuse a photograph with its views.

    Parameters
    ----------
    ppl : ndarray of uint8, shape (height, width, 3)
        In plane-polarised light, at stage angle 0.
    views : sequence of ViewPath
        None, or any number.

    Returns
    -------
    image : ndarray of uint8, shape (height, width, 9)
        The channels of `petrography.fusion.FUSED_CHANNELS`.
    warnings : tuple of str
        What registration doubted.

    Raises
    ------
    ImageError
        If a view is no image, or does not fit over the photograph with certainty.
    OSError
        If it cannot be read.
    """
    if not views:
        return fused_input(ppl), ()
    reference = StageView("image", ppl, "PPL", 0.0)
    moving = [
        StageView(str(one.path), partial(_pixels, one.path), one.light, one.stage_angle_deg)
        for one in views
    ]
    colour = CrossedColour()
    report = register_views(reference, moving)
    overlay = overlay_views(reference, moving, report, on_crossed=colour.add)
    fused = fused_input(ppl, crossed_signal(colour, overlay.harmonics))
    return fused, tuple(f"views: {one}" for one in report.warnings)


def _pixels(path: Path) -> Image:
    return decode_image(path.read_bytes(), name=str(path)).pixels


def without_views(field: Field) -> Field:
    """Give a fused field as it is seen by whoever sends its photograph alone."""
    bare = fused_input(field.image[..., : len(RGB_CHANNELS)])
    return replace(field, name=f"{field.name} without views", image=bare)
