"""Where all fields lie, at once: sparse least squares that wrong pairs of points cannot pull.

Every pair of points that two fields share should fall on one place of the panorama. The squares
of the distances are summed under the Geman-McClure loss, whose width shrinks from step to step
(graduated non-convexity), so that pairs which contradict the loops of the panorama lose their say.

References
----------
Brown & Lowe 2007, doi:10.1007/s11263-006-0002-3 (bundle adjustment of panoramas); Black &
Rangarajan 1996, doi:10.1007/BF00131148, and Yang et al. 2020, doi:10.1109/LRA.2020.2965893
(robust loss as weights, graduated non-convexity).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.registration import Points
from petrography.stitching.lenses import (
    LARGEST_K1,
    LensMap,
    RadialLens,
    centre_xy,
    half_diagonal_px,
)
from petrography.stitching.refinement import Edge
from petrography.stitching.turns import expected_turns

__all__ = ["Placement", "PlacementModel", "place_fields"]

PlacementModel: TypeAlias = Literal["translation", "similarity", "affine"]

# Columns per field: two of shift, then the entries of the linear part.
PARAMETERS: dict[PlacementModel, int] = {"translation": 2, "similarity": 4, "affine": 6}
# Final width of the loss. Measured pairs scatter by 0.1-0.3 px, wrong ones by many.
FINAL_WIDTH_PX = 1.0
SHRINKAGE = 0.6
FINAL_STEPS = 4
# Stretch of a field, and its turn beyond what `expected_turns` says, as displacement at its corner,
# are expected to be of this size: the fields come from one camera. Without it, fields joined by narrow
# strips would drift in concert.
LINEAR_SPREAD_PX = 2.0
MEASUREMENT_PX = 0.2
# Where overlaps say nothing of the distortion, as those of identical pictures, it stays near none.
K1_SPREAD = 0.2
# Far more than ever needed: the width shrinks in every step.
MOST_STEPS = 500
# Weight that holds the reference field where it is; far above that of all pairs together.
FIXED = 1e9

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Placement:
    """Places of the fields of one component.

    Attributes
    ----------
    members : tuple of int
        Indices of the fields; the first is the reference.
    matrices : dict of int to ndarray of float64, shape (2, 3)
        From undistorted pixels of a field to the plane in which the reference stays in place.
    lenses : tuple of LensMap
        Of all fields.
    distances_px : tuple of ndarray of float64
        For every edge, the distances left between its pairs of points.
    model : str
        What the fields were allowed to do.
    """

    members: tuple[int, ...]
    matrices: dict[int, Floats]
    lenses: tuple[LensMap, ...]
    distances_px: tuple[Floats, ...]
    model: PlacementModel

    @property
    def robust_rmse_px(self) -> float:
        """Root of the mean square distance, none counted as more than three times the median."""
        distances = np.concatenate(self.distances_px)
        limited = np.minimum(distances, 3.0 * float(np.median(distances)))
        return float(np.sqrt(np.mean(limited**2)))


def place_fields(
    members: Sequence[int],
    edges: Sequence[Edge],
    *,
    model: PlacementModel,
    lenses: Sequence[LensMap],
    find_k1: bool = False,
) -> Placement:
    """Place connected fields.

    Parameters
    ----------
    members : sequence of int
        Fields that the edges join to one component; the first stays where it is.
    edges : sequence of Edge
        Both ends among the members.
    model : {"translation", "similarity", "affine"}
        What a field may do against the reference.
    lenses : sequence of LensMap
        Of all fields.
    find_k1 : bool
        Whether one radial distortion of all fields is fitted too; the fields are of one size, and
        `lenses` are where to begin.

    Returns
    -------
    Placement
        With the distances that are left.
    """
    pairs = _gather(members, edges)
    expected = _turned(expected_turns(members, edges, lenses), members, lenses, model)
    parameters = np.zeros_like(expected)
    k1, width_px, steps_left = 0.0, np.inf, FINAL_STEPS
    system = _System(pairs, lenses, model, k1 if find_k1 else None)
    distances = system.distances(parameters)
    for _ in range(MOST_STEPS):
        weights = _weights(distances, width_px)
        parameters, change = system.solved(parameters, expected, weights)
        if find_k1:
            k1 = float(np.clip(k1 + change, -LARGEST_K1, LARGEST_K1))
            lenses = [RadialLens(lens.shape, k1) for lens in lenses]
            system = _System(pairs, lenses, model, k1)
        distances = system.distances(parameters)
        # Where the model cannot follow the fields, the width is that of the misfit.
        final_px = max(FINAL_WIDTH_PX, 2.0 * float(np.median(distances)))
        steps_left -= width_px <= final_px
        width_px = max(final_px, SHRINKAGE * min(width_px, float(distances.max())))
        if not steps_left:
            break
    matrices = {
        member: _matrix(values, lenses[member].shape, model)
        for member, values in zip(members, parameters, strict=True)
    }
    scale = _mean_scale(list(matrices.values()))
    middle = centre_xy(lenses[members[0]].shape)
    matrices = {member: _magnified(one, 1.0 / scale, middle) for member, one in matrices.items()}
    apart = tuple(np.split(distances / scale, np.cumsum(pairs.counts)[:-1]))
    return Placement(tuple(members), matrices, tuple(lenses), apart, model)


def _mean_scale(matrices: Sequence[Floats]) -> float:
    """Geometric mean of the magnifications: pairs of points say nothing of it, a pixel is one."""
    areas = np.abs([np.linalg.det(matrix[:, :2]) for matrix in matrices])
    return float(np.exp(np.log(areas).mean() / 2.0))


def _magnified(matrix: Floats, factor: float, middle_xy: Floats) -> Floats:
    """The same map, then everything magnified about a point."""
    moved = matrix.copy()
    moved[:, 2] -= middle_xy
    moved *= factor
    moved[:, 2] += middle_xy
    return moved


def _weights(distances: Floats, width_px: float) -> Floats:
    if np.isinf(width_px):
        return np.ones_like(distances)
    return np.asarray((width_px**2 / (width_px**2 + distances**2)) ** 2)


@dataclass(frozen=True)
class _Pairs:
    """All pairs of points, edge after edge; ends are places among the members."""

    edges: Sequence[Edge]
    counts: list[int]
    first: NDArray[np.intp]
    second: NDArray[np.intp]


def _gather(members: Sequence[int], edges: Sequence[Edge]) -> _Pairs:
    at = {member: place for place, member in enumerate(members)}
    counts = [len(edge.first_xy) for edge in edges]
    first = np.repeat([at[edge.first] for edge in edges], counts)
    second = np.repeat([at[edge.second] for edge in edges], counts)
    return _Pairs(edges, counts, first, second)


class _Side:
    """One end of all pairs: which field, and where from its centre once undistorted."""

    def __init__(
        self,
        fields: NDArray[np.intp],
        photographed: Sequence[tuple[LensMap, Points]],
        model: PlacementModel,
    ) -> None:
        self.fields, self.model = fields, model
        self.points = np.concatenate(
            [lens.undistort(points) - centre_xy(lens.shape) for lens, points in photographed]
        )
        units = [half_diagonal_px(lens.shape) for lens, _ in photographed]
        self.units = np.repeat(units, [len(points) for _, points in photographed])[:, None]
        self.centres = np.repeat(
            [centre_xy(lens.shape) for lens, _ in photographed],
            [len(points) for _, points in photographed],
            axis=0,
        )
        self.basis = _basis(self.points / self.units, model)

    def placed(self, parameters: Floats) -> Points:
        """Places on the panorama."""
        moved = np.einsum("nij,nj->ni", self.basis, parameters[self.fields])
        return np.asarray(self.centres + self.points + moved)

    def by_k1(self, parameters: Floats, k1: float) -> Points:
        """How the places move with k1."""
        unit = self.points / self.units
        squared = (unit**2).sum(axis=1, keepdims=True)
        moves = -unit * squared / (1.0 + 3.0 * k1 * squared) * self.units
        turned = _basis(moves / self.units, self.model)[:, :, 2:]
        return np.asarray(moves + np.einsum("nij,nj->ni", turned, parameters[self.fields, 2:]))


class _System:
    """The linear equations of one step; with `k1` also for the distortion, from that value."""

    def __init__(
        self,
        pairs: _Pairs,
        lenses: Sequence[LensMap],
        model: PlacementModel,
        k1: float | None,
    ) -> None:
        self.k1 = k1
        seen_in_first = [(lenses[edge.first], edge.first_xy) for edge in pairs.edges]
        seen_in_second = [(lenses[edge.second], edge.second_xy) for edge in pairs.edges]
        self.first = _Side(pairs.first, seen_in_first, model)
        self.second = _Side(pairs.second, seen_in_second, model)

    def residuals(self, parameters: Floats) -> Floats:
        """Distances (x, y) between the two places of every pair, shape (n, 2)."""
        return self.first.placed(parameters) - self.second.placed(parameters)

    def distances(self, parameters: Floats) -> Floats:
        """Distances between the two places of every pair, shape (n,)."""
        return np.asarray(np.sqrt((self.residuals(parameters) ** 2).sum(axis=1)))

    def solved(self, parameters: Floats, expected: Floats, weights: Floats) -> tuple[Floats, float]:
        """Parameters of all fields, and change of k1, of one weighted least-squares step."""
        jacobian = self._jacobian(parameters)
        weighted = jacobian.T.multiply(np.repeat(weights, 2)).tocsr()
        normal = weighted @ jacobian
        pull = weighted @ self.residuals(parameters).ravel()
        prior = np.zeros_like(parameters)
        prior[0, :2] = FIXED
        prior[:, 2:] = (MEASUREMENT_PX / LINEAR_SPREAD_PX) ** 2
        fields, size = parameters.size, len(pull)
        pull[:fields] += (prior * (parameters - expected)).ravel()
        of_k1 = np.full(size - fields, (MEASUREMENT_PX / K1_SPREAD) ** 2)
        pull[fields:] += of_k1 * (self.k1 or 0.0)
        diagonal = np.concatenate([prior.ravel(), of_k1])
        step = -scipy.sparse.linalg.spsolve((normal + scipy.sparse.diags(diagonal)).tocsc(), pull)
        moved = parameters + step[:fields].reshape(parameters.shape)
        return moved, 0.0 if self.k1 is None else float(step[fields])

    def _jacobian(self, parameters: Floats) -> scipy.sparse.csr_matrix:
        """Derivatives of the residuals by the parameters of all fields and, last, by k1."""
        size = (self.first.points.size, parameters.size)
        joined = scipy.sparse.csr_matrix(size)
        for sign, side in ((1.0, self.first), (-1.0, self.second)):
            width = parameters.shape[1]
            columns = side.fields[:, None, None] * width + np.arange(width)
            rows = np.arange(size[0]).reshape(-1, 2, 1)
            where = tuple(
                np.broadcast_to(index, side.basis.shape).ravel() for index in (rows, columns)
            )
            joined = joined + scipy.sparse.csr_matrix(
                (sign * side.basis.ravel(), where), shape=size
            )
        if self.k1 is None:
            return joined
        moves = self.first.by_k1(parameters, self.k1) - self.second.by_k1(parameters, self.k1)
        return scipy.sparse.hstack([joined, moves.reshape(-1, 1)], format="csr")


def _turned(
    turns_rad: Floats, members: Sequence[int], lenses: Sequence[LensMap], model: PlacementModel
) -> Floats:
    """Parameters of fields that are turned about their centres and neither moved nor stretched."""
    parameters = np.zeros((len(members), PARAMETERS[model]))
    if model == "translation":
        return parameters
    units_px = np.array([half_diagonal_px(lenses[member].shape) for member in members])
    stretch_px, shear_px = units_px * (np.cos(turns_rad) - 1.0), units_px * np.sin(turns_rad)
    columns = {
        "similarity": [stretch_px, shear_px],
        "affine": [stretch_px, shear_px, -shear_px, stretch_px],
    }[model]
    parameters[:, 2:] = np.stack(columns, axis=1)
    return parameters


def _basis(unit_xy: Points, model: PlacementModel) -> Floats:
    """How a point, over half the diagonal from the centre, moves with each parameter."""
    x, y = unit_xy[:, 0], unit_xy[:, 1]
    one, none = np.ones_like(x), np.zeros_like(x)
    columns = {
        "translation": [(one, none), (none, one)],
        "similarity": [(one, none), (none, one), (x, y), (-y, x)],
        "affine": [(one, none), (none, one), (x, none), (none, x), (y, none), (none, y)],
    }[model]
    return np.stack([np.stack(column, axis=1) for column in columns], axis=2)


def _matrix(parameters: Floats, shape: tuple[int, int], model: PlacementModel) -> Floats:
    """The affine map of one field from its parameters."""
    moved_axes = _basis(np.eye(2), model)[:, :, 2:] @ parameters[2:]
    linear = np.eye(2) + moved_axes.T / half_diagonal_px(shape)
    centre = centre_xy(shape)
    return np.hstack([linear, (centre - linear @ centre + parameters[:2])[:, None]])
