"""Order-free channels from any number of XPL views: how brightness turns with the stage.

Between crossed polars an anisotropic grain lights up and goes dark four times a turn (4 psi), and
twice (2 psi) where the polars are not quite crossed. Every pixel's brightness over the stage angle
is fitted with a mean and both harmonics at once; neither the number of views nor their order
matters, and views that miss a pixel are left out there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.registration.harmonic_design import (
    POOR_CONDITION,
    Design,
    HarmonicModel,
    choose_design,
)
from petrography.registration.harmonic_fit import Plane, Sums, fit_harmonics
from petrography.registration.linear_light import linear_luminance, quantum_variance, smoothed
from petrography.registration.noise import noise_of_a_view

__all__ = ["CHANNELS", "HarmonicStack", "xpl_harmonics"]

CHANNELS = (
    "mean",
    "amplitude_2psi",
    "amplitude_4psi",
    "cosine_2psi",
    "sine_2psi",
    "cosine_4psi",
    "sine_4psi",
)

_WHITE_LEVEL = 255
Views: TypeAlias = Sequence[NDArray[Any]] | NDArray[Any]
Covered: TypeAlias = Sequence[NDArray[np.bool_]] | NDArray[np.bool_]


@dataclass(frozen=True)
class HarmonicStack:
    """How brightness turns with the stage at every pixel; linear light, 1 is white.

    Attributes
    ----------
    sums : Sums
        Fitted coefficients and sums of squares at every pixel.
    noise : ndarray of float32, shape (height, width)
        Standard deviation of one view, from the residuals of pixels of like brightness and of those
        around, with the steps of the camera and the play of its exposure; NaN where it cannot be
        measured, for no pixel has more views than parameters.
    valid : ndarray of bool, shape (height, width)
        Covered by enough views at enough angles, and not white in most of them.
    design : Design
        Which harmonics were fitted.
    """

    sums: Sums
    noise: Plane
    valid: NDArray[np.bool_]
    design: Design

    @property
    def model(self) -> HarmonicModel:
        """Harmonics that were fitted."""
        return self.design.model

    @property
    def mean(self) -> Plane:
        """Mean brightness over a turn, shape (height, width)."""
        return np.asarray(self.sums.coefficients[0], dtype=np.float32)

    @property
    def amplitude_2psi(self) -> Plane:
        """Half the swing of the part that repeats after 180 degrees; 0 where not fitted."""
        return _amplitude(self.sums.coefficients[1:3])

    @property
    def amplitude_4psi(self) -> Plane:
        """Half the swing of the part that repeats after 90 degrees."""
        return _amplitude(self.sums.coefficients[3:5])

    @property
    def phase_2psi_deg(self) -> Plane:
        """Stage angle at which the 2-psi part is brightest, in [0, 180)."""
        return _phase_deg(self.sums.coefficients[1:3], 2)

    @property
    def phase_4psi_deg(self) -> Plane:
        """Stage angle at which the 4-psi part is brightest, in [0, 90)."""
        return _phase_deg(self.sums.coefficients[3:5], 4)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know of the angles."""
        found = []
        if self.model == "mean+4psi":
            found.append(
                "the stage angles cannot tell 2-psi from 4-psi signals; only 4 psi was fitted, "
                "which is right for exactly crossed polars"
            )
        if self.design.condition > POOR_CONDITION:
            found.append(
                f"the stage angles tell the harmonics apart poorly (condition number "
                f"{self.design.condition:.0f}, 1.4 is the best), so amplitudes are noisy; spread "
                "the views over 180 degrees, such as 0, 30, ..., 150"
            )
        if not self.sums.freedom.any():
            found.append(
                "no view is left to measure the noise, so nothing can be called isotropic or "
                "anisotropic; give more views, better 6 over 180 degrees"
            )
        return tuple(found)

    def channels(self) -> NDArray[np.float32]:
        """Give channels for a network, shape (height, width, 7), in the order of `CHANNELS`.

        The first three do not change when the section is turned. Phases come as the cosine and sine
        parts, which do not jump where an angle wraps.
        """
        turning = self.sums.coefficients
        planes = [turning[0], self.amplitude_2psi, self.amplitude_4psi, *turning[1:]]
        return np.stack(planes, axis=-1)


