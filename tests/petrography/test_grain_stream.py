"""Grains by strips: the same table and the same numbers however the image is cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError, LabelImageError
from petrography.phantoms import phantom
from petrography.statistics import GrainStream, GrainTable, measure_grains, number_strips
from petrography.statistics.label_blocks import BlockCutter

Labels = NDArray[np.uint8]

# Few codes and thin images, so that arches, spirals and corners are frequent.
IMAGES = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=16),
    elements=st.sampled_from([0, 0, 1, 1, 1, 6, 255]),
)
COLUMNS = ("code", "area_px", "centroid_px", "bbox_px", "touches_edge")


def strips(labels: Labels, heights: list[int]) -> Iterator[Labels]:
    """The image in strips of these heights, again and again, through one buffer."""
    buffer = np.empty_like(labels)
    row = 0
    while row < len(labels):
        for height in heights:
            part = labels[row : row + height]
            buffer[: len(part)] = part
            yield buffer[: len(part)]
            row += len(part)


def streamed(labels: Labels, heights: list[int], *, rows: int, min_area_px: int) -> GrainTable:
    stream = GrainStream(labels.shape, min_area_px=min_area_px, rows=rows)
    for strip in strips(labels, heights):
        stream.add(strip)
    return stream.finish()


def assert_same(one: GrainTable, other: GrainTable) -> None:
    for column in COLUMNS:
        assert np.array_equal(getattr(one, column), getattr(other, column)), column
    for shape in fields(one.shapes):
        assert np.array_equal(getattr(one.shapes, shape.name), getattr(other.shapes, shape.name)), (
            shape.name
        )
    assert one.small == other.small


@given(
    IMAGES,
    st.lists(st.integers(1, 7), min_size=1, max_size=4),
    st.integers(1, 9),
    st.sampled_from([1, 4]),
)
@settings(deadline=None, max_examples=150)
def test_any_cut_gives_the_table_and_the_numbers_of_the_whole(
    labels: Labels, heights: list[int], rows: int, min_area_px: int
) -> None:
    whole = measure_grains(labels, min_area_px=min_area_px)
    cut = streamed(labels, heights, rows=rows, min_area_px=min_area_px)
    assert_same(cut, whole)
    numbers = np.concatenate(list(number_strips(cut, strips(labels, heights))))
    assert np.array_equal(numbers, whole.component_map)


@pytest.mark.parametrize("rows", [1, 37])
def test_a_phantom_cut_anywhere_has_the_same_grains(rows: int) -> None:
    labels = phantom("S1", 3, 200, 260).labels
    whole = measure_grains(labels)
    assert len(whole) >= 10
    assert_same(streamed(labels, [11], rows=rows, min_area_px=10), whole)


def test_a_spiral_is_one_grain_and_keeps_its_hole_count() -> None:
    spiral = np.zeros((40, 40), dtype=np.uint8)
    spiral[2, 2:38] = spiral[2:38, 37] = spiral[37, 6:38] = spiral[8:38, 6] = 1
    spiral[8, 6:30] = 1
    table = streamed(spiral, [1], rows=1, min_area_px=1)
    assert table.area_px.tolist() == [np.count_nonzero(spiral)]
    assert table.shapes.euler_number.tolist() == [1]
    spiral[2:9, 6] = 1
    assert streamed(spiral, [3], rows=2, min_area_px=1).shapes.euler_number.tolist() == [0]


@pytest.mark.parametrize(
    ("strip", "message"),
    [
        (np.zeros((2, 5), dtype=np.uint8), r"\(2, 5\); wanted uint8 \(rows, 4\)"),
        (np.zeros((2, 4), dtype=np.int64), "int64"),
        (np.zeros((4, 4), dtype=np.uint8), "4 rows of labels came; wanted uint8"),
    ],
)
def test_strips_that_do_not_fit_are_refused(strip: Labels, message: str) -> None:
    with pytest.raises(LabelImageError, match=message):
        GrainStream((3, 4)).add(strip)


def test_missing_rows_are_an_error() -> None:
    stream = GrainStream((3, 4))
    stream.add(np.zeros((2, 4), dtype=np.uint8))
    with pytest.raises(LabelImageError, match="2 rows of labels came; wanted 3"):
        stream.finish()


def test_a_line_too_long_for_exact_sums_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="1 x 4000000 px"):
        GrainStream((1, 4_000_000))


def test_numbers_of_other_labels_are_refused() -> None:
    labels = np.eye(6, dtype=np.uint8)
    other = labels.copy()
    other[0, 5] = 1
    with pytest.raises(LabelImageError, match="labels that the table"):
        list(number_strips(measure_grains(labels, min_area_px=1), [other]))


def test_blocks_have_one_height_and_join_to_the_image() -> None:
    labels = np.arange(11, dtype=np.uint8)[:, None].repeat(3, axis=1)
    cutter = BlockCutter(labels.shape, 4)
    blocks = [block.copy() for strip in strips(labels, [3, 1]) for block in cutter.add(strip)]
    assert [len(block) for block in blocks] == [4, 4, 3]
    assert np.array_equal(np.concatenate(blocks), labels)
