"""Sub-pixel refinement: the transform under which the structures of two images correlate best."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.registration.consensus import Model
from petrography.registration.geometry import (
    Matrix,
    Shape,
    as_matrix,
    corner_shift_px,
    joined,
    scale_of,
    valid_mask,
)
from petrography.registration.structure import Grey, Kind, structure
from petrography.registration.working_size import WorkingImage, working_image

__all__ = ["Refined", "at_the_scale_of", "correlation", "laid_over", "refine", "start_correlation"]

# From coarse to fine: what the first cannot tell from noise, the second sharpens.
_SMOOTHINGS_PX = (2.5, 1.2)
_ITERATIONS = 12
_CONVERGED_PX = 0.003
# A refinement that moves a corner farther has jumped to the next grain.
_MOST_SHIFT_PX = 6.0
# Errors beyond this many robust standard deviations are dust, twins, grains that changed.
_TUKEY_WIDTH = 4.685
_MAD_TO_SIGMA = 1.4826
_LEAST_OVERLAP_PX = 2000
_SAME_MAGNIFICATION = 0.05


@dataclass(frozen=True)
class Refined:
    """A refined transform, or the start where refining did not help.

    Attributes
    ----------
    matrix : ndarray of float64, shape (2, 3)
        Moving to reference.
    correlation : float
        Of the structures over the overlap, in [-1, 1].
    """

    matrix: Matrix
    correlation: float


@dataclass(frozen=True)
class _Pair:
    """Structures of both images, and the moving image's own shape."""

    reference: Grey
    moving: Grey


def refine(
    reference: Grey,
    moving: Grey,
    start: Matrix,
    *,
    model: Model,
    kind: Kind,
    smoothings_px: tuple[float, ...] = _SMOOTHINGS_PX,
    most_shift_px: float = _MOST_SHIFT_PX,
) -> Refined:
    """Refine a transform that is right to a few pixels.

    Gauss-Newton on the difference of the structures with robust weights and the gain that
    correlates them best; gradients are the mean of both images', which makes the steps of second
    order. The result is kept only if it correlates better than the start and stays near it.

    Parameters
    ----------
    reference, moving : ndarray of float32, shape (height, width)
        Green light.
    start : ndarray of float64, shape (2, 3)
        Moving to reference.
    model : {"similarity", "affine"}
        How the transform may change.
    kind : {"contrast", "edges"}
        Which structure is correlated.

    References
    ----------
    Evangelidis & Psarakis 2008, doi:10.1109/TPAMI.2008.113 (ECC); Benhimane & Malis 2004,
    doi:10.1109/IROS.2004.1389474 (second-order steps).
    """
    there = working_image(reference)
    here = at_the_scale_of(there, moving, start)
    first = joined(there.from_full, joined(start, here.to_full))
    matrix = first
    for smoothing_px in smoothings_px:
        pair = _Pair(*(structure(one.grey, kind, smoothing_px) for one in (there, here)))
        matrix = _climb(pair, matrix, model)
    before, after = (correlation(pair.reference, pair.moving, one) for one in (first, matrix))
    near = corner_shift_px(first, matrix, here.grey.shape) <= most_shift_px
    if near and after > before:
        full = joined(there.to_full, joined(matrix, here.from_full))
        return Refined(full, after)
    return Refined(start, before)


def start_correlation(reference: Grey, moving: Grey, matrix: Matrix, kind: Kind) -> float:
    """Correlation of the coarse structures of two images under a matrix, in [-1, 1]."""
    there = working_image(reference)
    here = at_the_scale_of(there, moving, matrix)
    fixed, laid = (structure(one.grey, kind, _SMOOTHINGS_PX[0]) for one in (there, here))
    return correlation(fixed, laid, joined(there.from_full, joined(matrix, here.to_full)))


def at_the_scale_of(reference: WorkingImage, moving: Grey, start: Matrix) -> WorkingImage:
    """Resample the moving image so that one of its pixels is about one of the reference copy."""
    scale = scale_of(start)
    # A view of the same magnification needs no second interpolation, which would bias its scale.
    scale = scale if abs(scale - 1.0) > _SAME_MAGNIFICATION else 1.0
    return working_image(moving, scale / scale_of(reference.to_full))


