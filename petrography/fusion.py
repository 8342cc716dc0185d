"""What a network sees of a place photographed in plane-polarised light and between crossed polars.

The fused input has the colours in plane-polarised light and what any number of views between
crossed polars say together, whatever their order: their mean colour over a turn of the stage, and
by how much the brightness swings with 2 psi and with 4 psi. Phases are left out: they tell how a
grain lies in the section, not what it is, and a network that sees turned patches must not use
them. A last channel says how much of all that is known at each pixel, so that one network serves
no view as well as twelve. Training and the service both make their inputs here.

References
----------
Razzhivina et al. 2024, doi:10.1007/s10598-024-09592-x (registered views between crossed polars as
further channels of a ResUNet).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.channels import RGB_CHANNELS
from petrography.errors import InvalidParameterError
from petrography.images import Image, require_image
from petrography.registration import (
    HarmonicStack,
    encoded_levels,
    linear_colour,
    xpl_harmonics,
)

__all__ = [
    "FUSED_CHANNELS",
    "KNOWN_CHANNEL",
    "MAX_VIEWS",
    "CrossedColour",
    "CrossedSignal",
    "crossed_signal",
    "fused_from_views",
    "fused_input",
]

KNOWN_CHANNEL = "XPL known"
FUSED_CHANNELS = (
    *RGB_CHANNELS,
    "XPL R",
    "XPL G",
    "XPL B",
    "XPL 2psi",
    "XPL 4psi",
    KNOWN_CHANNEL,
)
# More views tell a network nothing new that it was ever trained on.
MAX_VIEWS = 12

# Of the five harmonic parameters: the mean alone, the mean with 4 psi, all.
_MEAN_ONLY, _MEAN_AND_4PSI, _ALL = 1, 3, 5
_LEVELS_A_PARAMETER = 51  # 5 * 51 = 255
Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]


class CrossedColour:
    """Sums the colours of views between crossed polars, in linear light, one view at a time.

    The sums do not depend on the order of the views beyond the rounding of float32.
    """

    def __init__(self) -> None:
        self._light: NDArray[np.float32] | None = None
        self._views: NDArray[np.uint16] | None = None

    def add(self, pixels: Image, valid: Mask) -> None:
        """Add a registered view.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (height, width, 3)
            sRGB, on the reference.
        valid : ndarray of bool, shape (height, width)
            Where it shows the field.
        """
        if self._light is None or self._views is None:
            self._light = np.zeros(pixels.shape, dtype=np.float32)
            self._views = np.zeros(valid.shape, dtype=np.uint16)
        np.add(self._light, linear_colour(pixels), out=self._light, where=valid[..., None])
        self._views += valid

    def mean(self) -> tuple[NDArray[np.float32], Mask] | None:
        """Mean colour, and where there is a view; None without views.

        Returns
        -------
        ndarray of float32 (height, width, 3) and ndarray of bool (height, width), or None
            Linear light, 1 is white, 0 where there is no view.
        """
        if self._light is None or self._views is None:
            return None
        mean = self._light / np.maximum(self._views, 1)[..., None]
        return np.asarray(mean, dtype=np.float32), self._views > 0


@dataclass(frozen=True, eq=False)
class CrossedSignal:
    """What views between crossed polars say together.

    Attributes
    ----------
    colour : ndarray of float32, shape (height, width, 3)
        Mean over the views, linear light, 1 is white; 0 where nothing is known.
    amplitude_2psi, amplitude_4psi : ndarray of float32, shape (height, width)
        Half the swing of the brightness, linear light; 0 where not known.
    parameters : ndarray of uint8, shape (height, width)
        Of the five harmonic parameters, how many are known: 0 no view, 1 the mean, 3 with 4 psi,
        5 with 2 psi.
    """

    colour: NDArray[np.float32]
    amplitude_2psi: Plane
    amplitude_4psi: Plane
    parameters: NDArray[np.uint8]


def crossed_signal(
    colour: CrossedColour, harmonics: HarmonicStack | None = None
) -> CrossedSignal | None:
    """Join the mean colour and the harmonics of the same views; None without views.

    Parameters
    ----------
    colour : CrossedColour
        Of the views.
    harmonics : HarmonicStack, optional
        Of the same views at the same size; None where they are fewer than 3 or their angles tell
        too little.
    """
    summed = colour.mean()
    if summed is None:
        return None
    mean, seen = summed
    nothing = np.zeros(seen.shape, dtype=np.float32)
    parameters = seen.astype(np.uint8) * np.uint8(_MEAN_ONLY)
    if harmonics is None:
        return CrossedSignal(mean, nothing, nothing, parameters)
    full = harmonics.model == "mean+2psi+4psi"
    parameters[harmonics.valid & seen] = _ALL if full else _MEAN_AND_4PSI
    return CrossedSignal(mean, harmonics.amplitude_2psi, harmonics.amplitude_4psi, parameters)


def fused_input(ppl: Image, signal: CrossedSignal | None = None) -> Image:
    """Give the channels of `FUSED_CHANNELS`.

    Parameters
    ----------
    ppl : ndarray of uint8, shape (height, width, 3)
        sRGB, in plane-polarised light.
    signal : CrossedSignal, optional
        Of the views over it; a smaller one is enlarged. None where there are no views.

    Returns
    -------
    ndarray of uint8, shape (height, width, 9)
        Red, green and blue as they are. Mean red, green, blue and both amplitudes as sRGB levels
        of linear light: 255 is the white of the views, 0 dark or not known. Last, 51 for each of
        the five harmonic parameters that is known.

    Raises
    ------
    InvalidParameterError
        If `ppl` is no RGB image.

    Examples
    --------
    >>> grey = np.full((2, 2, 3), 90, dtype=np.uint8)
    >>> fused_input(grey)[0, 0].tolist()
    [90, 90, 90, 0, 0, 0, 0, 0, 0]
    """
    height_px, width_px = require_image(ppl).shape[:2]
    fused = np.zeros((height_px, width_px, len(FUSED_CHANNELS)), dtype=np.uint8)
    fused[..., :3] = ppl
    if signal is None:
        return fused
    size = (width_px, height_px)
    planes = (*np.moveaxis(signal.colour, -1, 0), signal.amplitude_2psi, signal.amplitude_4psi)
    for channel, plane in enumerate(planes, start=3):
        fused[..., channel] = _enlarged(encoded_levels(plane), size, cv2.INTER_LINEAR)
    known = signal.parameters * np.uint8(_LEVELS_A_PARAMETER)
    fused[..., -1] = _enlarged(known, size, cv2.INTER_NEAREST)
    return fused


def fused_from_views(
    ppl: Image, views: Sequence[Image], stage_angles_deg: Sequence[float], valid: Sequence[Mask]
) -> Image:
    """Fuse registered views with the photograph that they lie over.

    Parameters
    ----------
    ppl : ndarray of uint8, shape (height, width, 3)
        sRGB, in plane-polarised light.
    views : sequence of ndarray of uint8, shape (height, width, 3)
        Any number, between crossed polars, on `ppl`.
    stage_angles_deg : sequence of float
        Of each view.
    valid : sequence of ndarray of bool, shape (height, width)
        Where each view shows the field.

    Returns
    -------
    ndarray of uint8, shape (height, width, 9)
        See `fused_input`.
    """
    colour = CrossedColour()
    for view, where in zip(views, valid, strict=True):
        colour.add(view, where)
    try:
        harmonics = xpl_harmonics(views, stage_angles_deg, valid) if views else None
    except InvalidParameterError:
        # Too few views, or angles that tell too little: the mean is known all the same.
        harmonics = None
    return fused_input(ppl, crossed_signal(colour, harmonics))


def _enlarged(plane: NDArray[np.uint8], size: tuple[int, int], method: int) -> NDArray[np.uint8]:
    if plane.shape == size[::-1]:
        return plane
    return np.asarray(cv2.resize(plane, size, interpolation=method), dtype=np.uint8)
