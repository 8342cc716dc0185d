"""The colour-only baseline: each pixel takes the class of the nearest mean colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.accuracy.confusion import row_bands
from petrography.errors import InvalidParameterError, LabelImageError
from petrography.images import Image, Labels, require_labels
from petrography.minerals import class_index_table

__all__ = ["NearestColour", "fit_nearest_colour"]


@dataclass(frozen=True)
class NearestColour:
    """Baseline that knows one colour a class and nothing else.

    Attributes
    ----------
    codes : tuple of int
        Classes.
    colours_rgb : tuple of tuple of float
        Mean sRGB of each class, 0-255; of stacks of bands the mean of each band.
    """

    codes: tuple[int, ...]
    colours_rgb: tuple[tuple[float, ...], ...]

    def predict(self, pixels: Image, *, allowed: Sequence[int] | None = None) -> Labels:
        """Give each pixel the class of the nearest colour, in Euclidean sRGB distance.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (height, width, C)
            The image, with as many channels as the colours.
        allowed : sequence of int, optional
            Codes that may occur; all when omitted. Of two colours equally near, the class that
            comes first in `codes` is taken.

        Returns
        -------
        ndarray of uint8, shape (height, width)
            Codes.

        Raises
        ------
        InvalidParameterError
            If no class of the baseline is allowed, or the image has other channels.
        """
        chosen = [k for k, code in enumerate(self.codes) if allowed is None or code in allowed]
        if not chosen:
            msg = f"no class of {list(self.codes)} is among the allowed codes {list(allowed or ())}"
            raise InvalidParameterError(msg)
        colours = np.array([self.colours_rgb[k] for k in chosen], dtype=np.float32)
        codes = np.array([self.codes[k] for k in chosen], dtype=np.uint8)
        if pixels.ndim != 3 or pixels.shape[2] != colours.shape[1]:
            msg = f"image is {pixels.shape}; wanted (height, width, {colours.shape[1]})"
            raise InvalidParameterError(msg)
        labels = np.empty(pixels.shape[:2], dtype=np.uint8)
        for rows in row_bands(labels.shape):
            labels[rows] = codes[_nearest(pixels[rows], colours)]
        return labels


def _nearest(pixels: Image, colours: NDArray[np.float32]) -> NDArray[np.intp]:
    # The nearest colour c of x has the largest x.c - c.c / 2; one affine map gives it for all.
    affinity = np.hstack([colours, -(colours**2).sum(axis=1, keepdims=True) / 2])
    planes = np.stack([_affine(pixels.astype(np.float32), row) for row in affinity])
    nearest: NDArray[np.intp] = np.argmax(planes, axis=0)
    return nearest


def _affine(pixels: NDArray[np.float32], row: NDArray[np.float32]) -> NDArray[np.float32]:
    # OpenCV is quicker, but knows four channels at most.
    if pixels.shape[2] <= 4:
        return np.asarray(cv2.transform(pixels, row[None]), dtype=np.float32)
    return np.asarray(pixels @ row[:-1] + row[-1], dtype=np.float32)


def fit_nearest_colour(
    examples: Iterable[tuple[Image, Labels]], codes: Sequence[int]
) -> NearestColour:
    """Average the colour of each class over images, one image in memory at a time.

    Parameters
    ----------
    examples : iterable of (ndarray of uint8 (height, width, C), ndarray of uint8 (height, width))
        Images, all of the same channels, and their truth; pixels with codes outside `codes` are passed over.
    codes : sequence of int
        Classes; those without a pixel are left out of the baseline.

    Returns
    -------
    NearestColour
        The baseline.

    Raises
    ------
    LabelImageError
        If a truth has another size than its image, or no pixel of `codes` was seen.
    """
    index = class_index_table(codes, other=len(codes))
    sums: NDArray[np.float64] | None = None
    for pixels, truth in examples:
        if pixels.shape[:2] != require_labels(truth).shape:
            msg = f"truth is {truth.shape} px, its image {pixels.shape[:2]}; wanted the same size"
            raise LabelImageError(msg)
        for rows in row_bands(truth.shape):
            of_rows = _colour_sums(pixels[rows], index[truth[rows]], len(codes) + 1)
            sums = of_rows if sums is None else sums + of_rows
    seen = [] if sums is None else [k for k in range(len(codes)) if sums[-1, k] > 0]
    if sums is None or not seen:
        msg = f"no pixel of the classes {list(codes)} was seen; give annotated images"
        raise LabelImageError(msg)
    means = (sums[:-1] / np.maximum(sums[-1], 1)).T
    return NearestColour(
        tuple(codes[k] for k in seen), tuple(tuple(means[k].tolist()) for k in seen)
    )


def _colour_sums(pixels: Image, index: NDArray[np.uint16], bins: int) -> NDArray[np.float64]:
    """Sums of every channel, and numbers of pixels, by class index."""
    flat = index.ravel()
    channels = [
        np.bincount(flat, pixels[..., c].ravel(), minlength=bins) for c in range(pixels.shape[2])
    ]
    return np.stack([*channels, np.bincount(flat, minlength=bins)])
