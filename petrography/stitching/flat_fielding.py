"""The shading of a microscope, found from the overlaps of the fields themselves.

What two fields show of one place differs by where it lies in each of them. So the logarithm of the
shading, a polynomial of the place in the field, is solved for in all overlaps at once; what is
photographed cancels out. The mean of all fields says the rest: what overlaps cannot tell (a
constant slope looks like a drift of the exposure) and the middle that no overlap reaches.

References
----------
Goldman 2010, doi:10.1109/TPAMI.2010.55 (vignetting and exposure from overlapping images).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.registration import Points
from petrography.stitching.fields import Survey
from petrography.stitching.overlaps import Overlap

__all__ = ["Shading", "earned_shading", "estimate_shading"]

# With fewer the middle of the field is a guess.
FEWEST_FIELDS = 4
DEGREE = 4
# The shading must bring the differences between fields down to this share.
EARNED = 0.9
# Expected sizes, as logarithms: exposure from field to field, a coefficient of the shading.
GAIN_SPREAD, COEFFICIENT_SPREAD = 0.03, 0.3
# Smallest relative scatter of a pair of levels, from noise and JPEG.
LEVEL_SCATTER = 0.005
# Cells of the mean of all fields.
CELLS = (9, 12)
# Neighbouring places of an overlap err alike; so many count as one.
ALIKE_SAMPLES = 5.0
STEPS = 6
# Differences beyond so many scatters count by their size, not their square.
HUBER = 1.5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shading:
    """A smooth shading.

    Attributes
    ----------
    shape : tuple of int
        (height, width) of the fields.
    coefficients : ndarray of float64, shape (terms, 3)
        Of the logarithm of the levels, for red, green and blue; its mean over the field is 0.
    """

    shape: tuple[int, int]
    coefficients: Floats

    def correction(self, points_xy: Points) -> Floats:
        """Factors on the levels at places of the field, shape (n, 3)."""
        return np.asarray(np.exp(-_terms(points_xy, self.shape) @ self.coefficients))


def _exponents() -> list[tuple[int, int]]:
    return [(x, total - x) for total in range(1, DEGREE + 1) for x in range(total, -1, -1)]


def _terms(points_xy: Points, shape: tuple[int, int]) -> Floats:
    """Polynomials of the place, each of mean 0 over the field, shape (n, terms)."""
    x, y = (2.0 * (points_xy[:, axis] + 0.5) / shape[1 - axis] - 1.0 for axis in (0, 1))
    return np.stack([x**i * y**j - _mean(i) * _mean(j) for i, j in _exponents()], axis=1)


def _mean(power: int) -> float:
    """Mean of a power over [-1, 1]."""
    return 0.0 if power % 2 else 1.0 / (power + 1)


def earned_shading(
    surveys: Sequence[Survey], members: Sequence[int], overlaps: Sequence[Overlap]
) -> tuple[Shading | None, list[str]]:
    """Estimate the shading and keep it only if it makes the overlaps clearly more alike.

    Returns
    -------
    tuple of Shading or None and list of str
        The shading, and why there is none although it was wanted.
    """
    if len(members) < FEWEST_FIELDS:
        return None, [f"{len(members)} fields: the shading is estimated from {FEWEST_FIELDS} up"]
    if len({surveys[member].shape for member in members}) > 1 or not overlaps:
        return None, ["fields of several sizes or without colours: no shading was estimated"]
    shading, before, after = estimate_shading(surveys, members, overlaps)
    return (shading, []) if after < EARNED * before else (None, [])


def estimate_shading(
    surveys: Sequence[Survey], members: Sequence[int], overlaps: Sequence[Overlap]
) -> tuple[Shading, float, float]:
    """Estimate the shading that all fields have in common.

    Parameters
    ----------
    surveys : sequence of Survey
        Of all fields, of one size.
    members : sequence of int
        Fields that are placed.
    overlaps : sequence of Overlap
        Between them.

    Returns
    -------
    tuple of Shading, float and float
        The shading, and how much the levels of a place differ between fields (root mean square of
        the logarithm, gains taken out) before and after its correction.
    """
    shape = surveys[members[0]].shape
    at = {member: place for place, member in enumerate(members)}
    first = np.concatenate([np.full(len(o.first_xy), at[o.first]) for o in overlaps])
    second = np.concatenate([np.full(len(o.first_xy), at[o.second]) for o in overlaps])
    slopes = np.concatenate(
        [_terms(o.first_xy, shape) - _terms(o.second_xy, shape) for o in overlaps]
    )
    differences = np.concatenate([o.first_log - o.second_log for o in overlaps])
    exposures = _incidence(first, len(members)) - _incidence(second, len(members))
    design = scipy.sparse.hstack([scipy.sparse.csr_matrix(slopes), exposures], format="csr")
    means = _mean_logs(surveys, members)
    coefficients, before, after = [], [], []
    for channel in range(3):
        prior = _prior(means[..., channel], shape)
        values, left = _solve(design, differences[:, channel], prior.beside_gains(len(members)))
        _, plain = _solve(exposures, differences[:, channel], _gain_prior(len(members)))
        coefficients.append(values[: slopes.shape[1]])
        before.append(plain**2)
        after.append(left**2)
    shading = Shading(shape, np.stack(coefficients, axis=1))
    return shading, float(np.mean(before) ** 0.5), float(np.mean(after) ** 0.5)


def _incidence(fields: NDArray[np.int_], count: int) -> scipy.sparse.csr_matrix:
    rows = np.arange(len(fields))
    return scipy.sparse.csr_matrix((np.ones(len(fields)), (rows, fields)), (len(fields), count))


def _solve(design: scipy.sparse.csr_matrix, values: Floats, prior: _Prior) -> tuple[Floats, float]:
    """Least squares with Huber's weights and a prior; returns what is left, root mean square."""
    weights = np.full(len(values), 1.0 / (ALIKE_SAMPLES * LEVEL_SCATTER**2))
    for _ in range(STEPS):
        weighted = design.T.multiply(weights).tocsr()
        normal = (weighted @ design).toarray() + prior.matrix
        found = np.linalg.solve(normal, weighted @ values + prior.pull)
        left = np.abs(values - design @ found)
        scatter = max(LEVEL_SCATTER, 1.4826 * float(np.median(left)))
        weights = np.minimum(1.0, HUBER * scatter / np.maximum(left, 1e-12))
        weights /= ALIKE_SAMPLES * scatter**2
    return found, float(np.sqrt(np.mean(np.minimum(left, 3.0 * np.median(left)) ** 2)))