def xpl_harmonics(
    views: Views,
    stage_angles_deg: Sequence[float],
    valid: Covered | None = None,
    *,
    smoothing_px: float = 0.0,
) -> HarmonicStack:
    """Fit mean, 2-psi and 4-psi brightness to registered XPL views, jointly by least squares.

    Parameters
    ----------
    views : sequence of ndarray, shape (n, height, width) or (n, height, width, 3)
        Registered views of one exposure. uint8 is sRGB, and its luminance is brought to linear
        light; floating point is linear luminance already.
    stage_angles_deg : sequence of float
        Of each view.
    valid : sequence of ndarray of bool, shape (n, height, width), optional
        Where each view shows the field; everywhere by default.
    smoothing_px : float, optional
        Standard deviation of a Gaussian that takes noise away first; it makes the noise of
        views alike, which interpolation has smoothed by different amounts.

    Returns
    -------
    HarmonicStack
        The same bits for the same views in any order.

    Raises
    ------
    InvalidParameterError
        If there are fewer than 3 views, shapes differ, or the angles alias.

    References
    ----------
    Galopin & Henry 1972, Microscopic Study of Opaque Minerals (the Jones calculus of stage
    rotation).

    Examples
    --------
    >>> angles = [0, 30, 60, 90, 120, 150]
    >>> grain = [1 - np.cos(np.radians(4 * angle)) * np.ones((2, 2)) for angle in angles]
    >>> stack = xpl_harmonics(grain, angles)
    >>> float(stack.amplitude_4psi[0, 0].round(6)), float(stack.phase_4psi_deg[0, 0].round(3))
    (1.0, 45.0)
    """
    covered = _checked(views, stage_angles_deg, valid)
    order = _canonical_order(views, stage_angles_deg)
    design = choose_design(tuple(float(stage_angles_deg[one]) % 180.0 for one in order))
    believed = 2 * _white_views(views) <= len(order)
    sums = fit_harmonics(
        np.stack([_light(views[one], covered[one], smoothing_px) for one in order]),
        np.stack([covered[one] & believed for one in order]),
        design,
    )
    quantum = quantum_variance(sums.coefficients[0]) if views[0].dtype == np.uint8 else None
    noise = noise_of_a_view(sums, quantum)
    return HarmonicStack(sums, noise, sums.fitted, design)


def _amplitude(parts: NDArray[np.float32]) -> Plane:
    return np.asarray(np.hypot(parts[0], parts[1]), dtype=np.float32)


def _phase_deg(parts: NDArray[np.float32], times: int) -> Plane:
    """Stage angle of the maximum, in [0, 360 / times)."""
    turn_deg = 360.0 / times
    phase_deg = np.degrees(np.arctan2(parts[1], parts[0])) / times % turn_deg
    # The remainder of a tiny negative number rounds up to the whole turn.
    return np.asarray(np.where(phase_deg >= turn_deg, 0.0, phase_deg), dtype=np.float32)


def _checked(
    views: Views, stage_angles_deg: Sequence[float], valid: Covered | None
) -> list[NDArray[np.bool_]]:
    shapes = sorted({(view.shape, str(view.dtype)) for view in views})
    if len(shapes) != 1 or len(views) != len(stage_angles_deg):
        kinds = ", ".join(f"{dtype} {shape}" for shape, dtype in shapes) or "nothing"
        msg = (
            f"{len(views)} XPL views ({kinds}) and {len(stage_angles_deg)} stage angles are given; "
            "wanted views of one shape and type, and one angle for each"
        )
        raise InvalidParameterError(msg)
    if not np.isfinite(np.asarray(stage_angles_deg, dtype=np.float64)).all():
        msg = f"stage angles are {list(stage_angles_deg)}; wanted finite numbers of degrees"
        raise InvalidParameterError(msg)
    shape = views[0].shape[:2]
    given = [np.ones(shape, dtype=np.bool_)] * len(views) if valid is None else list(valid)
    if [one.shape for one in given] != [shape] * len(views):
        msg = f"masks have the shapes {[one.shape for one in given]}; wanted {shape} for each view"
        raise InvalidParameterError(msg)
    return given


def _canonical_order(views: Views, stage_angles_deg: Sequence[float]) -> list[int]:
    """Order by angle, then content: floating-point sums depend on their order."""
    keys = [
        (float(angle_deg) % 180.0, hashlib.sha256(view.tobytes()).digest())
        for angle_deg, view in zip(stage_angles_deg, views, strict=True)
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _light(view: NDArray[Any], covered: NDArray[np.bool_], smoothing_px: float) -> Plane:
    light = linear_luminance(view) if view.dtype == np.uint8 else view.astype(np.float32)
    if light.ndim != 2:
        msg = f"a view of floating point has the shape {view.shape}; wanted luminance, 2 axes"
        raise InvalidParameterError(msg)
    return smoothed(light, covered, smoothing_px) if smoothing_px > 0.0 else light


def _white_views(views: Views) -> NDArray[np.int64]:
    """In how many views each pixel is white, so that nobody knows how bright it was."""
    count = np.zeros(views[0].shape[:2], dtype=np.int64)
    if views[0].dtype == np.uint8:
        for view in views:
            levels = view if view.ndim == 2 else view.min(axis=2)
            count += levels >= _WHITE_LEVEL
    return count
