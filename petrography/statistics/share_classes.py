"""Areas sorted by the share that a mineral has of the piece of rock it lies in."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.errors import LabelImageError
from petrography.images import Labels
from petrography.minerals import MINERALS, UNLABELLED_CODE

__all__ = [
    "CLASSES",
    "KNOWN_CODES",
    "LIBERATED_PERCENT",
    "Areas",
    "area_by_class",
    "area_by_share",
    "columns_of",
    "liberated_fraction",
]

Areas: TypeAlias = NDArray[np.int64]

# Classes of 5 %: fine enough for the thresholds, and in pairs the classes of 10 % of the custom.
CLASSES = 20
# Shares of a piece from which a mineral in it counts as liberated.
LIBERATED_PERCENT = (80, 90, 95)

KNOWN_CODES = tuple(sorted(MINERALS))
_NO_COLUMN = len(KNOWN_CODES)


def _column_table() -> NDArray[np.uint8]:
    table = np.full(256, 255, dtype=np.uint8)
    table[list(KNOWN_CODES)] = np.arange(len(KNOWN_CODES))
    table[UNLABELLED_CODE] = _NO_COLUMN
    return table


_COLUMN = _column_table()


def columns_of(labels: Labels) -> NDArray[np.uint8]:
    """Place of each pixel's code in `KNOWN_CODES`, one past the last where nobody annotated.

    Raises
    ------
    LabelImageError
        If a code names no mineral.
    """
    columns = _COLUMN[labels]
    if columns.max() > _NO_COLUMN:
        unknown = int(labels[columns > _NO_COLUMN][0])
        known = ", ".join(map(str, KNOWN_CODES))
        msg = f"the label image holds the code {unknown}; wanted {known} or {UNLABELLED_CODE}"
        raise LabelImageError(msg)
    return np.asarray(columns)


def area_by_class(areas_px: Areas) -> Areas:
    """Sort the area of each mineral by its share of the pieces that it lies in.

    Parameters
    ----------
    areas_px : ndarray of int64, shape (pieces, n)
        Pixels of each mineral in each piece.

    Returns
    -------
    ndarray of int64, shape (n, CLASSES)
        Pixels of each mineral in pieces of each class; class k holds shares from k/20 to below
        (k + 1)/20, the last one 1 as well.

    Examples
    --------
    >>> found = area_by_class(np.array([[19, 1], [5, 15]]))
    >>> [np.flatnonzero(row).tolist() for row in found]
    [[5, 19], [1, 15]]
    """
    count = areas_px.shape[1]
    # Most pieces hold one or two phases only.
    piece, phase = np.nonzero(areas_px)
    area_px = areas_px[piece, phase]
    whole_px = areas_px.sum(axis=1)[piece]
    place = phase * CLASSES + _class_of(area_px, whole_px)
    return _summed(place, area_px, count * CLASSES).reshape(count, CLASSES)


def area_by_share(area_px: Areas, whole_px: Areas, count: Areas | None = None) -> Areas:
    """Sort the area of one mineral by its share of the pieces that it lies in.

    Parameters
    ----------
    area_px, whole_px : ndarray of int64, shape (pieces,)
        Pixels of the mineral and of all minerals in each piece.
    count : ndarray of int64, shape (pieces,), optional
        How many pieces are like that; default one each.

    Returns
    -------
    ndarray of int64, shape (CLASSES,)
        As in `area_by_class`.
    """
    sum_px = area_px if count is None else area_px * count
    return _summed(_class_of(area_px, whole_px), sum_px, CLASSES)


def _class_of(area_px: Areas, whole_px: Areas) -> Areas:
    return np.minimum(area_px * CLASSES // np.maximum(whole_px, 1), CLASSES - 1)


def _summed(place: Areas, area_px: Areas, count: int) -> Areas:
    # Areas are whole numbers far below 2^53, so that sums of floats are exact.
    return np.bincount(place, weights=area_px, minlength=count).astype(np.int64)


def liberated_fraction(by_class_px: Areas, percent: int) -> NDArray[np.float64]:
    """Share of the area of each mineral in pieces that hold at least so much of it.

    Parameters
    ----------
    by_class_px : ndarray of int64, shape (..., CLASSES)
        From `area_by_class`.
    percent : int
        A multiple of 5.

    Returns
    -------
    ndarray of float64, shape (...)
        In [0, 1]; 0 for a mineral without area.
    """
    first = percent * CLASSES // 100
    whole = np.maximum(by_class_px.sum(axis=-1), 1)
    return np.asarray(by_class_px[..., first:].sum(axis=-1) / whole)
