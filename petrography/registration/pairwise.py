"""One image laid over another: find, refine, verify; or refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from petrography.errors import InvalidParameterError, RegistrationError
from petrography.images import Image, require_image
from petrography.registration.consensus import Model, agree
from petrography.registration.geometry import (
    Matrix,
    Points,
    overlap_fraction,
    rotation_deg,
    symmetric_errors_px,
)
from petrography.registration.key_points import Matches, match_key_points
from petrography.registration.refinement import Refined, refine, start_correlation
from petrography.registration.scan import scan
from petrography.registration.structure import Grey, Kind, green_light, require_structure
from petrography.registration.verification import compare_blocks, require_agreement
from petrography.registration.view_registration import Method, ViewRegistration, rows_of

__all__ = ["register"]

_KINDS: tuple[Kind, ...] = ("contrast", "edges")
# How far a stage is read wrong, and how far key points look turned beside the truth.
_STAGE_ANGLE_ERROR_DEG = 5.0
_KEY_POINT_TURN_ERROR_DEG = 20.0
_LEAST_OVERLAP_FRACTION = 0.05
# From the few pixels of the scan down to sub-pixel.
_SCAN_SMOOTHINGS_PX = (6.0, 2.5, 1.2)
_SCAN_MOST_SHIFT_PX = 20.0


@dataclass(frozen=True)
class _Task:
    """Two images to lay over each other, and what is known of the stage."""

    reference: Grey
    moving: Grey
    name: str
    stage_angle_deg: float | None

    @property
    def turns_deg(self) -> tuple[float, ...]:
        """Turns to expect: of either sense, for stages and cameras differ; small ones if unknown."""
        angle = self.stage_angle_deg
        return (0.0,) if angle is None else (angle, -angle)

    def turned_otherwise_deg(self, turn_deg: float) -> float:
        """By how much a turn differs from the nearest expected one, in [0, 180]."""
        return min(abs((turn_deg - turn + 180.0) % 360.0 - 180.0) for turn in self.turns_deg)


@dataclass(frozen=True)
class _Proposal:
    """A transform that one method found, with the pairs of points that carry it."""

    refined: Refined
    kind: Kind
    model: Model
    method: Method
    moving: Points
    reference: Points
    inlier_px: float


def register(
    reference: Image, moving: Image, *, name: str = "moving", stage_angle_deg: float | None = None
) -> ViewRegistration:
    """Find how one image lies over another, to a fraction of a pixel, or refuse.

    SIFT key points on contrast, then on edges, then correlation of edges for small turns and those
    near the stage angle; the first proposal that survives its checks is taken. Every proposal is
    refined by correlation and must be confirmed by blocks all over the overlap.

    Parameters
    ----------
    reference, moving : ndarray of uint8, shape (height, width, 3)
        sRGB images of one place; sizes, exposure and light (PPL or XPL) may differ.
    name : str, optional
        What the result and messages call the moving image.
    stage_angle_deg : float, optional
        By how much the stage was turned between the two, of either sense. The result must agree
        with it to 5 degrees.

    Returns
    -------
    ViewRegistration
        The same for the same images, always.

    Raises
    ------
    InvalidParameterError
        If an image is no uint8 RGB array or the angle is not finite.
    RegistrationError
        If an image is blank, saturated or too small, or no transform is certain; the message says
        what was tried and with which numbers.

    References
    ----------
    Razzhivina et al. 2024, doi:10.1007/s10598-024-09592-x.
    """
    if stage_angle_deg is not None and not math.isfinite(stage_angle_deg):
        msg = f"stage angle of {name} is {stage_angle_deg}; wanted a finite number of degrees"
        raise InvalidParameterError(msg)
    for pixels, called in ((reference, "the reference"), (moving, name)):
        require_structure(require_image(pixels), called)
    task = _Task(green_light(reference), green_light(moving), name, stage_angle_deg)
    refusals = []
    for what, propose in _WAYS:
        try:
            return _judged(task, propose(task))
        except RegistrationError as refusal:
            refusals.append(f"{what}: {refusal}")
    msg = (
        f"{name} cannot be registered: {'; '.join(refusals)}. Wanted: two images of one place that "
        "overlap, with grains in the overlap"
    )
    raise RegistrationError(msg)


def _from_key_points(task: _Task, kind: Kind) -> _Proposal:
    matches = match_key_points(task.reference, task.moving, kind)
    if task.stage_angle_deg is not None:
        matches = _turned_as_expected(matches, task)
    found = agree(matches)
    seen, _ = _clearest_kind(task, found.matrix)
    refined = refine(task.reference, task.moving, found.matrix, model=found.model, kind=seen)
    return _Proposal(
        refined, seen, found.model, "key points", found.moving, found.reference, found.inlier_px
    )


def _turned_as_expected(matches: Matches, task: _Task) -> Matches:
    off_deg = np.array([task.turned_otherwise_deg(turn) for turn in matches.turns_deg.tolist()])
    return matches.selected(off_deg <= _KEY_POINT_TURN_ERROR_DEG)


def _from_correlation(task: _Task) -> _Proposal:
    start = scan(task.reference, task.moving, "edges", task.turns_deg)
    refined = refine(
        task.reference,
        task.moving,
        start,
        model="similarity",
        kind="edges",
        smoothings_px=_SCAN_SMOOTHINGS_PX,
        most_shift_px=_SCAN_MOST_SHIFT_PX,
    )
    blocks = compare_blocks(task.reference, task.moving, refined.matrix, "edges")
    return _Proposal(
        refined,
        "edges",
        "similarity",
        "correlation",
        blocks.moving,
        blocks.reference,
        blocks.agrees_px,
    )


# In this order; the first proposal that is confirmed is taken.
_WAYS: tuple[tuple[str, Callable[[_Task], _Proposal]], ...] = (
    ("key points on contrast", partial(_from_key_points, kind="contrast")),
    ("key points on edges", partial(_from_key_points, kind="edges")),
    ("correlation of edges", _from_correlation),
)


def _clearest_kind(task: _Task, matrix: Matrix) -> tuple[Kind, float]:
    """Structure that correlates best: contrast within one light, often edges between two."""
    seen = {kind: start_correlation(task.reference, task.moving, matrix, kind) for kind in _KINDS}
    kind = max(_KINDS, key=seen.__getitem__)
    return kind, seen[kind]


def _judged(task: _Task, proposal: _Proposal) -> ViewRegistration:
    """Check a proposal against all that must hold, and put it in numbers."""
    matrix = proposal.refined.matrix
    _require_expected_turn(task, matrix)
    covered = overlap_fraction(matrix, task.moving.shape, task.reference.shape)
    if covered < _LEAST_OVERLAP_FRACTION:
        msg = (
            f"the overlap is {covered:.1%} of the reference, at least "
            f"{_LEAST_OVERLAP_FRACTION:.0%} is needed"
        )
        raise RegistrationError(msg)
    require_agreement(compare_blocks(task.reference, task.moving, matrix, proposal.kind))
    errors_px = symmetric_errors_px(matrix, proposal.moving, proposal.reference)
    inliers = errors_px <= proposal.inlier_px
    return ViewRegistration(
        name=task.name,
        matrix=rows_of(matrix),
        model=proposal.model,
        method=proposal.method,
        rmse_px=float(np.sqrt(np.mean(errors_px[inliers] ** 2))),
        inliers=int(inliers.sum()),
        inlier_fraction=float(inliers.mean()),
        overlap_fraction=covered,
        correlation=proposal.refined.correlation,
        rotation_deg=rotation_deg(matrix),
    )


def _require_expected_turn(task: _Task, matrix: Matrix) -> None:
    if task.stage_angle_deg is None:
        return
    turn_deg = rotation_deg(matrix)
    if task.turned_otherwise_deg(turn_deg) > _STAGE_ANGLE_ERROR_DEG:
        msg = (
            f"the images are turned by {turn_deg:.1f} degrees, the stage by "
            f"{task.stage_angle_deg:g}; they may differ by {_STAGE_ANGLE_ERROR_DEG:g} in either sense"
        )
        raise RegistrationError(msg)
