"""Where key points fail: the shift and small turn under which two images correlate best.

PPL and XPL of one field share few key points, for contrast inverts from grain to grain, but their
edges lie at the same places. Every turn near the expected one is tried, and all shifts at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.registration.geometry import Matrix, as_matrix, joined, rotation_about
from petrography.registration.structure import Grey, Kind, structure
from petrography.registration.working_size import working_image

__all__ = ["scan"]

# Shifts are sought on a copy with this longer side; a pixel there is 3 of 1200.
_LONGER_SIDE_PX = 400
_SMOOTHING_PX = 1.5
_TURNS_AROUND_DEG = np.arange(-6.0, 6.5, 0.5)
# Less overlap than this part of the smaller image correlates by chance.
_LEAST_OVERLAP_FRACTION = 0.3


def scan(reference: Grey, moving: Grey, kind: Kind, turns_deg: Iterable[float]) -> Matrix:
    """Find the turn near one of those expected, and the shift, that correlate best.

    Parameters
    ----------
    reference, moving : ndarray of float32, shape (height, width)
        Green light, of one magnification.
    kind : {"contrast", "edges"}
        What to correlate.
    turns_deg : iterable of float
        Expected turns, from the x axis towards the y axis; 6 degrees around each are tried.

    Returns
    -------
    ndarray of float64, shape (2, 3)
        Moving to reference, right to some pixels. Whether it is right at all must be verified.

    References
    ----------
    Padfield 2012, doi:10.1109/TIP.2011.2181402 (correlation over the overlap only).
    """
    factor = min(1.0, _LONGER_SIDE_PX / max(*reference.shape, *moving.shape))
    there, here = (working_image(grey, factor) for grey in (reference, moving))
    fixed = structure(there.grey, kind, _SMOOTHING_PX)
    turned = structure(here.grey, kind, _SMOOTHING_PX)
    angles = sorted({float(turn + around) for turn in turns_deg for around in _TURNS_AROUND_DEG})
    _, matrix = max(
        (_best_shift(fixed, turned, angle) for angle in angles), key=lambda found: found[0]
    )
    return joined(there.to_full, joined(matrix, here.from_full))


def _best_shift(fixed: Grey, moving: Grey, angle_deg: float) -> tuple[float, Matrix]:
    """Highest correlation over all shifts of the turned image, and the matrix that gives it."""
    turn, size = _turned_frame(moving.shape, angle_deg)
    turned = cv2.warpAffine(moving, turn, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(np.ones_like(moving), turn, size, flags=cv2.INTER_LINEAR)
    shape = fixed.shape[0] + size[1] - 1, fixed.shape[1] + size[0] - 1
    likeness = _correlate(fixed, turned, shape)
    overlap_px = _correlate(np.ones_like(fixed), mask, shape)
    least_px = _LEAST_OVERLAP_FRACTION * min(fixed.size, moving.size)
    score = np.where(overlap_px >= least_px, likeness / np.sqrt(np.maximum(overlap_px, 1.0)), 0.0)
    row, col = np.unravel_index(int(score.argmax()), score.shape)
    shift = np.array(
        [
            _signed(col, fixed.shape[1], score.shape[1]),
            _signed(row, fixed.shape[0], score.shape[0]),
        ],
        dtype=np.float64,
    )
    return float(score[row, col]), joined(as_matrix(np.eye(2), shift), turn)


def _turned_frame(shape: tuple[int, ...], angle_deg: float) -> tuple[Matrix, tuple[int, int]]:
    """Rotation into a frame (width, height) that holds the whole turned image."""
    height_px, width_px = shape
    turn = rotation_about(angle_deg, 0.0, 0.0)
    size = np.abs(turn[:, :2]) @ [width_px, height_px]
    width, height = np.ceil(size).astype(int).tolist()
    centre = np.array([width_px - 1, height_px - 1]) / 2.0
    middle = np.array([width - 1, height - 1]) / 2.0
    return as_matrix(turn[:, :2], middle - turn[:, :2] @ centre), (width, height)


def _correlate(
    fixed: NDArray[Any], moving: NDArray[Any], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Sum of products for every shift; negative shifts wrap to the end."""
    fast = (
        scipy.fft.next_fast_len(shape[0], real=True),
        scipy.fft.next_fast_len(shape[1], real=True),
    )
    product = scipy.fft.rfft2(fixed, fast) * np.conj(scipy.fft.rfft2(moving, fast))
    return np.asarray(scipy.fft.irfft2(product, fast), dtype=np.float32)


def _signed(index: np.intp, fixed_px: int, length: int) -> int:
    return int(index) if index < fixed_px else int(index) - length
