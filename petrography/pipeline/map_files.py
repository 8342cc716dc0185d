"""The maps of an analysis as files, by rows, and a picture of them that is small enough to look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.image_codec import write_label_pyramid, write_png_rows
from petrography.images import Image, Labels, resample_labels
from petrography.report import overlay
from petrography.segmentation import Segmentation
from petrography.workspace import row_strips

__all__ = ["WriteFile", "maps_by_rows", "overlay_reduction", "picture_of"]

WriteFile: TypeAlias = Callable[[BinaryIO], None]

# Pixels of a picture to look at: three screens of 4K a side, and what a browser opens at once.
_MAX_PICTURE_PX = 60_000_000
# The legend below the picture takes at most about a third of its width, and never so much.
_MAX_PICTURE_SIDE_PX = 60_000


def maps_by_rows(segmentation: Segmentation, *, um_per_px: float | None) -> dict[str, WriteFile]:
    """What writes the maps, by the names of their files."""
    labels, confidence = segmentation.labels, segmentation.confidence
    return {
        "labels.png": partial(_write_png, pixels=labels),
        "labels.ome.tif": partial(_write_pyramid, pixels=labels, um_per_px=um_per_px),
        "confidence.png": partial(_write_png, pixels=confidence),
        # As codes, without averages: the smaller copies show what single pixels have.
        "confidence.ome.tif": partial(_write_pyramid, pixels=confidence, um_per_px=um_per_px),
    }


def _write_png(file: BinaryIO, pixels: NDArray[np.uint8]) -> None:
    write_png_rows(file, _strips(pixels), *pixels.shape)


def _write_pyramid(file: BinaryIO, pixels: NDArray[np.uint8], um_per_px: float | None) -> None:
    write_label_pyramid(file, _strips(pixels), *pixels.shape, um_per_px=um_per_px)


def _strips(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    return (pixels[rows] for rows in row_strips(*pixels.shape))


def overlay_reduction(shape: tuple[int, ...]) -> int:
    """By which whole number the sides of a map are divided for the picture of it.

    Examples
    --------
    >>> overlay_reduction((2547, 3396)), overlay_reduction((24_000, 25_000))
    (1, 4)
    """
    by_area = math.isqrt(-(-shape[0] * shape[1] // _MAX_PICTURE_PX) - 1) + 1
    return max(by_area, -(-max(shape[:2]) // _MAX_PICTURE_SIDE_PX))


def picture_of(image: Image, labels: Labels, *, max_side_px: int | None = None) -> Image:
    """Paint a mineral map over its photograph, both reduced where they are too large to look at.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The photograph.
    labels : ndarray of uint8, shape (height, width)
        Mineral codes.
    max_side_px : int, optional
        For a picture on a page: its longer side is at most this, and it has no legend.

    Returns
    -------
    ndarray of uint8
        See `petrography.report.overlay`; the shares in the legend are those of the whole map.
    """
    legend = max_side_px is None
    factor = overlay_reduction(labels.shape)
    if max_side_px is not None:
        factor = max(factor, -(-max(labels.shape) // max_side_px))
    if factor == 1:
        return overlay(image, labels, legend=legend)
    shape = (-(-labels.shape[0] // factor), -(-labels.shape[1] // factor))
    small = cv2.resize(image, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return overlay(
        np.asarray(small, dtype=np.uint8),
        resample_labels(labels, shape),
        counted=labels,
        legend=legend,
    )
