"""How fields are turned against each other, before anything is placed.

The fields of a section come from one camera, so none is magnified against another; but the section
may be turned between two photographs by any angle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.registration import fit_similarity
from petrography.stitching.lenses import LensMap, half_diagonal_px
from petrography.stitching.refinement import Edge

__all__ = ["expected_turns"]

# Turns that move a corner by less are those of a stage that is not quite straight: such a field is
# expected to lie as the reference does, for angles of pairs would add up to a drift.
LEAST_TURN_PX = 6.0


def expected_turns(
    members: Sequence[int], edges: Sequence[Edge], lenses: Sequence[LensMap]
) -> NDArray[np.float64]:
    """Find how far each field is turned against the first, along the edges of most points.

    Parameters
    ----------
    members : sequence of int
        Fields that the edges join to one component.
    edges : sequence of Edge
        Both ends among the members.
    lenses : sequence of LensMap
        Of all fields.

    Returns
    -------
    ndarray of float64, shape (members,)
        Radians by which a field is to be turned so that it lies as the first; 0 where that would
        move its corners by less than 6 px.
    """
    at = {member: place for place, member in enumerate(members)}
    angle_of = {(at[one.first], at[one.second]): _turn_rad(one, lenses) for one in edges}
    angles = np.zeros(len(members))
    for known, new in _tree(at, edges):
        step = angle_of[known, new] if (known, new) in angle_of else -angle_of[new, known]
        angles[new] = angles[known] + step
    wrapped = np.angle(np.exp(1j * angles))
    corners_px = np.array([half_diagonal_px(lenses[member].shape) for member in members])
    moved_px = 2.0 * corners_px * np.abs(np.sin(wrapped / 2.0))
    return np.where(moved_px < LEAST_TURN_PX, 0.0, wrapped)


def _turn_rad(edge: Edge, lenses: Sequence[LensMap]) -> float:
    """Turn that takes the second field of an edge to its first."""
    second = lenses[edge.second].undistort(edge.second_xy)
    (cosine, _, _), (sine, _, _) = fit_similarity(
        second, lenses[edge.first].undistort(edge.first_xy)
    )
    return math.atan2(sine, cosine)


def _tree(at: dict[int, int], edges: Sequence[Edge]) -> list[tuple[int, int]]:
    """Steps from the first field to all others over the edges of most points: (known, new)."""
    first = [at[edge.first] for edge in edges]
    second = [at[edge.second] for edge in edges]
    most = max(len(edge.first_xy) for edge in edges)
    costs = [most + 1.0 - len(edge.first_xy) for edge in edges]
    graph = scipy.sparse.csr_matrix((costs, (first, second)), shape=(len(at), len(at)))
    tree = scipy.sparse.csgraph.minimum_spanning_tree(graph)
    order, known = scipy.sparse.csgraph.breadth_first_order(tree, 0, directed=False)
    return [(int(known[new]), int(new)) for new in order[1:]]
