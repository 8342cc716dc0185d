"""Corresponding key points of two images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.registration.geometry import Points, applied, scale_of
from petrography.registration.structure import Grey, Kind, key_point_image
from petrography.registration.working_size import working_image

__all__ = ["Matches", "match_key_points"]

# Brute force over 3000 x 3000 takes a quarter of a second; uncapped it took minutes.
_MOST_KEY_POINTS = 3000
# Half of OpenCV's default: sphalerite in sphalerite has little contrast.
_CONTRAST_THRESHOLD = 0.02
# Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94, section 7.1, with the usual stricter ratio.
_LOWE_RATIO = 0.8


@dataclass(frozen=True)
class Matches:
    """Pairs of points that look alike, and how many there were to choose from.

    Attributes
    ----------
    moving, reference : ndarray of float64, shape (n, 2)
        Corresponding points (x, y), px.
    turns_deg : ndarray of float64, shape (n,)
        By how much each pair looks turned, from the x axis towards the y axis, [0, 360).
    moving_found, reference_found : int
        Key points of each image.
    unit_px : float
        Pixels of the full images in one pixel of those on which the key points were found.
    """

    moving: Points
    reference: Points
    turns_deg: NDArray[np.float64]
    moving_found: int
    reference_found: int
    unit_px: float

    def selected(self, chosen: NDArray[np.bool_]) -> Matches:
        """Keep only some pairs."""
        return replace(
            self,
            moving=self.moving[chosen],
            reference=self.reference[chosen],
            turns_deg=self.turns_deg[chosen],
        )


@dataclass(frozen=True)
class _KeyPoints:
    points: Points
    angles_deg: NDArray[np.float64]
    descriptors: NDArray[np.float32]
    unit_px: float


def match_key_points(reference: Grey, moving: Grey, kind: Kind) -> Matches:
    """Find pairs of SIFT key points that prefer each other clearly (ratio and mutual test).

    Parameters
    ----------
    reference, moving : ndarray of float32, shape (height, width)
        Green light; the sizes may differ.
    kind : {"contrast", "edges"}
        On what the key points are found; edges where PPL meets XPL.

    References
    ----------
    Lowe 2004, doi:10.1023/B:VISI.0000029664.99615.94 (SIFT); Arandjelovic & Zisserman 2012,
    doi:10.1109/CVPR.2012.6248018 (root of the descriptor).
    """
    there, here = (_key_points(grey, kind) for grey in (reference, moving))
    pairs = _mutual_pairs(here.descriptors, there.descriptors)
    return Matches(
        here.points[pairs[:, 0]],
        there.points[pairs[:, 1]],
        (there.angles_deg[pairs[:, 1]] - here.angles_deg[pairs[:, 0]]) % 360.0,
        len(here.points),
        len(there.points),
        max(here.unit_px, there.unit_px),
    )


def _key_points(grey: Grey, kind: Kind) -> _KeyPoints:
    working = working_image(grey)
    # Without precise upscaling OpenCV's key points are a quarter of a pixel off, each in the
    # direction of its own image, which a rotation turns into an error.
    detector = cv2.SIFT.create(
        nfeatures=_MOST_KEY_POINTS,
        contrastThreshold=_CONTRAST_THRESHOLD,
        enable_precise_upscale=True,
    )
    found, descriptors = detector.detectAndCompute(key_point_image(working.grey, kind), None)
    unit_px = scale_of(working.to_full)
    if not found:
        return _KeyPoints(np.zeros((0, 2)), np.zeros(0), np.zeros((0, 128), np.float32), unit_px)
    points = applied(working.to_full, np.array([one.pt for one in found], dtype=np.float64))
    root = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9))
    angles_deg = np.array([one.angle for one in found])
    return _KeyPoints(points, angles_deg, root.astype(np.float32), unit_px)


def _mutual_pairs(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.intp]:
    if min(len(here), len(there)) < 2:
        return np.zeros((0, 2), dtype=np.intp)
    alike = here @ there.T
    best = alike.argmax(axis=1)
    top_two = np.partition(alike, -2, axis=1)[:, -2:]
    # Unit vectors: squared distance = 2 - 2 * product.
    squared = np.maximum(2.0 - 2.0 * top_two, 0.0)
    clear = squared[:, 1] < _LOWE_RATIO**2 * squared[:, 0]
    mutual = alike.argmax(axis=0)[best] == np.arange(len(here))
    rows = np.flatnonzero(clear & mutual)
    return np.stack([rows, best[rows]], axis=1)
