"""Which fields hang together, which edges contradict the loops, and how well loops close."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
import scipy

from petrography.registration import Matrix, applied, inverted, joined
from petrography.stitching.affine import corners, identity
from petrography.stitching.refinement import Edge

__all__ = ["components", "loop_closures_px"]


def components(count: int, edges: Sequence[Edge]) -> list[list[int]]:
    """Group fields that edges join, the largest group first, lone fields left out.

    Parameters
    ----------
    count : int
        Number of fields.
    edges : sequence of Edge
        What joins them.

    Returns
    -------
    list of list of int
        Groups of at least two; in each the field with the most edges comes first, so that it
        becomes the reference, the others in their order.
    """
    ends = np.array([(edge.first, edge.second) for edge in edges], dtype=np.intp).reshape(-1, 2)
    graph = scipy.sparse.coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count))
    _, groups = scipy.sparse.csgraph.connected_components(graph, directed=False)
    degrees = np.bincount(ends.ravel(), minlength=count)
    found = [np.flatnonzero(groups == group) for group in range(int(groups.max()) + 1)]
    found = sorted((group for group in found if len(group) > 1), key=lambda g: (-len(g), g[0]))
    return [_reference_first(group.tolist(), degrees.tolist()) for group in found]


def _reference_first(group: list[int], degrees: list[int]) -> list[int]:
    reference = max(group, key=lambda index: (degrees[index], -index))
    return [reference, *(index for index in group if index != reference)]


def loop_closures_px(
    edges: Sequence[Edge], relative: Sequence[Matrix], shape: tuple[int, int]
) -> list[float]:
    """How far a field misses itself after going round the shortest loop through each edge.

    Parameters
    ----------
    edges : sequence of Edge
        The edges.
    relative : sequence of ndarray, shape (2, 3)
        For every edge the map from its second field to its first, fitted to that edge alone.
    shape : tuple of int
        (height, width) of a field.

    Returns
    -------
    list of float
        Root mean square over the corners of the field, for every edge that lies on a loop.
    """
    steps: dict[int, list[tuple[int, int]]] = {}
    for number, edge in enumerate(edges):
        steps.setdefault(edge.first, []).append((edge.second, number))
        steps.setdefault(edge.second, []).append((edge.first, number))
    misses = []
    for number, edge in enumerate(edges):
        path = _way_round(edge, number, steps)
        if path is not None:
            back = _along(path, edge.first, edges, relative)
            round_trip = joined(back, inverted(relative[number]))
            start = corners(shape)
            gaps = applied(round_trip, start) - start
            misses.append(float(np.sqrt((gaps**2).sum(axis=1).mean())))
    return misses


def _way_round(
    edge: Edge, number: int, steps: dict[int, list[tuple[int, int]]]
) -> list[int] | None:
    """Numbers of the edges of the shortest way from first to second that avoids the edge."""
    came_by: dict[int, tuple[int, int]] = {edge.first: (-1, -1)}
    queue = deque([edge.first])
    while queue and edge.second not in came_by:
        here = queue.popleft()
        for there, by in steps[here]:
            if by != number and there not in came_by:
                came_by[there] = (here, by)
                queue.append(there)
    if edge.second not in came_by:
        return None
    path, here = [], edge.second
    while here != edge.first:
        here, by = came_by[here]
        path.append(by)
    return path[::-1]


def _along(
    path: list[int], start: int, edges: Sequence[Edge], relative: Sequence[Matrix]
) -> Matrix:
    """Map from the last field of a way to its first."""
    way, here = identity(), start
    for number in path:
        edge = edges[number]
        forward = edge.first == here
        way = joined(way, relative[number] if forward else inverted(relative[number]))
        here = edge.second if forward else edge.first
    return way
