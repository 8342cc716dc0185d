"""The transform that most pairs of points agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import RegistrationError
from petrography.registration.geometry import (
    Matrix,
    Points,
    applied,
    fit_affine,
    fit_similarity,
    scale_of,
    symmetric_errors_px,
)
from petrography.registration.key_points import Matches

__all__ = ["Consensus", "Model", "agree", "better_model"]

Model: TypeAlias = Literal["similarity", "affine"]

# Below this, unrelated images of the same ore can agree by chance.
LEAST_INLIERS = 20
# Of an affine transform that rotates a section: shear and aspect beyond this are a false match.
_MOST_STRETCH = 1.15
_SCALE_RANGE = (0.25, 4.0)
_INLIER_PX = 3.0
_ITERATIONS = 20_000
_CONFIDENCE = 0.9999
# The one seed of all chance in registration: the same images give the same matrix.
_SEED = 3
_REWEIGHTINGS = 12
# Kass & Raftery 1995, doi:10.1080/01621459.1995.10476572: above 10 the evidence is very strong.
_BIC_MARGIN = 10.0


@dataclass(frozen=True)
class Consensus:
    """A transform with the pairs that carry it.

    Attributes
    ----------
    matrix : ndarray of float64, shape (2, 3)
        Moving to reference.
    model : {"similarity", "affine"}
        Its kind.
    moving, reference : ndarray of float64, shape (n, 2)
        All pairs that were judged.
    inlier_px : float
        Symmetric transfer error up to which a pair agrees.
    """

    matrix: Matrix
    model: Model
    moving: Points
    reference: Points
    inlier_px: float

    def inliers(self, matrix: Matrix) -> NDArray[np.bool_]:
        """Pairs that agree with a matrix, this one or a refined one."""
        return symmetric_errors_px(matrix, self.moving, self.reference) <= self.inlier_px


def agree(matches: Matches) -> Consensus:
    """Find the similarity that most matches agree on, or the affine transform that earns it.

    MAGSAC finds the pairs that agree; a similarity is fitted to them with robust weights. The
    affine transform replaces it only when the Bayesian information criterion of the residuals says
    so with very strong evidence.

    Raises
    ------
    RegistrationError
        If fewer than 20 pairs agree, or only on a transform that no stage and camera make.

    References
    ----------
    Barath et al. 2020, MAGSAC++, doi:10.1109/CVPR42600.2020.00138.
    """
    inlier_px = _INLIER_PX * matches.unit_px
    agreeing = _magsac_inliers(matches, inlier_px)
    _require_enough(int(agreeing.sum()), matches)
    weights = agreeing.astype(np.float64)
    for _ in range(_REWEIGHTINGS):
        matrix = fit_similarity(matches.moving, matches.reference, weights)
        weights = _tukey(symmetric_errors_px(matrix, matches.moving, matches.reference), inlier_px)
        _require_enough(int(np.count_nonzero(weights)), matches)
    similarity = Consensus(matrix, "similarity", matches.moving, matches.reference, inlier_px)
    chosen = better_model(similarity)
    _require_plausible(chosen.matrix)
    return chosen


def _magsac_inliers(matches: Matches, inlier_px: float) -> NDArray[np.bool_]:
    if len(matches.moving) < LEAST_INLIERS:
        return np.zeros(len(matches.moving), dtype=np.bool_)
    settings = cv2.UsacParams()
    settings.score = cv2.SCORE_METHOD_MAGSAC
    settings.threshold = inlier_px
    settings.maxIterations = _ITERATIONS
    settings.confidence = _CONFIDENCE
    settings.randomGeneratorState = _SEED
    settings.loMethod = cv2.LOCAL_OPTIM_SIGMA
    # Where nothing is found the typing of OpenCV promises a mask, and there is none.
    mask: object = cv2.estimateAffine2D(matches.moving, matches.reference, settings)[1]
    if mask is None:
        return np.zeros(len(matches.moving), dtype=np.bool_)
    return np.asarray(mask, dtype=np.bool_).ravel()


def _tukey(errors_px: NDArray[np.float64], limit_px: float) -> NDArray[np.float64]:
    """Weights that fall from 1 to 0 at the limit (Beaton & Tukey 1974, the biweight)."""
    return np.asarray(np.maximum(0.0, 1.0 - (errors_px / limit_px) ** 2) ** 2, dtype=np.float64)


def _require_enough(inliers: int, matches: Matches) -> None:
    if inliers < LEAST_INLIERS:
        msg = (
            f"{inliers} of {len(matches.moving)} matches agree on one transform, at least "
            f"{LEAST_INLIERS} must ({matches.moving_found} and {matches.reference_found} key "
            "points were found)"
        )
        raise RegistrationError(msg)


def _require_plausible(matrix: Matrix) -> None:
    large, small = np.linalg.svd(matrix[:, :2], compute_uv=False)
    scale = scale_of(matrix)
    if scale == 0.0 or large > _MOST_STRETCH * small:
        msg = (
            "the matches agree only on a transform that mirrors, or stretches one axis more than "
            f"{_MOST_STRETCH} times the other; a stage and a camera do not do that"
        )
        raise RegistrationError(msg)
    if not _SCALE_RANGE[0] <= scale <= _SCALE_RANGE[1]:
        low, high = _SCALE_RANGE
        msg = f"the matches agree on a scale of {scale:.3g}; {low} to {high} can be registered"
        raise RegistrationError(msg)


def better_model(similarity: Consensus) -> Consensus:
    """Keep the similarity, unless an affine transform explains its pairs much better."""
    chosen = similarity.inliers(similarity.matrix)
    moving, reference = similarity.moving[chosen], similarity.reference[chosen]
    affine = fit_affine(moving, reference, np.ones(len(moving)))
    gain = _bic(similarity.matrix, moving, reference, 4) - _bic(affine, moving, reference, 6)
    if gain <= _BIC_MARGIN:
        return similarity
    return Consensus(
        affine, "affine", similarity.moving, similarity.reference, similarity.inlier_px
    )


def _bic(matrix: Matrix, moving: Points, reference: Points, parameters: int) -> float:
    """Schwarz 1978, doi:10.1214/aos/1176344136, for residuals of one unknown variance."""
    residuals = applied(matrix, moving) - reference
    count = residuals.size
    # Sub-pixel noise floor: identical images must not make the logarithm explode.
    variance = max(float(np.mean(residuals**2)), 1e-4)
    return count * float(np.log(variance)) + parameters * float(np.log(count))
