"""The fields of a panorama: how they are loaded, and what is kept of each after one look."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import ImageTooLargeError, InvalidParameterError
from petrography.images import Image, clipped_fraction, require_image
from petrography.registration import Points

__all__ = ["FieldCache", "PanoramaField", "Reduction", "Survey", "load_checked", "survey_field"]

# Longest side of the grey copy in which features are sought.
MATCHING_SIDE_PX = 850
# Longest side of the colour copy in which gains, shading and seams are found.
COLOUR_SIDE_PX = 480
# Grey levels; below this a field shows nothing but noise.
SMALLEST_CONTRAST = 1.5
LARGEST_CLIPPED_FRACTION = 0.5
# OpenCV reads a photograph at places that it keeps in 16 bits.
_MAX_SIDE_PX = 32_000


@dataclass(frozen=True)
class PanoramaField:
    """A photograph that is part of a panorama.

    Attributes
    ----------
    name : str
        How reports name it; different for every field.
    load : callable
        Gives the image, uint8 (height, width, 3) sRGB, the same at every call.
    shape : tuple of int, optional
        (height, width) of that image in pixels, where known beforehand; it is checked then.
    """

    name: str
    load: Callable[[], Image]
    shape: tuple[int, int] | None = None


@dataclass(frozen=True)
class Reduction:
    """How a smaller copy lies on its field: pixel centres, x and y each with its own factor."""

    factor_x: float
    factor_y: float

    @classmethod
    def between(cls, full: tuple[int, int], reduced: tuple[int, int]) -> Reduction:
        """From the (height, width) of both."""
        return cls(reduced[1] / full[1], reduced[0] / full[0])

    def to_full(self, points_xy: Points) -> Points:
        """Map points of the copy to the field."""
        factors = np.array([self.factor_x, self.factor_y])
        return np.asarray((points_xy + 0.5) / factors - 0.5, dtype=np.float64)

    def to_reduced(self, points_xy: NDArray[np.floating]) -> Points:
        """Map points of the field to the copy, shape (..., 2)."""
        factors = np.array([self.factor_x, self.factor_y])
        return np.asarray((points_xy + 0.5) * factors - 0.5, dtype=np.float64)

    def matrix(self) -> NDArray[np.float64]:
        """Give the affine map from the field to the copy."""
        x, y = self.factor_x, self.factor_y
        return np.array([[x, 0.0, 0.5 * x - 0.5], [0.0, y, 0.5 * y - 0.5]])


@dataclass(frozen=True)
class Survey:
    """What is kept of a field after one look.

    Attributes
    ----------
    name : str
        The field's name.
    shape : tuple of int
        (height, width) of the field.
    grey : ndarray of uint8, shape (h, w)
        Reduced copy for matching.
    colour : ndarray of uint8, shape (h, w, 3)
        Smaller copy for gains, shading and seams.
    emptiness : str or None
        Why the field shows nothing that could be matched: blank or saturated.
    """

    name: str
    shape: tuple[int, int]
    grey: NDArray[np.uint8]
    colour: Image
    emptiness: str | None

    @property
    def grey_reduction(self) -> Reduction:
        """From the field to `grey`."""
        return Reduction.between(self.shape, (self.grey.shape[0], self.grey.shape[1]))

    @property
    def colour_reduction(self) -> Reduction:
        """From the field to `colour`."""
        return Reduction.between(self.shape, (self.colour.shape[0], self.colour.shape[1]))


def load_checked(field: PanoramaField) -> Image:
    """Load a field and check that it is what it was announced to be.

    Raises
    ------
    InvalidParameterError
        If it is no uint8 (height, width, 3) image of the announced size.
    ImageTooLargeError
        If a side is longer than 32 000 px.
    """
    try:
        pixels = require_image(field.load())
    except InvalidParameterError as error:
        msg = f"{field.name}: {error}"
        raise InvalidParameterError(msg) from error
    if field.shape is not None and pixels.shape[:2] != tuple(field.shape):
        msg = (
            f"{field.name}: {pixels.shape[1]} x {pixels.shape[0]} px loaded; announced were "
            f"{field.shape[1]} x {field.shape[0]}"
        )
        raise InvalidParameterError(msg)
    if max(pixels.shape[:2]) > _MAX_SIDE_PX:
        msg = (
            f"{field.name}: {pixels.shape[1]} x {pixels.shape[0]} px; the sides of a field may have "
            f"{_MAX_SIDE_PX} px; cut it into fields that overlap"
        )
        raise ImageTooLargeError(msg)
    return pixels


def require_fields(fields: Sequence[PanoramaField]) -> None:
    """Check that there are at least two fields, each with a name of its own.

    Raises
    ------
    InvalidParameterError
        If not.
    """
    if len(fields) < 2:
        msg = f"{len(fields)} field given; a panorama wants at least 2 that overlap"
        raise InvalidParameterError(msg)
    repeated = [name for name, count in Counter(f.name for f in fields).items() if count > 1]
    if repeated:
        msg = f"fields {', '.join(repeated)} are given more than once; wanted different names"
        raise InvalidParameterError(msg)


def survey_field(field: PanoramaField) -> Survey:
    """Load a field once and keep reduced copies of it."""
    pixels = load_checked(field)
    grey = cv2.cvtColor(_reduced(pixels, MATCHING_SIDE_PX), cv2.COLOR_RGB2GRAY)
    return Survey(
        name=field.name,
        shape=(pixels.shape[0], pixels.shape[1]),
        grey=np.asarray(grey, dtype=np.uint8),
        colour=_reduced(pixels, COLOUR_SIDE_PX),
        emptiness=_emptiness(pixels, np.asarray(grey, dtype=np.uint8)),
    )


def _reduced(pixels: Image, side_px: int) -> Image:
    height_px, width_px = pixels.shape[:2]
    factor = min(1.0, side_px / max(height_px, width_px))
    size = (max(1, round(width_px * factor)), max(1, round(height_px * factor)))
    reduced = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, dtype=np.uint8)


def _emptiness(pixels: Image, grey: NDArray[np.uint8]) -> str | None:
    clipped = clipped_fraction(pixels)
    if clipped > LARGEST_CLIPPED_FRACTION:
        return f"saturated: {100 * clipped:.0f} % of its pixels are at 255"
    # Shading and noise are no structure: what is left between two smoothings is.
    fine, coarse = cv2.GaussianBlur(grey, (0, 0), 1.5), cv2.GaussianBlur(grey, (0, 0), 12)
    contrast = float(np.std(fine.astype(np.float32) - coarse.astype(np.float32)))
    if contrast < SMALLEST_CONTRAST:
        return f"blank: its structure has a standard deviation of {contrast:.1f} grey levels"
    return None


class FieldCache:
    """Loaded fields, the least recently used dropped first when they take too much memory.

    Parameters
    ----------
    fields : sequence of PanoramaField
        The fields, by index.
    max_bytes : int
        Memory that the kept images may take; one image is always kept.
    """

    def __init__(self, fields: Sequence[PanoramaField], max_bytes: int) -> None:
        self._fields = fields
        self._max_bytes = max_bytes
        self._kept: OrderedDict[int, Image] = OrderedDict()

    def __getitem__(self, index: int) -> Image:
        """Give the image of a field, loaded if need be."""
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        pixels = load_checked(self._fields[index])
        self._kept[index] = pixels
        while len(self._kept) > 1 and self._bytes() > self._max_bytes:
            self._kept.popitem(last=False)
        return pixels

    def _bytes(self) -> int:
        return sum(pixels.nbytes for pixels in self._kept.values())
