"""Which fields overlap and roughly how: features, an affine map that most of them agree on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Image
from petrography.registration import Matrix, Points, applied, fit_similarity, inverted
from petrography.stitching.affine import is_nearly_rigid, magsac_affine, require_points
from petrography.stitching.features import Features, mutual_matches
from petrography.stitching.fields import Survey

__all__ = ["Link", "Matcher", "Matches", "link_by_features", "link_by_matcher"]

# In pixels of the reduced copy; room for the distortion of a lens that is not yet known.
THRESHOLD_PX = 3.0
FEWEST_INLIERS = 8
# Of the matches inside the overlap at least this share must agree: Brown & Lowe 2007,
# doi:10.1007/s11263-006-0002-3, eq. 11-13 (n_i > 5.9 + 0.22 n_f), with mutual nearest neighbours.
INLIERS_OFFSET, INLIERS_SHARE = 5.9, 0.22


@dataclass(frozen=True)
class Matches:
    """Pairs of points that show the same place in two images.

    Attributes
    ----------
    first_xy, second_xy : ndarray of float, shape (n, 2)
        x (column) and y (row) in pixels of the first and the second image.
    """

    first_xy: NDArray[np.floating]
    second_xy: NDArray[np.floating]


Matcher: TypeAlias = Callable[[Image, Image], Matches]


@dataclass(frozen=True)
class Link:
    """Two fields that overlap.

    Attributes
    ----------
    first, second : int
        Indices of the fields.
    first_xy, second_xy : ndarray of float64, shape (n, 2)
        The same places in pixels of the first and the second field, good to a few pixels.
    matrix : ndarray of float64, shape (2, 3)
        From the second field to the first, as far as shift, turn and scale can say it.
    method : str
        How it was found: ``features``, ``matcher`` or ``phase``.
    """

    first: int
    second: int
    first_xy: Points
    second_xy: Points
    matrix: Matrix
    method: str

    @property
    def pair(self) -> tuple[int, int]:
        """The fields, the lower index first."""
        return min(self.first, self.second), max(self.first, self.second)

    def turned_round(self) -> Link:
        """Give the same link from the other end."""
        back = inverted(self.matrix)
        return Link(self.second, self.first, self.second_xy, self.first_xy, back, self.method)


def link_by_features(
    pair: tuple[int, int], surveys: Sequence[Survey], features: Sequence[Features]
) -> Link | None:
    """Link two fields by their SIFT features; None if they do not agree on an overlap."""
    first, second = pair
    chosen = mutual_matches(features[first], features[second])
    matches = Matches(
        features[first].points_xy[chosen[:, 0]], features[second].points_xy[chosen[:, 1]]
    )
    return _link(pair, surveys, matches, "features")


def link_by_matcher(
    pair: tuple[int, int], surveys: Sequence[Survey], matcher: Matcher
) -> Link | None:
    """Link two fields by a matcher of the caller, which sees the reduced copies.

    Raises
    ------
    InvalidParameterError
        If the matcher gives anything but pairs of finite points.
    """
    images = [np.repeat(surveys[index].grey[:, :, None], 3, axis=2) for index in pair]
    found = matcher(images[0], images[1])
    matches = Matches(
        require_points(found.first_xy, "first_xy of the matcher"),
        require_points(found.second_xy, "second_xy of the matcher"),
    )
    if len(matches.first_xy) != len(matches.second_xy):
        msg = (
            f"the matcher gave {len(matches.first_xy)} points of the first image and "
            f"{len(matches.second_xy)} of the second; wanted as many"
        )
        raise InvalidParameterError(msg)
    return _link(pair, surveys, matches, "matcher")


def _link(
    pair: tuple[int, int], surveys: Sequence[Survey], matches: Matches, method: str
) -> Link | None:
    first, second = (surveys[index] for index in pair)
    # At the scale of the first copy, so that the threshold means the same for all fields.
    scale = first.grey_reduction.factor_x
    target = first.grey_reduction.to_full(np.asarray(matches.first_xy, dtype=np.float64))
    source = second.grey_reduction.to_full(np.asarray(matches.second_xy, dtype=np.float64))
    if len(target) < FEWEST_INLIERS:
        return None
    found = magsac_affine(source, target, THRESHOLD_PX / scale)
    if found is None:
        return None
    matrix, right = found
    if int(right.sum()) < FEWEST_INLIERS or not is_nearly_rigid(matrix):
        return None
    if not _enough(matrix, source, target, int(right.sum()), first.shape, second.shape):
        return None
    source, target = source[right], target[right]
    return Link(*pair, target, source, fit_similarity(source, target), method)


def _enough(
    matrix: Matrix,
    source: Points,
    target: Points,
    inliers: int,
    first_shape: tuple[int, int],
    second_shape: tuple[int, int],
) -> bool:
    inside = _inside(applied(matrix, source), first_shape)
    inside &= _inside(applied(inverted(matrix), target), second_shape)
    return inliers > INLIERS_OFFSET + INLIERS_SHARE * int(inside.sum())


def _inside(points: Points, shape: tuple[int, int]) -> NDArray[np.bool_]:
    return np.asarray(((points >= 0) & (points <= (shape[1] - 1, shape[0] - 1))).all(axis=1))
