"""Grains: connected components of one mineral, measured in one pass over the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError
from petrography.images import Labels, require_labels
from petrography.minerals import BACKGROUND_CODE, UNLABELLED_CODE

__all__ = ["MIN_GRAIN_AREA_PX", "Grains", "SmallComponents", "measure_grains"]

# Automated mineralogy leaves out grains below 10-20 px: their size is mostly pixel outline.
MIN_GRAIN_AREA_PX = 10


@dataclass(frozen=True)
class SmallComponents:
    """Components of one mineral below the minimum area: counted, not measured.

    Attributes
    ----------
    count, area_px : int
        How many, and their pixels together.
    """

    count: int
    area_px: int


@dataclass(frozen=True)
class Grains:
    """The grains of a label image, as columns of a table; row i describes grain ``i + 1``.

    Grains are numbered along rows, top to bottom, by their first pixel.

    Attributes
    ----------
    component_map : ndarray of uint32, shape (height, width)
        Grain number at each pixel, 0 outside grains. What measures shapes, outlines or contacts
        starts from it.
    code : ndarray of uint8, shape (n,)
        Mineral codes.
    area_px : ndarray of int64, shape (n,)
        Pixels.
    centroid_px : ndarray of float64, shape (n, 2)
        (row, column) of the centre of mass; the centre of the first pixel is (0, 0).
    bbox_px : ndarray of int64, shape (n, 4)
        First row, first column, and one past the last row and column.
    touches_edge : ndarray of bool, shape (n,)
        Whether the grain is cut by the edge of the image.
    min_area_px : int
        Components below it are not in the table.
    small : mapping of int to SmallComponents
        What was left out, by mineral code.
    """

    component_map: NDArray[np.uint32]
    code: NDArray[np.uint8]
    area_px: NDArray[np.int64]
    centroid_px: NDArray[np.float64]
    bbox_px: NDArray[np.int64]
    touches_edge: NDArray[np.bool_]
    min_area_px: int
    small: Mapping[int, SmallComponents]

    def __len__(self) -> int:
        return len(self.code)

    @property
    def id(self) -> NDArray[np.int64]:
        """Grain numbers 1 to n."""
        return np.arange(1, len(self) + 1, dtype=np.int64)

    @property
    def ecd_px(self) -> NDArray[np.float64]:
        """Equivalent circle diameter: that of the circle of the same area."""
        return np.asarray(np.sqrt(self.area_px * (4.0 / np.pi)), dtype=np.float64)


def measure_grains(labels: Labels, *, min_area_px: int = MIN_GRAIN_AREA_PX) -> Grains:
    """Find and measure the grains of all minerals.

    A grain is an 8-connected component of one code. Background and unannotated pixels form none.
    Grains of one mineral that touch each other count as one.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated.
    min_area_px : int
        Smallest area of a grain, at least 1.

    Returns
    -------
    Grains
        The table and the map of grain numbers.

    Raises
    ------
    InvalidParameterError
        If `min_area_px` is below 1.
    LabelImageError
        If the array is no label image.

    Examples
    --------
    >>> labels = np.zeros((32, 32), dtype=np.uint8)
    >>> labels[5:15, 8:18] = 1
    >>> grains = measure_grains(labels)
    >>> grains.area_px.tolist(), grains.centroid_px.tolist(), grains.bbox_px.tolist()
    ([100], [[9.5, 12.5]], [[5, 8, 15, 18]])
    """
    if min_area_px < 1:
        msg = f"min_area_px is {min_area_px}; wanted a whole number of pixels, at least 1"
        raise InvalidParameterError(msg)
    components = _components(require_labels(labels))
    measured = cc3d.statistics(components, no_slice_conversion=True)
    area_px = measured["voxel_counts"][1:].astype(np.int64)
    code = _code_of_components(labels, components, len(area_px))
    kept = area_px >= min_area_px
    bbox_px = _half_open(measured["bounding_boxes"][1:][kept])
    return Grains(
        component_map=_renumber(components, kept),
        code=code[kept],
        area_px=area_px[kept],
        centroid_px=measured["centroids"][1:][kept].astype(np.float64),
        bbox_px=bbox_px,
        touches_edge=_touches_edge(bbox_px, labels.shape),
        min_area_px=min_area_px,
        small=_small_components(code[~kept], area_px[~kept]),
    )


def _components(labels: Labels) -> NDArray[np.uint32]:
    phases = labels
    if (labels == UNLABELLED_CODE).any():
        phases = np.where(labels == UNLABELLED_CODE, np.uint8(BACKGROUND_CODE), labels)
    found = cc3d.connected_components(
        np.ascontiguousarray(phases), connectivity=8, out_dtype=np.uint32
    )
    return np.asarray(found, dtype=np.uint32)


def _code_of_components(
    labels: Labels, components: NDArray[np.uint32], count: int
) -> NDArray[np.uint8]:
    code = np.zeros(count + 1, dtype=np.uint8)
    # Every pixel of a component writes the same code, so the order of writing does not matter.
    code[components.ravel()] = labels.ravel()
    return code[1:]


def _half_open(boxes: NDArray[np.integer]) -> NDArray[np.int64]:
    first_row, last_row, first_column, last_column = boxes.astype(np.int64).T
    return np.stack([first_row, first_column, last_row + 1, last_column + 1], axis=1)


def _touches_edge(bbox_px: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    starts, ends = bbox_px[:, :2], bbox_px[:, 2:]
    touches: NDArray[np.bool_] = (starts == 0).any(axis=1) | (ends == shape).any(axis=1)
    return touches


def _renumber(components: NDArray[np.uint32], kept: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Number kept components 1 to n in place, the others 0."""
    number = np.zeros(len(kept) + 1, dtype=np.uint32)
    number[1:][kept] = np.arange(1, np.count_nonzero(kept) + 1, dtype=np.uint32)
    for row in components:
        row[:] = number[row]
    return components


def _small_components(
    code: NDArray[np.uint8], area_px: NDArray[np.int64]
) -> dict[int, SmallComponents]:
    return {
        int(value): SmallComponents(
            int(np.count_nonzero(code == value)), int(area_px[code == value].sum())
        )
        for value in np.unique(code)
    }
