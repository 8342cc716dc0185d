"""Strokes: what a geologist draws, and which pixels that are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from petrography.errors import FieldFault, InvalidParameterError
from petrography.minerals import UNLABELLED_CODE

__all__ = ["MAX_POINTS", "MAX_STROKES", "MAX_WIDTH_PX", "Stroke", "drawn_pixels", "require_inside"]

# A pen tells its place a hundred times a second: ten thousand points are some minutes of one stroke.
MAX_POINTS = 10_000
MAX_STROKES = 1_000
MAX_WIDTH_PX = 500.0

Point: TypeAlias = tuple[FiniteFloat, FiniteFloat]
Flat: TypeAlias = NDArray[np.int64]


class Stroke(BaseModel):
    """A line that is drawn on a photograph.

    Attributes
    ----------
    code : int or None
        What it labels, 0-254; None takes labels away.
    points : tuple of (row, column)
        The line; pixel centres are whole numbers. One point is a dot.
    width_px : float
        Of the line with its round ends: what lies within half of it of the line is drawn, so that
        5 draws five pixels and 1 draws one. The line goes from pixel to pixel.
    exact : bool
        Whether the drawn pixels are all that is meant: nothing spreads from them.

    Examples
    --------
    >>> Stroke(code=1, points=((10.0, 12.5), (40.0, 12.5))).width_px
    5.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    code: Annotated[int, Field(ge=0, lt=UNLABELLED_CODE)] | None
    points: Annotated[tuple[Point, ...], Field(min_length=1, max_length=MAX_POINTS)]
    width_px: Annotated[FiniteFloat, Field(gt=0.0, le=MAX_WIDTH_PX)] = 5.0
    exact: bool = False


class _Box(NamedTuple):
    row: int
    column: int
    height: int
    width: int


def require_inside(strokes: Sequence[Stroke], shape: tuple[int, int]) -> None:
    """Check that there are strokes, not too many, and that all their points lie on the image.

    Raises
    ------
    InvalidParameterError
        If not; it names the first point outside.
    """
    if not 1 <= len(strokes) <= MAX_STROKES:
        msg = f"{len(strokes)} strokes were given in one step; wanted 1 to {MAX_STROKES}"
        raise InvalidParameterError(msg)
    for index, stroke in enumerate(strokes):
        points = np.array(stroke.points)
        # Half a pixel beyond its centre a pixel of the border ends.
        inside = ((points >= -0.5) & (points < np.array(shape) - 0.5)).all(axis=1)
        if not inside.all():
            _refuse(index, stroke, int(np.argmin(inside)), shape)


def _refuse(index: int, stroke: Stroke, point: int, shape: tuple[int, int]) -> None:
    row, column = stroke.points[point]
    msg = (
        f"point {point} of stroke {index} is row {row:g}, column {column:g}; wanted a place on the "
        f"image, rows 0 to {shape[0] - 1} and columns 0 to {shape[1] - 1}"
    )
    fault = FieldFault(("strokes", index, "points", point), "a place on the image")
    raise InvalidParameterError(msg, [fault])


def drawn_pixels(stroke: Stroke, shape: tuple[int, int]) -> Flat:
    """Pixels of a stroke, as indices into the flat image.

    Parameters
    ----------
    stroke : Stroke
        All its points lie on the image.
    shape : tuple of int
        Height and width of the image.

    Returns
    -------
    ndarray of int64
        Rising, at least one.

    Examples
    --------
    >>> drawn_pixels(Stroke(code=1, points=((1.0, 1.0),), width_px=1.0), (3, 4)).tolist()
    [5]
    """
    points = np.floor(np.array(stroke.points) + 0.5).astype(np.int64)
    box = _box_around(points, math.ceil(stroke.width_px / 2), shape)
    elsewhere = np.ones((box.height, box.width), dtype=np.uint8)
    at_xy = (points - (box.row, box.column))[:, ::-1].astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(elsewhere, [at_xy], isClosed=False, color=0)
    # Of a single point no line is drawn.
    elsewhere[at_xy[0, 0, 1], at_xy[0, 0, 0]] = 0
    # Found in the flat array, which is twenty times as fast as in rows and columns.
    drawn = np.flatnonzero(_distance_px(elsewhere) <= stroke.width_px / 2)
    rows, columns = np.divmod(drawn, box.width)
    flat: Flat = (rows + box.row) * shape[1] + columns + box.column
    return flat


def _box_around(points: Flat, margin_px: int, shape: tuple[int, int]) -> _Box:
    first = np.maximum(points.min(axis=0) - margin_px, 0)
    last = np.minimum(points.max(axis=0) + margin_px + 1, shape)
    return _Box(int(first[0]), int(first[1]), *(last - first).tolist())


def _distance_px(elsewhere: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Distance of every pixel to the nearest that is 0."""
    return np.asarray(cv2.distanceTransform(elsewhere, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
