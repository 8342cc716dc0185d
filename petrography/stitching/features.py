"""Distinct points of a field and how they look, spread evenly so that rims have their share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Features", "detect_features", "mutual_matches"]

# Weak structures count too (scratches in a featureless mineral); the cells limit the number.
CONTRAST_THRESHOLD = 0.01
CELL_PX = 32
FEATURES_PER_CELL = 3
# Nearest over second nearest distance: Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94.
LARGEST_RATIO = 0.85


@dataclass(frozen=True)
class Features:
    """Points and descriptors.

    Attributes
    ----------
    points_xy : ndarray of float64, shape (n, 2)
        In pixels of the image in which they were sought.
    descriptors : ndarray of float32, shape (n, 128)
        RootSIFT, each of length 1.
    """

    points_xy: NDArray[np.float64]
    descriptors: NDArray[np.float32]

    @classmethod
    def none(cls) -> Features:
        """No features at all."""
        return cls(np.empty((0, 2)), np.empty((0, 128), dtype=np.float32))


def detect_features(grey: NDArray[np.uint8]) -> Features:
    """Find SIFT features, at most `FEATURES_PER_CELL` in every cell of the image.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)
        The image.

    Returns
    -------
    Features
        None in an image without structure.

    References
    ----------
    Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94; Arandjelovic & Zisserman 2012,
    doi:10.1109/CVPR.2012.6248018 (RootSIFT).
    """
    sift = cv2.SIFT.create(nfeatures=0, contrastThreshold=CONTRAST_THRESHOLD)
    strongest = _strongest_of_cells(sift.detect(grey, None))
    if not strongest:
        return Features.none()
    spread, descriptors = sift.compute(grey, strongest)
    points = np.array([point.pt for point in spread], dtype=np.float64)
    total = descriptors.sum(axis=1, keepdims=True) + np.float32(1e-12)
    return Features(points, np.sqrt(descriptors / total).astype(np.float32))


def _strongest_of_cells(found: Sequence[cv2.KeyPoint]) -> list[cv2.KeyPoint]:
    cells: dict[tuple[int, int], list[cv2.KeyPoint]] = {}
    # Equal strengths are told apart by place, so that the order of detection does not matter.
    ordered = sorted(found, key=lambda point: (-point.response, point.pt, point.angle))
    for point in ordered:
        cell = (int(point.pt[1] // CELL_PX), int(point.pt[0] // CELL_PX))
        kept = cells.setdefault(cell, [])
        if len(kept) < FEATURES_PER_CELL:
            kept.append(point)
    return [point for cell in sorted(cells) for point in cells[cell]]


def mutual_matches(first: Features, second: Features) -> NDArray[np.intp]:
    """Pair features that are each other's nearest and clearly nearer than the next.

    Returns
    -------
    ndarray of int, shape (n, 2)
        Rows of index in `first` and index in `second`.
    """
    if len(first.descriptors) < 2 or len(second.descriptors) < 2:
        return np.empty((0, 2), dtype=np.intp)
    likeness = first.descriptors @ second.descriptors.T
    rows = np.arange(len(likeness))
    nearest = likeness.argmax(axis=1)
    best = likeness[rows, nearest]
    mutual = likeness.argmax(axis=0)[nearest] == rows
    likeness[rows, nearest] = -1.0
    # Descriptors have length 1, so the squared distance is 2 - 2 * likeness.
    clear = 1.0 - best < LARGEST_RATIO**2 * (1.0 - likeness.max(axis=1))
    chosen = np.flatnonzero(mutual & clear)
    return np.stack([chosen, nearest[chosen]], axis=1)
