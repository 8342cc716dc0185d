"""A series of photographs on a rotating stage, in plane-polarised light and between crossed polars.

Every view is the light of the section at the optical angle of its stage, painted in the frame of
the section and then brought to the sensor by the exact matrix of the view, so that geometry and
optics turn together. The stage turns about a point beside the middle of the field, and each view
has some play.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Image, Labels
from petrography.phantoms.area_fractions import area_fractions
from petrography.phantoms.camera import Camera, Lens, Projection, draw_camera, photograph
from petrography.phantoms.chance import Chance
from petrography.phantoms.polarised_light import Polars
from petrography.phantoms.polish import Relief, draw_relief
from petrography.phantoms.specimen import (
    Specimen,
    camera_spread,
    prepare,
    require_request,
    um_per_px,
)
from petrography.phantoms.stage_geometry import (
    Turn,
    draw_turns,
    field_on_section,
    inside_reference,
)
from petrography.phantoms.windows import Window

__all__ = ["StageSeries", "View", "stage_series"]

# The analyser is set by eye, and film polarisers leak.
_UNCROSSING_DEG = 1.5
_MAX_UNCROSSING_DEG = 20.0
_EXTINCTION_RATIO = 3e-4
# Between crossed polars the exposure is so much longer that the bright grains come near white.
_XPL_BRIGHT_LEVEL, _XPL_BRIGHT_PERCENTILE = 0.6, 98.0
_XPL_EXPOSURES = (0.5, 400.0)
# Stray light between crossed polars, fraction of the incident light.
_XPL_FLARE = 1e-4
_EXPOSURE_SPREAD = 0.01
_DEFAULT_STEP_DEG = 15.0
# Blur and interpolation see so far.
_RIM_PX = 16


@dataclass(frozen=True)
class View:
    """One photograph of a series.

    Attributes
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        sRGB.
    stage_angle_deg : float
        Nominal turn of the stage since view 0, from the column axis towards the row axis
        (clockwise as one looks at the picture).
    matrix : ndarray of float64, shape (2, 3)
        Takes (x, y, 1) of this view to (x, y) of view 0, the play of the stage included. Centres of
        pixels have whole coordinates.
    valid : ndarray of bool, shape (height, width)
        Pixels of this view whose centre shows a place inside view 0.
    """

    image: Image
    stage_angle_deg: float
    matrix: NDArray[np.float64]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class StageSeries:
    """Photographs of one field at several turns of the stage, with the truth.

    Attributes
    ----------
    ppl, xpl : tuple of View
        In plane-polarised light and between crossed polars; views of one place in both have the
        same angle and matrix. View 0 has angle 0 and the unit matrix.
    labels : ndarray of uint8, shape (height, width)
        Codes of view 0.
    anisotropic : ndarray of bool, shape (height, width)
        Where the phase of view 0 is optically anisotropic; a grain cut across its axis looks
        isotropic all the same.
    um_per_px : float
        Pixel size in micrometres.
    truth : dict
        Content of ``truth.json``: as of a `Phantom`, with uncrossing_deg, axis_xy_px (the axis of
        the stage on view 0), the two cameras, and of each view its angle and matrix.
    """

    ppl: tuple[View, ...]
    xpl: tuple[View, ...]
    labels: Labels
    anisotropic: NDArray[np.bool_]
    um_per_px: float
    truth: dict[str, object]


def stage_series(
    recipe: str,
    seed: int,
    height_px: int,
    width_px: int,
    *,
    views: int,
    step_deg: float | None = None,
    uncrossing_deg: float | None = None,
    partners: bool = True,
    crossed: bool = True,
) -> StageSeries:
    """Photograph a section at several turns of the stage.

    Parameters
    ----------
    recipe : str
        One of `RECIPE_NAMES`.
    seed : int
        Not negative; the same arguments give the same series.
    height_px, width_px : int
        Size of a view, at least 1.
    views : int
        How many turns, at least 1.
    step_deg : float, optional
        Turn from view to view; by default 15, or 360 / `views` where that is less.
    uncrossing_deg : float, optional
        How far the analyser stands from the crossed position, at most 20; drawn by default with a
        standard deviation of 1.5.
    partners : bool
        Whether every turn is photographed in plane-polarised light too; view 0 always is.
    crossed : bool
        Whether any turn is photographed between crossed polars. What is not photographed takes no
        time, and changes nothing else.

    Returns
    -------
    StageSeries
        `views` photographs in each light, or those of them that are wanted.

    Raises
    ------
    InvalidParameterError
        If the recipe is unknown or a number is out of its range.

    Examples
    --------
    >>> series = stage_series("S2", 1, 40, 60, views=2, step_deg=90)
    >>> [view.stage_angle_deg for view in series.xpl]
    [0.0, 90.0]
    """
    require_request(recipe, seed, height_px, width_px)
    _require_turns(views, step_deg, uncrossing_deg)
    chance = Chance(recipe, seed)
    step = min(_DEFAULT_STEP_DEG, 360.0 / views) if step_deg is None else step_deg
    shape = height_px, width_px
    axis_px, turns = draw_turns([float(number * step) for number in range(views)], shape, chance)
    field, section_shape = field_on_section(turns, shape, _RIM_PX)
    specimen = prepare(recipe, chance, section_shape)
    table = _Table(specimen, field, draw_relief(chance.stream("relief")), chance)
    ppl_camera = draw_camera(camera_spread(recipe), chance.stream("camera"))
    polars = _draw_analyser(uncrossing_deg, chance)
    xpl_camera = table.exposed_for(polars, ppl_camera)
    plain = Polars(analyser=False)
    numbered, labels = tuple(enumerate(turns)), specimen.labels(field)
    return StageSeries(
        ppl=table.views(numbered if partners else numbered[:1], plain, ppl_camera),
        xpl=table.views(numbered if crossed else (), polars, xpl_camera),
        labels=labels,
        anisotropic=specimen.anisotropic(field),
        um_per_px=um_per_px(recipe),
        truth={
            "recipe": recipe,
            "seed": seed,
            "um_per_px": um_per_px(recipe),
            "height_px": height_px,
            "width_px": width_px,
            "area_fraction": area_fractions(labels),
            "uncrossing_deg": math.degrees(polars.uncrossing_rad),
            "axis_xy_px": axis_px.tolist(),
            "camera_ppl": ppl_camera.as_json(),
            "camera_xpl": xpl_camera.as_json(),
            "views": [
                {"stage_angle_deg": turn.nominal_deg, "matrix": turn.matrix.tolist()}
                for turn in turns
            ],
        },
    )


@dataclass(frozen=True)
class _Table:
    """The stage with the section on it."""

    specimen: Specimen
    field: Window
    relief: Relief
    chance: Chance

    def views(
        self, numbered: Sequence[tuple[int, Turn]], polars: Polars, camera: Camera
    ) -> tuple[View, ...]:
        """Photograph the section at several turns of the stage."""
        return tuple(self.view(turn, number, polars, camera) for number, turn in numbered)

    def view(self, turn: Turn, number: int, polars: Polars, camera: Camera) -> View:
        """Photograph the section at one turn of the stage."""
        rng = self.chance.stream("view", number, int(polars.analyser))
        whole = Window(0, 0, *self.specimen.shape_px)
        light = self.specimen.light(whole, polars, turn.turned_rad, self.relief)
        on_section = turn.matrix + np.array([[0, 0, self.field.column], [0, 0, self.field.row]])
        projection = Projection(self.field.shape, on_section, Lens())
        exposure = math.exp(_EXPOSURE_SPREAD * rng.standard_normal())
        image = photograph(light, _exposed(camera, exposure), rng, projection)
        valid = inside_reference(turn.matrix, self.field.shape)
        return View(image, turn.nominal_deg, turn.matrix, valid)

    def exposed_for(self, polars: Polars, camera: Camera) -> Camera:
        """Give the camera the exposure that makes the bright grains of view 0 bright."""
        light = self.specimen.light(self.field, polars, 0.0, self.relief)
        changing = self.specimen.anisotropic(self.field)
        # Gangue that glows may burn out, as it does in practice.
        judged = light[changing] if changing.any() else light.reshape(-1, 3)
        bright = float(np.percentile(judged.mean(axis=-1), _XPL_BRIGHT_PERCENTILE))
        wanted = _XPL_BRIGHT_LEVEL / max(bright, 1e-9) / float(np.mean(camera.gain_rgb))
        longer = _exposed(camera, float(np.clip(wanted, *_XPL_EXPOSURES)))
        return replace(longer, flare=_XPL_FLARE)


def _exposed(camera: Camera, factor: float) -> Camera:
    red, green, blue = camera.gain_rgb
    return replace(camera, gain_rgb=(red * factor, green * factor, blue * factor))


def _draw_analyser(uncrossing_deg: float | None, chance: Chance) -> Polars:
    if uncrossing_deg is None:
        uncrossing_deg = _UNCROSSING_DEG * chance.stream("uncrossing").standard_normal()
    return Polars(True, math.radians(uncrossing_deg), _EXTINCTION_RATIO)


def _require_turns(views: int, step_deg: float | None, uncrossing_deg: float | None) -> None:
    if views < 1:
        msg = f"views is {views}; wanted at least 1"
        raise InvalidParameterError(msg)
    if step_deg is not None and not (math.isfinite(step_deg) and 0.0 < abs(step_deg) <= 360.0):
        msg = f"step_deg is {step_deg}; wanted a turn other than 0, at most 360 either way"
        raise InvalidParameterError(msg)
    if uncrossing_deg is not None and not abs(uncrossing_deg) <= _MAX_UNCROSSING_DEG:
        msg = f"uncrossing_deg is {uncrossing_deg}; wanted at most {_MAX_UNCROSSING_DEG} either way"
        raise InvalidParameterError(msg)
