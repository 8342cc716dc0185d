"""Fit the matrix that takes the light of a photograph to the light of the reference camera.

The sum of squared CIEDE2000 differences is minimised from the white balance, with a ridge that
holds the matrix near it. The differences enter the solver not as lengths but as vectors of that
length along the difference in CIELAB. The sum of squares is the same to the last digit, but a
vector passes smoothly through zero where a length has a kink: on LumenStone images 15 evaluations
of the Jacobian then reach a lower sum (21) than 200 with lengths (33).

References
----------
Indychko, Khvostikov, Korshunov & Boguslavskii 2022, doi:10.1007/s10598-023-09588-z (affine matrix,
CIEDE2000, start from the white balance). Wolf 2003, NTIA TM-04-406 (colour correction matrices).
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.calibration.colour_calibration import Model
from petrography.calibration.colour_difference import ciede2000, lab_of_light

__all__ = [
    "AFFINE_ANCHORS",
    "condition_number",
    "corrected_light",
    "fit_matrix",
    "model_for",
    "white_balance",
]

_Floats = NDArray[np.float64]

# CIEDE2000 units per unit of the matrix. Chosen on LumenStone images and on rendered minerals
# behind filters, held-out minerals, 5-6 anchors: 1 follows the scatter of real minerals (median
# 3.9 against 3.2), 20 leaves the crosstalk of filters (0.7 against 0.4). Offsets are ten times
# smaller than gains, and two bright anchors must not throw the dark ones off.
_RIDGE = np.array([6.0, 6.0, 6.0, 60.0])[:, None]
_MAX_EVALUATIONS = 60
# So many phases of different colours have light for the 12 numbers of an affine matrix.
AFFINE_ANCHORS = 4
# Below this ratio of light the offset is that of rounding to 8 bits: it threw dark phases off by 4.
_LEAST_CONTRAST = 2.0
_FREE: dict[Model, NDArray[np.bool_]] = {
    "affine": np.ones((4, 3), dtype=np.bool_),
    "diagonal-offset": np.vstack([np.eye(3), np.ones((1, 3))]).astype(np.bool_),
}


def model_for(seen: _Floats) -> Model:
    """Choose the richest model that the anchors settle.

    Parameters
    ----------
    seen : ndarray of float64, shape (anchors, 3)
        Linear light in the photograph.

    Returns
    -------
    {"affine", "diagonal-offset", "white-balance"}
        An offset beside a gain wants two anchors of which one has twice the light of the other.

    Examples
    --------
    >>> [model_for(np.full((1, 3), 0.1)), model_for(np.array([[0.1] * 3, [0.5] * 3]))]
    ['white-balance', 'diagonal-offset']
    """
    if len(seen) >= AFFINE_ANCHORS:
        return "affine"
    contrast = seen.max(axis=0) / np.maximum(seen.min(axis=0), 1e-9)
    return "diagonal-offset" if contrast.min() >= _LEAST_CONTRAST else "white-balance"


def white_balance(seen: _Floats, wanted: _Floats, weights: _Floats) -> _Floats:
    """Gain for each channel that makes the weighted sums of light equal.

    Parameters
    ----------
    seen, wanted : ndarray of float64, shape (anchors, 3)
        Linear light, above 0 in every channel somewhere.
    weights : ndarray of float64, shape (anchors,)
        Of the anchors.

    Returns
    -------
    ndarray of float64, shape (4, 3)
        Diagonal, the last row zero.
    """
    gains = (weights @ wanted) / (weights @ seen)
    return np.vstack([np.diag(gains), np.zeros(3)])


def fit_matrix(seen: _Floats, wanted: _Floats, weights: _Floats, model: Model) -> _Floats:
    """Fit the free numbers of a model, the others stay those of the white balance.

    Parameters
    ----------
    seen, wanted : ndarray of float64, shape (anchors, 3)
        Linear light in the photograph and in the reference.
    weights : ndarray of float64, shape (anchors,)
        Of the squared differences.
    model : {"affine", "diagonal-offset", "white-balance"}
        What is free.

    Returns
    -------
    ndarray of float64, shape (4, 3)
        ``[light, 1] @ matrix`` is the corrected light.
    """
    start = white_balance(seen, wanted, weights)
    if model == "white-balance":
        return start
    free, wanted_lab = _FREE[model], lab_of_light(wanted)
    roots = np.sqrt(weights / weights.mean())[:, None]

    def residuals(numbers: _Floats) -> _Floats:
        matrix = _with(start, free, numbers)
        vectors = roots * _difference_vectors(corrected_light(seen, matrix), wanted_lab)
        return np.concatenate([vectors.ravel(), (_RIDGE * (matrix - start))[free]])

    fitted = scipy.optimize.least_squares(
        residuals,
        start[free],
        method="trf",
        x_scale="jac",
        max_nfev=_MAX_EVALUATIONS,
        ftol=1e-6,
        xtol=1e-6,
    )
    return _with(start, free, np.asarray(fitted.x))


def corrected_light(light: _Floats, matrix: _Floats) -> _Floats:
    """Light after the correction; below 0 or above 1 where the camera would clip."""
    return np.asarray(light @ matrix[:3] + matrix[3])


def condition_number(seen: _Floats) -> float:
    """How badly the anchors settle an affine matrix: 1 is best, infinite is not at all."""
    values = np.linalg.svd(np.column_stack([seen, np.ones(len(seen))]), compute_uv=False)
    if len(seen) < AFFINE_ANCHORS or values[-1] <= values[0] * 1e-12:
        return float("inf")
    return float(values[0] / values[-1])


def _with(start: _Floats, free: NDArray[np.bool_], numbers: _Floats) -> _Floats:
    matrix = start.copy()
    matrix[free] = numbers
    return matrix


def _difference_vectors(light: _Floats, wanted_lab: _Floats) -> _Floats:
    """Vectors of the length CIEDE2000 in the direction of the difference in CIELAB."""
    lab = lab_of_light(light)
    along = lab - wanted_lab
    lengths = np.linalg.norm(along, axis=1)
    scale = np.divide(
        ciede2000(lab, wanted_lab), lengths, out=np.ones_like(lengths), where=lengths > 1e-9
    )
    return np.asarray(scale[:, None] * along)