def _climb(pair: _Pair, matrix: Matrix, model: Model) -> Matrix:
    shape: Shape = pair.reference.shape
    for _ in range(_ITERATIONS):
        warped, valid = laid_over(pair.moving, matrix, shape)
        if np.count_nonzero(valid) < _LEAST_OVERLAP_PX:
            break
        step = _step(pair.reference, warped, valid, model)
        matrix = joined(step, matrix)
        if corner_shift_px(step, np.eye(2, 3), shape) < _CONVERGED_PX:
            break
    return matrix


def laid_over(moving: Grey, matrix: Matrix, shape: Shape) -> tuple[Grey, NDArray[np.bool_]]:
    """Lay a structure over the reference; returns it and where it is valid."""
    size = (shape[1], shape[0])
    # Linear is exact to 0.001 px on smoothed structure; OpenCV's cubic is off by up to 0.05 px.
    warped = cv2.warpAffine(moving, matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(warped, dtype=np.float32), valid_mask(matrix, moving.shape, shape, 3.0)


def correlation(reference: Grey, moving: Grey, matrix: Matrix) -> float:
    """Pearson correlation of two structures over their overlap; 0 where there is none."""
    warped, valid = laid_over(moving, matrix, reference.shape)
    if np.count_nonzero(valid) < _LEAST_OVERLAP_PX:
        return 0.0
    return float(np.corrcoef(reference[valid], warped[valid])[0, 1])


def _step(reference: Grey, warped: Grey, valid: NDArray[np.bool_], model: Model) -> Matrix:
    """Small transform, in the reference, that brings the laid-over image nearer."""
    there, here = reference[valid], warped[valid]
    gain = float(there @ here) / max(float(here @ here), 1e-9)
    error = gain * here - there
    weights = _robust_weights(error)
    slope_x, slope_y = (
        0.5 * (cv2.Scharr(reference + gain * warped, cv2.CV_32F, dx, 1 - dx, scale=1 / 32))[valid]
        for dx in (1, 0)
    )
    directions, centre, reach_px = _directions(valid, slope_x, slope_y, model)
    weighted = directions * weights
    normal = (weighted @ directions.T).astype(np.float64)
    solved = np.linalg.lstsq(normal, (weighted @ error).astype(np.float64))[0]
    return _as_step(np.asarray(solved, dtype=np.float64), centre, reach_px, model)


def _robust_weights(error: Grey) -> Grey:
    scale = _MAD_TO_SIGMA * float(np.median(np.abs(error[:: max(1, len(error) // 50_000)])))
    reach = np.float32(_TUKEY_WIDTH * max(scale, 1e-6))
    return np.asarray(np.maximum(0.0, 1 - (error / reach) ** 2) ** 2, dtype=np.float32)


def _directions(
    valid: NDArray[np.bool_], slope_x: Grey, slope_y: Grey, model: Model
) -> tuple[Grey, NDArray[np.float64], float]:
    """Change of the image with every parameter, shape (parameters, pixels)."""
    rows, cols = np.nonzero(valid)
    centre = np.array([cols.mean(), rows.mean()])
    reach_px = float(max(valid.shape))
    x = ((cols - centre[0]) / reach_px).astype(np.float32)
    y = ((rows - centre[1]) / reach_px).astype(np.float32)
    if model == "similarity":
        moves = [slope_x, slope_y, x * slope_x + y * slope_y, x * slope_y - y * slope_x]
    else:
        moves = [slope_x, slope_y, *(a * b for a in (slope_x, slope_y) for b in (x, y))]
    return np.stack(moves), centre, reach_px


def _as_step(
    solved: NDArray[np.float64], centre: NDArray[np.float64], reach_px: float, model: Model
) -> Matrix:
    shift, rest = solved[:2], solved[2:] / reach_px
    if model == "similarity":
        growth, turn = rest
        linear = np.eye(2) + np.array([[growth, -turn], [turn, growth]])
    else:
        linear = np.eye(2) + rest.reshape(2, 2)
    return as_matrix(linear, shift + centre - linear @ centre)
