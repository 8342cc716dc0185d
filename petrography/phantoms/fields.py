"""One section photographed in overlapping fields: what a panorama is stitched from, with the truth.

The section is painted once; each field is lit and photographed from its own window, so that memory
is that of the section and one field. Where fields overlap they show the same grains, stains and
scratches; lens, shading, exposure and noise are their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Image, Labels
from petrography.phantoms.camera import (
    Camera,
    Lens,
    Projection,
    draw_camera,
    illumination,
    photograph,
)
from petrography.phantoms.chance import Chance
from petrography.phantoms.coarse_grids import Shape
from petrography.phantoms.field_layout import RIM_PX, Layout, Pose
from petrography.phantoms.polarised_light import Polars
from petrography.phantoms.polish import Relief, draw_relief
from petrography.phantoms.specimen import (
    Specimen,
    camera_spread,
    prepare,
    require_request,
    um_per_px,
)
from petrography.phantoms.windows import Window

__all__ = ["Field", "Pose", "SectionFields", "section_fields"]

# Above this a section is painted with one sample per pixel: a grid of 5 x 5 fields of 3396 x 2547
# then takes about 3 GB, and would take four times that.
_FINE_SECTION_PX = 24_000_000
_BLANK_LIGHT = 0.5
_MAX_VIGNETTING = 0.9


@dataclass(frozen=True)
class Field:
    """One photograph of a part of the section.

    Attributes
    ----------
    pose : Pose
        Where it lies.
    image : ndarray of uint8, shape (height, width, 3)
        sRGB, distorted by the lens and shaded as the lamp lights it.
    labels : ndarray of uint8, shape (height, width)
        Code at the place that each pixel of the distorted photograph shows.
    """

    pose: Pose
    image: Image
    labels: Labels

    @property
    def name(self) -> str:
        """``r<row>c<column>``."""
        return self.pose.name

    @property
    def row(self) -> int:
        """Row of the grid."""
        return self.pose.row

    @property
    def col(self) -> int:
        """Column of the grid."""
        return self.pose.column

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Takes (x, y, 1) of the undistorted field to (x, y) of the panorama."""
        return self.pose.matrix


@dataclass(frozen=True)
class SectionFields:
    """A section and the poses of its fields.

    Attributes
    ----------
    recipe : str
        Name of the recipe.
    seed : int
        What it was drawn from.
    shape : tuple of int
        Rows and columns of a field.
    poses : tuple of Pose
        Row by row.
    lens : Lens
        Distortion of every field; offsets are in half diagonals of the field.
    camera : Camera
        Settings of every field but for the exposure.
    um_per_px : float
        Pixel size in micrometres.
    specimen : Specimen
        The painted section, whose pixels are those of the panorama.
    relief : Relief
        How the steps between phases are lit.
    chance : Chance
        Source of the noise.
    """

    recipe: str
    seed: int
    shape: Shape
    poses: tuple[Pose, ...]
    lens: Lens
    camera: Camera
    um_per_px: float
    specimen: Specimen
    relief: Relief
    chance: Chance

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """All fields, kept from the first call on; `photographs` keeps none."""
        return tuple(self.photographs())

    @cached_property
    def flat(self) -> NDArray[np.float32]:
        """Light of the lamp on a field by pixel and colour, 1 in its centre."""
        return illumination(self.camera, self.shape)

    @cached_property
    def panorama_labels(self) -> Labels:
        """Codes of the whole section."""
        return self.specimen.labels(Window(0, 0, *self.specimen.shape_px))

    @property
    def truth(self) -> dict[str, object]:
        """Content of ``poses.json``."""
        return {
            "recipe": self.recipe,
            "seed": self.seed,
            "um_per_px": self.um_per_px,
            "field_height_px": self.shape[0],
            "field_width_px": self.shape[1],
            "panorama_height_px": self.specimen.shape_px[0],
            "panorama_width_px": self.specimen.shape_px[1],
            "lens": {"k1": self.lens.k1, "k2": self.lens.k2, "unit": "half diagonal"},
            "camera": self.camera.as_json(),
            "fields": [
                {
                    "name": pose.name,
                    "row": pose.row,
                    "col": pose.column,
                    "matrix": pose.matrix.tolist(),
                    "exposure": pose.exposure,
                }
                for pose in self.poses
            ],
        }

    def blank(self) -> Image:
        """Photograph an even, half bright surface: what a flat field is measured on."""
        light = np.full((*self.shape, 3), _BLANK_LIGHT, dtype=np.float32)
        return photograph(light, self.camera, self.chance.stream("blank"))

    def photographs(self) -> Iterator[Field]:
        """Photograph field after field, row by row."""
        return (self.photograph(pose) for pose in self.poses)

    def photograph(self, pose: Pose) -> Field:
        """Photograph one field; the same pose gives the same photograph."""
        window = self._window(pose)
        light = self.specimen.light(window, Polars(analyser=False), 0.0, self.relief)
        on_light = pose.matrix - np.array([[0, 0, window.column], [0, 0, window.row]])
        red, green, blue = (gain * pose.exposure for gain in self.camera.gain_rgb)
        camera = replace(self.camera, gain_rgb=(red, green, blue))
        rng = self.chance.stream("field", pose.row, pose.column)
        projection = Projection(self.shape, on_light, self.lens)
        image = photograph(light, camera, rng, projection)
        return Field(pose, image, self._labels(on_light, window))

    def _window(self, pose: Pose) -> Window:
        """Part of the section that a field needs, with a rim."""
        bottom, right = self.shape[0] - 1.0, self.shape[1] - 1.0
        corners = np.array([[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]])
        edges = np.concatenate([corners, self.lens.undistorted(corners, self.shape)])
        seen = edges @ pose.matrix[:, :2].T + pose.matrix[:, 2]
        left, top = (int(side) for side in np.floor(seen.min(axis=0)))
        far = np.ceil(seen.max(axis=0)).astype(int)
        whole = Window(top, left, int(far[1]) - top + 1, int(far[0]) - left + 1)
        return whole.grown(RIM_PX).inside(self.specimen.shape_px)

    def _labels(self, on_light: NDArray[np.float64], window: Window) -> Labels:
        """Codes at the nearest pixel centres of the section."""
        labels = self.specimen.labels(window)
        last = labels.shape[1] - 1, labels.shape[0] - 1
        found = np.empty(self.shape, dtype=np.uint8)
        for band, undistorted in Projection(self.shape, on_light, self.lens).places():
            places = undistorted @ on_light[:, :2].T + on_light[:, 2]
            nearest = np.clip(np.rint(places), 0, last).astype(np.intp)
            found[band] = labels[nearest[..., 1], nearest[..., 0]]
        return found


