"""Which pixels change with the stage between crossed polars, and which only by noise."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Image
from petrography.registration.harmonic_fit import Plane
from petrography.registration.harmonics import HarmonicStack

__all__ = ["AnisotropyMap", "anisotropy", "anisotropy_picture"]

_FALSE_POSITIVE_FRACTION = 1e-3
# The picture ends at this percentile of what is tested, so that dust does not darken it.
_BRIGHT_PERCENTILE = 99.0
_LEGEND_PX, _LEGEND_TEXT_PX = 20, 26


@dataclass(frozen=True)
class AnisotropyMap:
    """How much brightness turns with the stage at every pixel, against its noise floor.

    Attributes
    ----------
    strength : ndarray of float32, shape (height, width)
        Root mean square over the views of what the harmonics explain, times root 2: for views
        spread evenly, the root of the summed squares of both amplitudes. Linear light, 1 is white;
        0 where not valid. It is what is tested; it changes a little with the views that cover a
        pixel, which `amplitude` does not.
    amplitude : ndarray of float32, shape (height, width)
        Root of the summed squares of both amplitudes, linear light; 0 where not valid.
    noise_floor : ndarray of float32, shape (height, width)
        Strength that noise alone exceeds in `false_positive_fraction` of isotropic pixels; NaN
        where nothing can be tested.
    anisotropic : ndarray of bool, shape (height, width)
        Strength above the noise floor.
    tested : ndarray of bool, shape (height, width)
        Where there is a noise floor; elsewhere `anisotropic` says nothing.
    false_positive_fraction : float
        Of isotropic pixels.
    """

    strength: Plane
    amplitude: Plane
    noise_floor: Plane
    anisotropic: NDArray[np.bool_]
    tested: NDArray[np.bool_]
    false_positive_fraction: float

    @property
    def isotropic(self) -> NDArray[np.bool_]:
        """Tested, and not above the noise floor: isotropic, or cut across the optic axis."""
        return self.tested & ~self.anisotropic


def anisotropy(
    stack: HarmonicStack, *, false_positive_fraction: float = _FALSE_POSITIVE_FRACTION
) -> AnisotropyMap:
    """Test every pixel for brightness that turns with the stage.

    The sum of squares that the harmonics explain, over the variance of a view, is chi-squared
    distributed for an isotropic pixel, with as many degrees of freedom as there are turning
    parameters. It is judged by itself and not over the mean: dark phases would always look more
    anisotropic.

    Parameters
    ----------
    stack : HarmonicStack
        Of `xpl_harmonics`.
    false_positive_fraction : float, optional
        Of isotropic pixels that may be called anisotropic, above 0 and below 1.

    Raises
    ------
    InvalidParameterError
        If the fraction is out of its range.

    Examples
    --------
    >>> from petrography.registration import xpl_harmonics
    >>> rng = np.random.default_rng(1)
    >>> views = rng.normal(0.2, 0.01, (8, 40, 40))
    >>> turns = np.arange(8) * 22.5
    >>> views[:, :20] += 0.1 * np.cos(np.radians(4 * turns))[:, None, None]
    >>> found = anisotropy(xpl_harmonics(views, turns))
    >>> [float(half.mean().round(2)) for half in np.split(found.anisotropic, 2)]
    [1.0, 0.0]
    """
    if not 0.0 < false_positive_fraction < 1.0:
        msg = f"false_positive_fraction is {false_positive_fraction}; wanted above 0 and below 1"
        raise InvalidParameterError(msg)
    views = np.maximum(stack.sums.views, 1).astype(np.float32)
    strength = np.sqrt(2.0 * stack.sums.explained / views)
    turning = len(stack.design.kept) - 1
    reach = float(np.sqrt(2.0 * scipy.special.chdtri(turning, false_positive_fraction)))
    floor = np.asarray(stack.noise * (reach / np.sqrt(views)), dtype=np.float32)
    tested = stack.valid & np.isfinite(floor)
    return AnisotropyMap(
        strength=np.asarray(strength, dtype=np.float32),
        amplitude=np.where(stack.valid, np.hypot(stack.amplitude_2psi, stack.amplitude_4psi), 0.0),
        noise_floor=np.where(tested, floor, np.float32(np.nan)),
        anisotropic=tested & (strength > floor),
        tested=tested,
        false_positive_fraction=false_positive_fraction,
    )


def anisotropy_picture(found: AnisotropyMap) -> Image:
    """Draw the amplitude, with its scale below.

    Returns
    -------
    ndarray of uint8, shape (height + 46, width, 3)
        Viridis over the root of the amplitude, whose steps look alike; what was tested and is not
        above its noise floor is dark grey; white is what too few views cover or most of them show
        saturated. At least 240 px wide.
    """
    shown = found.amplitude > 0
    top = float(np.percentile(found.amplitude[shown], _BRIGHT_PERCENTILE)) if shown.any() else 0.0
    picture = _coloured(np.sqrt(np.clip(found.amplitude / max(top, 1e-9), 0.0, 1.0)))
    picture[found.isotropic] = 60
    picture[~shown & ~found.tested] = 255
    missing_px = max(0, 240 - picture.shape[1])
    widened = np.pad(picture, ((0, 0), (0, missing_px), (0, 0)), constant_values=255)
    return np.concatenate([widened, _legend(widened.shape[1], top)])


def _coloured(share: NDArray[np.float32]) -> Image:
    levels = np.asarray(np.rint(share * 255.0), dtype=np.uint8)
    # OpenCV gives blue first. Viridis: S. van der Walt & N. Smith, perceptually even.
    return np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1])


def _legend(width_px: int, top: float) -> Image:
    """Draw the scale: colours from 0 to the top, dark grey for isotropic."""
    legend = np.full((_LEGEND_PX + _LEGEND_TEXT_PX, width_px, 3), 255, dtype=np.uint8)
    scale_px = width_px // 2
    ramp = np.linspace(0.0, 1.0, scale_px, dtype=np.float32)
    legend[4:_LEGEND_PX, 4 : 4 + scale_px] = _coloured(np.tile(ramp, (_LEGEND_PX - 4, 1)))
    grey = slice(scale_px + 16, scale_px + 32)
    legend[4:_LEGEND_PX, grey] = 60
    for text, column, row in (
        ("0", 4, _LEGEND_PX + 16),
        (f"{top / 4:.2g}", scale_px // 2 - 10, _LEGEND_PX + 16),
        (f"{top:.2g} of white", scale_px - 20, _LEGEND_PX + 16),
        ("isotropic", scale_px + 36, _LEGEND_PX - 4),
    ):
        cv2.putText(legend, text, (column, row), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1)
    return legend
