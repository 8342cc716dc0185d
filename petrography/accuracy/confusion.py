"""Confusion of true and predicted classes, counted by pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from petrography.errors import LabelImageError
from petrography.images import Labels, require_labels
from petrography.minerals import UNLABELLED_CODE, class_index_table

__all__ = [
    "Confusion",
    "confusion_matrix",
    "confusion_with_other",
    "normalised_confusion",
    "require_same_shape",
    "row_bands",
]

Confusion = NDArray[np.int64]

# About a million pixels at a time: what is computed beside an image stays small.
_BAND_PX = 1 << 20


def confusion_matrix(truth: Labels, prediction: Labels, codes: Sequence[int]) -> Confusion:
    """Count pixels by true and predicted code.

    Parameters
    ----------
    truth : ndarray of uint8, shape (height, width)
        Codes of `codes`, or 255 where nothing is annotated.
    prediction : ndarray of uint8, shape (height, width)
        Codes of `codes` wherever `truth` is annotated.
    codes : sequence of int
        The classes, in the order of rows and columns.

    Returns
    -------
    ndarray of int64, shape (len(codes), len(codes))
        Rows are the truth, columns the prediction.

    Raises
    ------
    LabelImageError
        If the shapes differ or a code is not among `codes`. `confusion_with_other` takes
        predictions of classes that the truth does not know.

    Examples
    --------
    >>> truth = np.array([[0, 1, 1, 255]], dtype=np.uint8)
    >>> prediction = np.array([[0, 1, 0, 1]], dtype=np.uint8)
    >>> confusion_matrix(truth, prediction, (0, 1)).tolist()
    [[1, 0], [1, 1]]
    """
    counted = confusion_with_other(truth, prediction, codes)
    if counted[:, -1].any():
        wrong = sorted(set(np.unique(prediction[truth != UNLABELLED_CODE]).tolist()) - set(codes))
        msg = (
            f"prediction holds codes {wrong}; wanted {list(codes)}: add them to the classes or "
            "count them as 'other'"
        )
        raise LabelImageError(msg)
    return counted[:, :-1]


def confusion_with_other(truth: Labels, prediction: Labels, codes: Sequence[int]) -> Confusion:
    """Count pixels by true and predicted code, with a last column for any other prediction.

    A pixel predicted as a class outside `codes` is wrong: it stays in the union of its true
    class and in the total, so neither IoU nor pixel accuracy flatters.

    Parameters
    ----------
    truth, prediction : ndarray of uint8, shape (height, width)
        Codes; pixels with truth 255 are not counted.
    codes : sequence of int
        The classes of the truth, in the order of rows and columns.

    Returns
    -------
    ndarray of int64, shape (len(codes), len(codes) + 1)
        Rows are the truth, columns the prediction, the last one "other".

    Raises
    ------
    LabelImageError
        If the shapes differ or the truth holds a code outside `codes`.
    """
    require_same_shape(truth, prediction)
    classes = len(codes)
    index = class_index_table(codes, other=classes)
    # One row more than classes: it takes the ignored pixels and truth codes that nobody named.
    counts = np.zeros((classes + 1) * (classes + 1), dtype=np.int64)
    true_index = index * np.uint16(classes + 1)
    for rows in row_bands(truth.shape):
        pairs = true_index[truth[rows]] + index[prediction[rows]]
        counts += np.bincount(pairs.ravel(), minlength=counts.size)
    matrix = counts.reshape(classes + 1, classes + 1)
    if matrix[-1].sum() > np.count_nonzero(truth == UNLABELLED_CODE):
        strange = sorted(set(np.unique(truth).tolist()) - {*codes, UNLABELLED_CODE})
        msg = f"truth holds codes {strange}; wanted {list(codes)}, or 255 for not annotated"
        raise LabelImageError(msg)
    return matrix[:-1]


def normalised_confusion(
    confusion: Confusion, *, by: Literal["truth", "prediction"]
) -> NDArray[np.float64]:
    """Turn counts into shares of the true pixels of a class, or of those predicted as it.

    Parameters
    ----------
    confusion : ndarray of int64, shape (K, L)
        Rows are the truth, columns the prediction.
    by : {"truth", "prediction"}
        Whether rows sum to 1 (the diagonal is recall) or columns do (it is precision).

    Returns
    -------
    ndarray of float64, shape (K, L)
        Shares; NaN in a row or column without a pixel.

    Examples
    --------
    >>> normalised_confusion(np.array([[3, 1], [0, 4]]), by="truth").tolist()
    [[0.75, 0.25], [0.0, 1.0]]
    """
    total = confusion.sum(axis=1 if by == "truth" else 0, keepdims=True)
    shares = np.full(confusion.shape, np.nan)
    np.divide(confusion, total, out=shares, where=total > 0)
    return shares


def require_same_shape(truth: Labels, prediction: Labels) -> None:
    """Check that both are label images of one size, or raise `LabelImageError`."""
    require_labels(truth)
    require_labels(prediction)
    if truth.shape != prediction.shape:
        msg = f"prediction is {prediction.shape} px, truth {truth.shape}; wanted the same size"
        raise LabelImageError(msg)


def row_bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Cut an image of (height, width) into slices of rows of about a million pixels."""
    rows = max(1, _BAND_PX // shape[1])
    for start in range(0, shape[0], rows):
        yield slice(start, start + rows)