def section_fields(
    recipe: str,
    seed: int,
    rows: int,
    cols: int,
    *,
    height_px: int,
    width_px: int,
    overlap: float = 0.25,
    distortion_k1: float = 0.0,
    vignetting: float | None = None,
    jitter_px: float = 4.0,
    jitter_deg: float = 0.0,
) -> SectionFields:
    """Paint a section and lay a grid of fields over it.

    Parameters
    ----------
    recipe : str
        One of `RECIPE_NAMES`.
    seed : int
        Not negative; the same arguments give the same fields.
    rows, cols : int
        Size of the grid, at least 1.
    height_px, width_px : int
        Size of a field, at least 16.
    overlap : float
        Share of a field that the next one shows again, in [0, 0.9].
    distortion_k1 : float
        Coefficient of the `Lens`, at most 0.1 either way.
    vignetting : float, optional
        Light lost in the corners, in [0, 0.9); drawn by default.
    jitter_px, jitter_deg : float
        Standard deviations of how far each field lies from its place in the grid, in each
        direction, and of how far it is turned; cut at two of them.

    Returns
    -------
    SectionFields
        Photographs are taken when they are asked for. A large section is painted with one sample
        per pixel, at twice the magnification.

    Raises
    ------
    InvalidParameterError
        If the recipe is unknown or a number is out of its range.

    Examples
    --------
    >>> section = section_fields("S1", 5, 2, 2, height_px=60, width_px=80)
    >>> [field.name for field in section.fields]
    ['r0c0', 'r0c1', 'r1c0', 'r1c1']
    """
    require_request(recipe, seed, height_px, width_px)
    if vignetting is not None and not 0.0 <= vignetting <= _MAX_VIGNETTING:
        msg = f"vignetting is {vignetting}; wanted a share of the light, 0 to {_MAX_VIGNETTING}"
        raise InvalidParameterError(msg)
    shape, lens = (height_px, width_px), Lens(k1=distortion_k1)
    layout = Layout((rows, cols), shape, overlap, jitter_px, jitter_deg, lens)
    chance, section_shape = Chance(recipe, seed), layout.section_shape
    fine = section_shape[0] * section_shape[1] <= _FINE_SECTION_PX
    specimen = prepare(recipe, chance, section_shape, samples_per_px=2 if fine else 1)
    camera = draw_camera(camera_spread(recipe), chance.stream("camera"))
    if vignetting is not None:
        camera = replace(camera, vignetting=vignetting)
    return SectionFields(
        recipe=recipe,
        seed=seed,
        shape=shape,
        poses=layout.draw_poses(chance),
        lens=lens,
        camera=camera,
        um_per_px=um_per_px(recipe) if fine else um_per_px(recipe) / 2.0,
        specimen=specimen,
        relief=draw_relief(chance.stream("relief")),
        chance=chance,
    )
