"""Grains of a whole label image: connected components of one mineral, with a map of them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels, require_labels
from petrography.statistics.grain_stream import GrainStream
from petrography.statistics.grain_table import (
    MIN_GRAIN_AREA_PX,
    GrainTable,
    SmallComponents,
)
from petrography.workspace import row_strips

__all__ = [
    "MIN_GRAIN_AREA_PX",
    "Grains",
    "SmallComponents",
    "measure_grains",
    "with_named_components",
]


@dataclass(frozen=True, kw_only=True)
class Grains(GrainTable):
    """The grains of a label image that is held whole.

    Attributes
    ----------
    component_map : ndarray of uint32, shape (height, width)
        Grain number at each pixel, 0 outside grains. What measures outlines or contacts starts
        from it.
    """

    component_map: NDArray[np.uint32]


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
    labels = require_labels(labels)
    names = np.empty(labels.shape, dtype=np.uint32)
    stream = GrainStream((labels.shape[0], labels.shape[1]), min_area_px=min_area_px, names=names)
    stream.add(labels)
    return with_named_components(stream.finish(), names)


def with_named_components(grains: GrainTable, names: NDArray[np.uint32]) -> Grains:
    """Add the map of grain numbers to a table whose stream wrote the names of components.

    Parameters
    ----------
    grains : GrainTable
        The table.
    names : ndarray of uint32, shape (height, width)
        What `GrainStream` wrote; it becomes the map.
    """
    number_of = np.append(np.uint32(0), grains.number_of_name)
    for rows in row_strips(*grains.shape_px):
        names[rows] = number_of[names[rows]]
    columns = {field.name: getattr(grains, field.name) for field in fields(GrainTable)}
    return Grains(component_map=names, **columns)
