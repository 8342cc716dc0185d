"""Which harmonics a set of stage angles can tell apart, and the least squares that do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError

__all__ = ["Design", "HarmonicModel", "Solver", "choose_design"]

HarmonicModel: TypeAlias = Literal["mean+2psi+4psi", "mean+4psi"]

# Columns of the full design that each model keeps: mean, cos 2, sin 2, cos 4, sin 4.
_KEPT: dict[HarmonicModel, tuple[int, ...]] = {
    "mean+2psi+4psi": (0, 1, 2, 3, 4),
    "mean+4psi": (0, 3, 4),
}
COEFFICIENTS = 5
# 0 to 75 degrees by 15 has 34 and still works; five views by 15 have 111 and amplify noise 50-fold.
_MOST_CONDITION = 50.0
# Beyond this the harmonics are told apart so poorly that the user should know.
POOR_CONDITION = 10.0


@dataclass(frozen=True)
class Solver:
    """Least squares for the pixels that one set of views covers.

    Attributes
    ----------
    rows : ndarray of float64, shape (views, parameters)
        The design.
    inverse : ndarray of float64, shape (parameters, views)
        Its pseudo-inverse.
    covariance : ndarray of float64, shape (parameters, parameters)
        (A^T A)^-1: covariance of the parameters for noise of variance 1.
    """

    rows: NDArray[np.float64]
    inverse: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @property
    def freedom(self) -> int:
        """Views that are left to measure the noise."""
        views, parameters = self.rows.shape
        return int(views - parameters)

    @property
    def information(self) -> NDArray[np.float64]:
        """Inverse covariance of the anisotropic parameters, the mean being unknown."""
        return np.asarray(np.linalg.inv(self.covariance[1:, 1:]), dtype=np.float64)


@dataclass(frozen=True)
class Design:
    """The harmonics that are fitted, for views at known stage angles.

    Attributes
    ----------
    model : str
        ``mean+2psi+4psi``, or ``mean+4psi`` where the angles cannot tell the two apart.
    stage_angles_deg : tuple of float
        Of all views.
    condition : float
        Condition number with all views; 1.4 is the best, above 10 amplitudes get noisy.
    """

    model: HarmonicModel
    stage_angles_deg: tuple[float, ...]
    condition: float

    @property
    def kept(self) -> tuple[int, ...]:
        """Places of the fitted parameters among mean, cos 2, sin 2, cos 4, sin 4."""
        return _KEPT[self.model]

    def solver(self, covered: NDArray[np.bool_]) -> Solver | None:
        """Least squares for some of the views; None where they are too few or too much alike."""
        rows = _rows(self.stage_angles_deg, self.model)[covered]
        if _condition(rows) > _MOST_CONDITION:
            return None
        covariance = np.asarray(np.linalg.inv(rows.T @ rows), dtype=np.float64)
        return Solver(rows, covariance @ rows.T, covariance)


def choose_design(stage_angles_deg: tuple[float, ...]) -> Design:
    """Choose the richest model that the angles support.

    All terms repeat after 180 degrees. Five distinct angles or more support both harmonics, unless
    they alias: 0, 60, 120 cannot tell a 2-psi signal from a 4-psi one.

    Raises
    ------
    InvalidParameterError
        If the angles do not even support the 4-psi signal of crossed polars.
    """
    conditions: dict[HarmonicModel, float] = {}
    for model in _KEPT:
        conditions[model] = _condition(_rows(stage_angles_deg, model))
        if conditions[model] <= _MOST_CONDITION:
            return Design(model, stage_angles_deg, conditions[model])
    angles = ", ".join(f"{angle:g}" for angle in stage_angles_deg)
    msg = (
        f"{len(stage_angles_deg)} XPL views at {angles} degrees cannot show how brightness turns "
        "with the stage; wanted at least 3 angles that differ modulo 90, better 6 spread over 180 "
        "(0, 30, ..., 150)"
    )
    raise InvalidParameterError(msg)


def _rows(stage_angles_deg: tuple[float, ...], model: HarmonicModel) -> NDArray[np.float64]:
    angles = np.radians(np.mod(stage_angles_deg, 180.0))
    full = [np.ones_like(angles)]
    for times in (2.0, 4.0):
        full += [np.cos(times * angles), np.sin(times * angles)]
    return np.stack(full, axis=1)[:, _KEPT[model]]


def _condition(rows: NDArray[np.float64]) -> float:
    if rows.shape[0] < rows.shape[1]:
        return float("inf")
    return float(np.linalg.cond(rows))