@dataclass(frozen=True)
class _Prior:
    """Normal equations of what is known of the coefficients without overlaps."""

    matrix: Floats
    pull: Floats

    def beside_gains(self, fields: int) -> _Prior:
        """Join it to what is known of the gains."""
        return _Prior(
            scipy.linalg.block_diag(self.matrix, _gain_prior(fields).matrix),
            np.concatenate([self.pull, np.zeros(fields)]),
        )


def _gain_prior(fields: int) -> _Prior:
    return _Prior(np.eye(fields) / GAIN_SPREAD**2, np.zeros(fields))


def _mean_logs(surveys: Sequence[Survey], members: Sequence[int]) -> Floats:
    """Logarithm of the mean level of every cell of every field, shape (fields, h, w, 3)."""
    size = (CELLS[1], CELLS[0])
    cells = [
        cv2.resize(surveys[m].colour.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for m in members
    ]
    return np.log(np.maximum(np.stack(cells).astype(np.float64), 1.0))


def _prior(logs: Floats, shape: tuple[int, int]) -> _Prior:
    """What the mean of all fields says, as surely as the fields agree on each polynomial."""
    rows, cols = (np.arange(cells) for cells in CELLS)
    y, x = np.meshgrid((rows + 0.5) / CELLS[0], (cols + 0.5) / CELLS[1], indexing="ij")
    points = np.stack([x.ravel() * shape[1], y.ravel() * shape[0]], axis=1) - 0.5
    # Polynomials that do not overlap, so that each has an uncertainty of its own: what is
    # photographed varies over large parts of a field more than over small ones.
    orthogonal, to_orthogonal = np.linalg.qr(_terms(points, shape))
    relative = logs - logs.mean(axis=(1, 2), keepdims=True)
    seen = relative.reshape(len(logs), -1) @ orthogonal
    spread = np.maximum(seen.var(axis=0, ddof=1) / len(logs), LEVEL_SCATTER**2)
    weighted = to_orthogonal.T / spread
    matrix = weighted @ to_orthogonal + np.eye(len(to_orthogonal)) / COEFFICIENT_SPREAD**2
    return _Prior(matrix, weighted @ seen.mean(axis=0))
