"""From a reflectance spectrum to the colour that a halogen-lit microscope camera records.

Reflectance times illuminant A, integrated with the CIE 1931 colour matching functions, adapted to
D65, gives linear RGB in which a perfect mirror is (1, 1, 1). The camera is a gain for each channel,
a flare and the sRGB curve, fitted to the mean colours of five phases in LumenStone S2 images.

References
----------
Wyman, Sloan & Shirley 2013, Journal of Computer Graphics Techniques 2(2):1-11 (colour matching
functions as sums of Gaussians). Lam 1985, thesis, University of Bradford (adaptation). IEC
61966-2-1:1999 (sRGB).
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.phantoms.reflectances import REFLECTANCES, Reflectance

__all__ = [
    "CAMERA_FLARE",
    "CAMERA_GAIN",
    "WAVELENGTHS_NM",
    "decode_srgb",
    "encode_srgb",
    "linear_rgb",
    "reflectance_curve",
    "rendered_srgb",
    "spectra_to_linear_rgb",
]

_Floats: TypeAlias = NDArray[np.float64]

# Fit to the S2 centroids of LumenStone, root mean square residual 3.4 grey levels.
CAMERA_GAIN = (1.059, 0.962, 0.900)
CAMERA_FLARE = 0.0096

WAVELENGTHS_NM: _Floats = np.arange(400.0, 701.0, 5.0)
_ILLUMINANT_A_K = 2856.0
_SECOND_RADIATION_CONSTANT_NM_K = 1.4388e7

# Lobes of Wyman, Sloan & Shirley 2013: height, centre (nm), slope below, slope above (1/nm).
_LOBES: tuple[tuple[tuple[float, float, float, float], ...], ...] = (
    (
        (0.362, 442.0, 0.0624, 0.0374),
        (1.056, 599.8, 0.0264, 0.0323),
        (-0.065, 501.1, 0.0490, 0.0382),
    ),
    ((0.821, 568.8, 0.0213, 0.0247), (0.286, 530.9, 0.0613, 0.0322)),
    ((1.217, 437.0, 0.0845, 0.0278), (0.681, 459.0, 0.0385, 0.0725)),
)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D65_XYZ = np.array([0.95047, 1.0, 1.08883])
_XYZ_TO_LINEAR_SRGB = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)


def reflectance_curve(reflectance: Reflectance) -> NDArray[np.float64]:
    """Interpolate a reflectance on the wavelengths 400, 405 ... 700 nm.

    Between knots the curve is linear; beyond them it goes on with half the slope of its last
    piece, and never below 0.5 %.

    Returns
    -------
    ndarray of float64, shape (61,)
        Fraction of light, in [0.005, 1].
    """
    nm = np.array(list(reflectance.percent_by_nm), dtype=np.float64)
    percent = np.array(list(reflectance.percent_by_nm.values()), dtype=np.float64)
    curve = np.interp(WAVELENGTHS_NM, nm, percent)
    slopes = 0.5 * np.diff(percent) / np.diff(nm)
    curve += np.minimum(WAVELENGTHS_NM - nm[0], 0.0) * slopes[0]
    curve += np.maximum(WAVELENGTHS_NM - nm[-1], 0.0) * slopes[-1]
    return np.maximum(curve, 0.5) / 100.0


@cache
def linear_rgb(name: str) -> NDArray[np.float64]:
    """Linear RGB of a polished surface under illuminant A, perfectly white balanced.

    Parameters
    ----------
    name : str
        A key of `REFLECTANCES`.

    Returns
    -------
    ndarray of float64, shape (3,), read-only
        A perfect mirror would be (1, 1, 1).

    Raises
    ------
    InvalidParameterError
        If no reflectance has this name.
    """
    if name not in REFLECTANCES:
        msg = f"no reflectance is named {name!r}; known are {', '.join(REFLECTANCES)}"
        raise InvalidParameterError(msg)
    colour = spectra_to_linear_rgb(reflectance_curve(REFLECTANCES[name]))
    colour.setflags(write=False)
    return colour


def rendered_srgb(name: str) -> tuple[int, int, int]:
    """Colour of a phase in a photograph by the fitted LumenStone camera.

    Parameters
    ----------
    name : str
        A key of `REFLECTANCES`, such as ``"chalcopyrite"`` or ``"pyrrhotite Ro"``.

    Returns
    -------
    tuple of int
        sRGB, 0-255.

    Raises
    ------
    InvalidParameterError
        If no reflectance has this name.

    Examples
    --------
    >>> rendered_srgb("pyrite")
    (204, 188, 171)
    """
    exposed = np.array(CAMERA_GAIN) * (linear_rgb(name) + CAMERA_FLARE)
    red, green, blue = np.rint(255.0 * encode_srgb(exposed.astype(np.float32))).astype(int)
    return int(red), int(green), int(blue)


def encode_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply the sRGB curve; what lies outside [0, 1] is clipped first.

    Parameters
    ----------
    linear : ndarray of float32
        Linear light, 1 is the white of the camera.

    Returns
    -------
    ndarray of float32, same shape
        In [0, 1].

    References
    ----------
    IEC 61966-2-1:1999.
    """
    clipped = np.clip(linear, 0.0, 1.0)
    encoded: NDArray[np.float32] = np.power(clipped, np.float32(1 / 2.4))
    encoded *= np.float32(1.055)
    encoded -= np.float32(0.055)
    return np.where(clipped <= 0.0031308, np.float32(12.92) * clipped, encoded)


def decode_srgb(encoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo the sRGB curve, the inverse of `encode_srgb` on [0, 1].

    References
    ----------
    IEC 61966-2-1:1999.
    """
    bent = np.power((encoded + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
    return np.where(encoded <= 0.04045, encoded / np.float32(12.92), bent)


def spectra_to_linear_rgb(spectra: NDArray[np.float64]) -> NDArray[np.float64]:
    """See spectra under illuminant A, perfectly white balanced.

    Parameters
    ----------
    spectra : ndarray of float64, shape (..., 61)
        Reflected or transmitted fraction at `WAVELENGTHS_NM`.

    Returns
    -------
    ndarray of float64, shape (..., 3)
        Linear RGB; a spectrum of ones is (1, 1, 1), saturated colours may leave [0, 1].
    """
    return np.asarray(spectra @ _spectrum_to_linear_rgb().T)


@cache
def _spectrum_to_linear_rgb() -> _Floats:
    """Matrix of shape (3, 61) that takes a reflectance curve to linear RGB."""
    matching = np.array([[_lobes_at(nm, lobes) for nm in WAVELENGTHS_NM] for lobes in _LOBES])
    radiation = WAVELENGTHS_NM**-5 / np.expm1(
        _SECOND_RADIATION_CONSTANT_NM_K / (WAVELENGTHS_NM * _ILLUMINANT_A_K)
    )
    weights = matching * radiation
    weights /= weights[1].sum()
    cone_gain = (_BRADFORD @ _D65_XYZ) / (_BRADFORD @ weights.sum(axis=1))
    adaptation = np.linalg.solve(_BRADFORD, cone_gain[:, None] * _BRADFORD)
    matrix: _Floats = _XYZ_TO_LINEAR_SRGB @ adaptation @ weights
    return matrix


def _lobes_at(nm: float, lobes: tuple[tuple[float, float, float, float], ...]) -> float:
    total = 0.0
    for height, centre, slope_below, slope_above in lobes:
        offset = (nm - centre) * (slope_below if nm < centre else slope_above)
        total += height * float(np.exp(-0.5 * offset**2))
    return total
