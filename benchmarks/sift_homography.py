"""What one writes with OpenCV in a minute: SIFT, ratio test and a RANSAC homography at 3 px."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["KeyPoints", "homography", "key_points"]

# Lowe 2004, doi 10.1023/B:VISI.0000029664.99615.94, has 0.8; OpenCV's tutorials have 0.75.
RATIO, INLIER_PX = 0.75, 3.0


@dataclass(frozen=True, eq=False)
class KeyPoints:
    """Key points of an image.

    Attributes
    ----------
    places : ndarray of float64, shape (points, 2)
        As (x, y), in pixels.
    descriptors : ndarray of float32, shape (points, 128)
        How their surroundings look.
    """

    places: NDArray[np.float64]
    descriptors: NDArray[np.float32]


def key_points(grey: NDArray[np.uint8], *, most: int = 0) -> KeyPoints:
    """Find key points with the defaults of OpenCV.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)
        Image.
    most : int
        How many to keep, the clearest first; 0: all.
    """
    points, descriptors = cv2.SIFT.create(nfeatures=most).detectAndCompute(grey, None)
    if not points:
        return KeyPoints(np.empty((0, 2)), np.empty((0, 128), dtype=np.float32))
    places = np.array([point.pt for point in points], dtype=np.float64)
    return KeyPoints(places, np.asarray(descriptors, dtype=np.float32))


def homography(there: KeyPoints, here: KeyPoints) -> NDArray[np.float64] | None:
    """Fit the map from the second image to the first; None if there is none.

    Returns
    -------
    ndarray of float64, shape (3, 3), or None
        Takes (x, y, 1) here to a multiple of (x, y, 1) there.
    """
    if min(len(there.places), len(here.places)) < 2:
        return None
    pairs = cv2.BFMatcher().knnMatch(here.descriptors, there.descriptors, k=2)
    good = [near for near, far in pairs if near.distance < RATIO * far.distance]
    if len(good) < 4:
        return None
    source = here.places[[match.queryIdx for match in good]]
    target = there.places[[match.trainIdx for match in good]]
    cv2.setRNGSeed(0)
    matrix, _ = cv2.findHomography(source, target, cv2.RANSAC, INLIER_PX)
    if matrix is None:
        # The types of OpenCV do not say that it may find none.
        return None  # type: ignore[unreachable]
    return np.asarray(matrix, dtype=np.float64)
