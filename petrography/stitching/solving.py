"""From measured edges to places: components, the simplest model that does, bad edges left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from petrography.registration import Matrix, fit_similarity
from petrography.stitching.consistency import components, loop_closures_px
from petrography.stitching.fields import Survey
from petrography.stitching.lenses import LensMap
from petrography.stitching.placement import PARAMETERS, Placement, PlacementModel, place_fields
from petrography.stitching.refinement import Edge
from petrography.stitching.report import RejectedEdge

__all__ = ["Model", "Solution", "inlying", "solve"]

Model: TypeAlias = Literal["auto", "translation", "similarity", "affine"]

# A model that leaves no more than this is good enough; a richer one would only add drift.
GOOD_RMSE_PX = 0.5
# A richer model or a lens must bring the distances down to this share.
EARNED = 0.9
# An edge whose middle distance is beyond both is wrong.
WRONG_PX, WRONG_MEDIANS = 3.0, 6.0
# A pair of points within either of these agrees with the panorama.
INLIER_PX, INLIER_MEDIANS = 1.5, 3.0


@dataclass(frozen=True)
class Solution:
    """Places of all fields that overlap another.

    Attributes
    ----------
    placements : tuple of Placement
        One per component, the largest first.
    edges : tuple of tuple of Edge
        The edges of each.
    rejected : tuple of RejectedEdge
        Edges that contradict the others.
    """

    placements: tuple[Placement, ...]
    edges: tuple[tuple[Edge, ...], ...]
    rejected: tuple[RejectedEdge, ...]

    def loop_closure_px(self, surveys: Sequence[Survey]) -> float | None:
        """Largest miss after going round a loop of the first component."""
        placement, edges = self.placements[0], self.edges[0]
        relative = [_relative(edge, placement) for edge in edges]
        misses = loop_closures_px(edges, relative, surveys[placement.members[0]].shape)
        return max(misses, default=None)


def solve(
    surveys: Sequence[Survey],
    edges: Sequence[Edge],
    *,
    model: Model,
    lenses: Sequence[LensMap],
    find_k1: bool,
) -> Solution:
    """Place all fields that edges join.

    Parameters
    ----------
    surveys : sequence of Survey
        Of all fields.
    edges : sequence of Edge
        At least one.
    model : {"auto", "translation", "similarity", "affine"}
        ``auto`` takes the simplest that leaves at most `GOOD_RMSE_PX`, in all and in the middle of
        every edge, or else the simplest after which a richer one does not help.
    lenses : sequence of LensMap
        Of all fields.
    find_k1 : bool
        Whether to look for radial distortion; taken only if it earns it.

    Returns
    -------
    Solution
        Lens and model of the largest component are used for the others too.
    """
    rejected: list[RejectedEdge] = []
    kept = list(edges)
    while True:
        groups = components(len(surveys), kept)
        own = _edges_of(groups[0], kept)
        placement = _simplest(groups[0], own, model, lenses, find_k1=find_k1)
        wrong = _wrong_edges(placement)
        if not wrong:
            break
        rejected += [_contradiction(own[place], surveys, gap) for place, gap in wrong]
        out = {id(own[place]) for place, _ in wrong}
        kept = [edge for edge in kept if id(edge) not in out]
    others = [
        place_fields(group, _edges_of(group, kept), model=placement.model, lenses=placement.lenses)
        for group in groups[1:]
    ]
    return Solution(
        placements=(placement, *others),
        edges=tuple(tuple(_edges_of(group, kept)) for group in groups),
        rejected=tuple(rejected),
    )


def _edges_of(group: Sequence[int], edges: Sequence[Edge]) -> list[Edge]:
    members = set(group)
    return [edge for edge in edges if edge.first in members]


def _simplest(
    members: Sequence[int],
    edges: Sequence[Edge],
    model: Model,
    lenses: Sequence[LensMap],
    *,
    find_k1: bool,
) -> Placement:
    """Fit richer and richer models until one is good enough or no longer helps."""
    models: list[PlacementModel] = list(PARAMETERS) if model == "auto" else [model]
    best: Placement | None = None
    for name in models:
        tried = _with_or_without_lens(members, edges, name, lenses, find_k1=find_k1)
        if best is not None and not _earned(tried, best):
            break
        best = tried
        if best.robust_rmse_px <= GOOD_RMSE_PX and not _unfit_edges(best):
            break
    assert best is not None
    return best


def _earned(tried: Placement, best: Placement) -> bool:
    """Whether a richer model is worth its freedom: by the distances, or by edges that it saves."""
    closer = tried.robust_rmse_px <= EARNED * best.robust_rmse_px
    return closer or _unfit_edges(tried) < _unfit_edges(best)


def _unfit_edges(placement: Placement) -> int:
    """Number of edges that a model does not follow, though it may follow most."""
    return sum(middle > GOOD_RMSE_PX for middle in _middles_px(placement))


def _middles_px(placement: Placement) -> list[float]:
    return [float(np.median(distances)) for distances in placement.distances_px]


def _with_or_without_lens(
    members: Sequence[int],
    edges: Sequence[Edge],
    model: PlacementModel,
    lenses: Sequence[LensMap],
    *,
    find_k1: bool,
) -> Placement:
    plain = place_fields(members, edges, model=model, lenses=lenses)
    if not find_k1:
        return plain
    corrected = place_fields(members, edges, model=model, lenses=lenses, find_k1=True)
    earned = corrected.robust_rmse_px < EARNED * plain.robust_rmse_px
    return corrected if earned else plain


def _wrong_edges(placement: Placement) -> list[tuple[int, float]]:
    """Places in the list, and distances, of edges that the others contradict."""
    middles = _middles_px(placement)
    limit = max(WRONG_PX, WRONG_MEDIANS * float(np.median(middles)))
    return [(place, middle) for place, middle in enumerate(middles) if middle > limit]


def _contradiction(edge: Edge, surveys: Sequence[Survey], gap_px: float) -> RejectedEdge:
    reason = f"contradicts the other overlaps by {gap_px:.1f} px"
    return RejectedEdge(a=surveys[edge.first].name, b=surveys[edge.second].name, reason=reason)


def inlying(placement: Placement) -> list[np.ndarray]:
    """For every edge, which of its pairs agree with the panorama."""
    middle = float(np.median(np.concatenate(placement.distances_px)))
    limit = max(INLIER_PX, INLIER_MEDIANS * middle)
    return [distances <= limit for distances in placement.distances_px]


def _relative(edge: Edge, placement: Placement) -> Matrix:
    """Map from the second field of an edge to its first, of the model, from that edge alone."""
    first = placement.lenses[edge.first].undistort(edge.first_xy)
    second = placement.lenses[edge.second].undistort(edge.second_xy)
    if placement.model == "translation":
        return np.hstack([np.eye(2), (first - second).mean(axis=0)[:, None]])
    if placement.model == "similarity":
        return fit_similarity(second, first)
    with_one = np.hstack([second, np.ones((len(second), 1))])
    return np.asarray(np.linalg.lstsq(with_one, first, rcond=None)[0].T)
