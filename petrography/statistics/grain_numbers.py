"""Which grain every pixel belongs to, strip by strip, in a second pass over the labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from petrography.errors import LabelImageError
from petrography.images import Labels
from petrography.statistics.component_tracking import ComponentTracker
from petrography.statistics.grain_table import GrainTable
from petrography.statistics.label_blocks import BlockCutter

__all__ = ["number_strips"]


def number_strips(grains: GrainTable, strips: Iterable[Labels]) -> Iterator[NDArray[np.uint32]]:
    """Give the number of the grain at each pixel, from top to bottom.

    No map of the whole image is held: memory follows its width.

    Parameters
    ----------
    grains : GrainTable
        Measured on the same labels.
    strips : iterable of ndarray of uint8, shape (rows, width)
        The labels again, in strips of any height.

    Yields
    ------
    ndarray of uint32, shape (rows, width)
        Grain numbers, 0 outside grains; their heights are those of the blocks of the table, not of
        the strips.

    Raises
    ------
    LabelImageError
        If the strips are not as large as the image, or not the labels that were measured.

    Examples
    --------
    >>> from petrography.statistics import measure_grains
    >>> labels = np.full((4, 5), 6, dtype=np.uint8)
    >>> [strip.tolist() for strip in number_strips(measure_grains(labels), [labels])][0][0]
    [1, 1, 1, 1, 1]
    """
    cutter = BlockCutter(grains.shape_px, grains.block_rows)
    tracker = ComponentTracker(grains.shape_px)
    known = len(grains.number_of_name)
    for strip in strips:
        for labels in cutter.add(strip):
            block = tracker.track(labels)
            if block.count and int(block.name.max()) >= known:
                raise LabelImageError(_other_labels(known))
            number = np.append(grains.number_of_name[block.name], np.uint32(0))
            number_of = number[block.component_of]
            yield number_of[block.numbers[1 : len(labels) + 1, 1:-1]]
    cutter.finish()
    if len(tracker.roots()) != known:
        raise LabelImageError(_other_labels(known))


def _other_labels(known: int) -> str:
    return (
        f"these labels do not have the {known} parts of components that were measured; wanted the "
        "labels that the table of grains was made of"
    )
