"""Photographs between crossed polars that lie beside the others of a data set.

They are laid over the photograph in plane-polarised light, and fused with it, by what the service
does with the views of an analysis, so that a network learns from what it will be given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from petrography.channels import RGB_CHANNELS
from petrography.errors import ConfigurationError
from petrography.fusion import MAX_VIEWS, CrossedColour, crossed_signal, fused_input
from petrography.image_codec import decode_image
from petrography.images import Image
from petrography.registration import (
    MAX_STAGE_ANGLE_DEG,
    Light,
    StageView,
    overlay_views,
    register_views,
)

if TYPE_CHECKING:
    from training.lumenstone import Field

__all__ = [
    "ViewPath",
    "fused_photograph",
    "parsed_view",
    "require_usable_views",
    "view_paths",
    "without_views",
]

# Begins what registration said of the views of a field.
_OF_VIEWS = "views: "
_VIEW = re.compile(r"(?P<light>PPL|XPL):(?P<angle>-?\d{1,4}(?:\.\d{1,6})?)", re.ASCII)


@dataclass(frozen=True)
class ViewPath:
    """One further photograph of a field on disk, and how it was taken.

    Attributes
    ----------
    light : {"PPL", "XPL"}
        Plane-polarised, or between crossed polars.
    stage_angle_deg : float
        Turn of the stage since the photograph that it is a further one of, in degrees.
    path : Path
        The file.
    """

    light: Light
    stage_angle_deg: float
    path: Path

    @property
    def taken(self) -> str:
        """How it was taken, as `parsed_view` reads it."""
        return f"{self.light}:{self.stage_angle_deg:g}"


def parsed_view(text: str) -> tuple[Light, float]:
    """Read how a view was taken.

    Parameters
    ----------
    text : str
        ``LIGHT:ANGLE``, light PPL or XPL and the stage angle in degrees.

    Returns
    -------
    light : {"PPL", "XPL"}
        Plane-polarised, or between crossed polars.
    stage_angle_deg : float
        -3600 to 3600.

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
    if found is None or abs(float(found["angle"])) > MAX_STAGE_ANGLE_DEG:
        msg = (
            f"view {text[:40]!r} is not taken in any way that is known; wanted LIGHT:ANGLE, light "
            f"PPL or XPL and the stage angle, {-MAX_STAGE_ANGLE_DEG:g} to {MAX_STAGE_ANGLE_DEG:g} "
            "degrees, such as XPL:0"
        )
        raise ValueError(msg)
    return ("XPL" if found["light"] == "XPL" else "PPL"), float(found["angle"])


def require_usable_views(views: Iterable[str]) -> None:
    """Check how the views of a data set were taken, before any is read.

    Parameters
    ----------
    views : iterable of str
        As `parsed_view` reads them; none is usable too.

    Raises
    ------
    ValueError
        If one has another spelling, two were taken alike, they are more than the network takes, or
        none is between crossed polars.
    """
    taken = [parsed_view(one) for one in views]
    if len(set(taken)) < len(taken):
        msg = f"views are {list(views)}; wanted each light and stage angle once"
        raise ValueError(msg)
    if len(taken) > MAX_VIEWS:
        msg = f"{len(taken)} views are given; wanted at most {MAX_VIEWS}"
        raise ValueError(msg)
    if taken and all(light != "XPL" for light, _ in taken):
        msg = f"views are {list(views)}; wanted one between crossed polars, such as XPL:0"
        raise ValueError(msg)


def view_paths(
    image: Path, folders: Mapping[str, tuple[Path, Mapping[str, Path]]]
) -> tuple[ViewPath, ...]:
    """Find the views of a photograph: files of its name in other folders.

    Parameters
    ----------
    image : Path
        The photograph in plane-polarised light.
    folders : mapping of str to (Path, mapping of str to Path)
        From how a view was taken to its folder and to the images there by their stems.

    Returns
    -------
    tuple of ViewPath
        One of each folder, in their order.

    Raises
    ------
    ConfigurationError
        If a view is not there.
    """
    found = []
    for taken, (folder, by_stem) in folders.items():
        light, angle_deg = parsed_view(taken)
        path = by_stem.get(image.stem)
        if path is None:
            msg = f"{image} has no view {taken}; wanted an image of the name {folder / image.stem}"
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
        What registration doubted, and what had to be assumed when the views were read.

    Raises
    ------
    ImageError
        If a view is no image, or is another than its plane-polarised partner in size and does not
        fit over the photograph with certainty. One of the same size that shows nothing to compare,
        as grains at extinction do not, is believed to lie as its partner, with a warning.
    OSError
        If it cannot be read.
    """
    if not views:
        return fused_input(ppl), ()
    reference = StageView("image", ppl, "PPL", 0.0)
    reading = [_Reading(one.path) for one in views]
    moving = [
        StageView(one.taken, read, one.light, one.stage_angle_deg)
        for one, read in zip(views, reading, strict=True)
    ]
    colour = CrossedColour()
    report = register_views(reference, moving)
    overlay = overlay_views(reference, moving, report, on_crossed=colour.add)
    fused = fused_input(ppl, crossed_signal(colour, overlay.harmonics))
    assumed = [
        f"{one.taken}: {warning}"
        for one, read in zip(views, reading, strict=True)
        for warning in read.warnings
    ]
    return fused, tuple(f"{_OF_VIEWS}{one}" for one in (*assumed, *report.warnings))


class _Reading:
    """Reads a view whenever it is asked for, and remembers what had to be assumed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.warnings: tuple[str, ...] = ()

    def __call__(self) -> Image:
        decoded = decode_image(self._path.read_bytes(), name=str(self._path))
        self.warnings = decoded.warnings
        return decoded.pixels


def without_views(field: Field) -> Field:
    """Give a fused field as it is seen by whoever sends its photograph alone.

    Parameters
    ----------
    field : Field
        Its image holds the channels of `petrography.fusion.FUSED_CHANNELS`.

    Returns
    -------
    Field
        The same, with nothing between crossed polars and no warnings, which it shares with the
        field that it was made of.
    """
    bare = fused_input(field.image[..., : len(RGB_CHANNELS)])
    return replace(field, name=f"{field.name} without views", image=bare, warnings=())
