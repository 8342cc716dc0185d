"""Measure the distortion of a lens from one photograph of a regular target."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray
from pydantic import ValidationError

from petrography.calibration.lens import LensModel, distort_points
from petrography.calibration.target_points import chessboard_points, dot_points
from petrography.errors import InvalidParameterError, field_problems
from petrography.images import Image, require_image

__all__ = ["Target", "fit_lens_from_grid"]

_Floats = NDArray[np.float64]
Target = Literal["dots", "chessboard"]

_LEAST_POINTS, _LEAST_LINES = 25, 5
# What OpenCV's detector takes, and more than any target on a stage has.
_LEAST_CORNERS, _MOST_CORNERS = 3, 500
# Points farther off than this count less and less: a wrongly numbered or half covered dot.
_OUTLIER_PX = 0.5
_MAX_RMSE_PX = 1.0
# Half diagonals that the outermost point should reach: beyond it the lens is extrapolated.
_COVERED_RADIUS = 0.7
_BOUND = 0.5


def fit_lens_from_grid(
    image: Image,
    rows: int | None = None,
    columns: int | None = None,
    *,
    target: Target = "dots",
    tangential: bool = False,
) -> LensModel:
    """Fit the distortion that makes a photographed grid straight.

    The target may be shifted, turned and of any pitch; it must be flat and at right angles to the
    axis, as on a microscope stage. The centre of distortion is the centre of the field.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        Photograph of a square grid of dots, or of a chessboard.
    rows, columns : int, optional
        Dots, or inner corners, along each side. A chessboard wants them; for dots they are
        checked where they are given.
    target : {"dots", "chessboard"}
        What is photographed.
    tangential : bool
        Whether p1 and p2 are fitted beside k1 and k2: only for a lens that is known to be off its
        axis, for a tilted target looks alike.

    Returns
    -------
    LensModel
        With the residual of the target and warnings.

    Raises
    ------
    InvalidParameterError
        If too few points of the target are found, fewer or more than stated, or the fit is no
        lens.
    """
    require_image(image)
    indices, seen = _points(image, rows, columns, target)
    numbers, errors = _fit(indices, seen, image.shape, tangential=tangential)
    rmse_px = float(np.sqrt(np.mean(np.sum(errors**2, axis=1))))
    k1, k2, p1, p2 = (round(float(one), 9) for one in numbers)
    try:
        lens = LensModel(
            height_px=image.shape[0], width_px=image.shape[1], k1=k1, k2=k2, p1=p1, p2=p2,
            rmse_px=round(rmse_px, 4), points=len(seen),
            warnings=_warnings(seen, image.shape, rmse_px),
        )  # fmt: skip
    except ValidationError as error:
        msg = f"the target gives no possible lens ({field_problems(error)}); is it a regular grid?"
        raise InvalidParameterError(msg) from None
    return lens


def _points(
    image: Image, rows: int | None, columns: int | None, target: Target
) -> tuple[_Floats, _Floats]:
    if target == "chessboard":
        if rows is None or columns is None:
            msg = "a chessboard wants its rows and columns of inner corners; state both"
            raise InvalidParameterError(msg)
        if not all(_LEAST_CORNERS <= one <= _MOST_CORNERS for one in (rows, columns)):
            msg = (
                f"a chessboard of {rows} x {columns} inner corners is stated; wanted "
                f"{_LEAST_CORNERS} to {_MOST_CORNERS} each way"
            )
            raise InvalidParameterError(msg)
        return chessboard_points(image, rows, columns)
    indices, seen = dot_points(image)
    found_columns, found_rows = (len(np.unique(indices[:, axis])) for axis in (0, 1))
    if len(seen) < _LEAST_POINTS or min(found_rows, found_columns) < _LEAST_LINES:
        msg = (
            f"{len(seen)} dots in {found_rows} rows and {found_columns} columns were found; wanted "
            f"a square grid of at least {_LEAST_LINES} x {_LEAST_LINES} dots over the whole field"
        )
        raise InvalidParameterError(msg)
    if (rows or found_rows, columns or found_columns) != (found_rows, found_columns):
        msg = (
            f"{found_rows} rows and {found_columns} columns of dots were found, stated are {rows} "
            f"and {columns}; wanted the target whole in the field, or no numbers"
        )
        raise InvalidParameterError(msg)
    return indices, seen


def _fit(
    indices: _Floats, seen: _Floats, shape: tuple[int, ...], *, tangential: bool
) -> tuple[_Floats, _Floats]:
    """Coefficients k1, k2, p1, p2, and how far every point is still off, (n, 2) px."""
    blank = LensModel(height_px=shape[0], width_px=shape[1])
    homogeneous = np.column_stack([indices, np.ones(len(indices))])
    wanted = (seen - blank.centre_px) / blank.unit_px
    placed = np.linalg.lstsq(homogeneous, wanted, rcond=None)[0]
    # Near the axis r⁴ is too small to be told from r².
    free = [0, *([1] if _reach(seen, shape) >= _COVERED_RADIUS else []), *([2, 3] * tangential)]

    def coefficients(numbers: _Floats) -> _Floats:
        all_four = np.zeros(4)
        all_four[free] = numbers[6:]
        return all_four

    def left_over(numbers: _Floats) -> _Floats:
        straight = blank.centre_px + blank.unit_px * (homogeneous @ numbers[:6].reshape(3, 2))
        k1, k2, p1, p2 = coefficients(numbers)
        lens = blank.model_copy(update={"k1": k1, "k2": k2, "p1": p1, "p2": p2})
        return np.asarray((distort_points(straight, lens) - seen).ravel())

    limits = np.concatenate([np.full(6, np.inf), np.full(len(free), _BOUND)])
    fitted = scipy.optimize.least_squares(
        left_over,
        np.concatenate([placed.ravel(), np.zeros(len(free))]),
        bounds=(-limits, limits),
        x_scale="jac",
        loss="soft_l1",
        f_scale=_OUTLIER_PX,
    )
    numbers = np.asarray(fitted.x)
    return coefficients(numbers), left_over(numbers).reshape(-1, 2)


def _reach(seen: _Floats, shape: tuple[int, ...]) -> float:
    """Half diagonals from the centre of the field to the outermost point."""
    centre = np.array([(shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0])
    return float(np.hypot(*(seen - centre).T).max() / (math.hypot(shape[0], shape[1]) / 2.0))


def _warnings(seen: _Floats, shape: tuple[int, ...], rmse_px: float) -> tuple[str, ...]:
    warnings = []
    if rmse_px > _MAX_RMSE_PX:
        warnings.append(
            f"the points of the target are still {rmse_px:.1f} px off (root mean square); is it "
            "flat, regular and sharp?"
        )
    reach = _reach(seen, shape)
    if reach < _COVERED_RADIUS:
        warnings.append(
            f"the target reaches {reach:.0%} of the way to the corners: beyond it the distortion "
            "is extrapolated"
        )
    return tuple(warnings)
