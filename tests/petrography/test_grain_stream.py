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
from scipy.ndimage import binary_dilation

from petrography.errors import InvalidParameterError, LabelImageError
from petrography.phantoms import phantom
from petrography.report import label_image_result
from petrography.statistics import (
    GrainStream,
    GrainTable,
    measure_grains,
    modal_composition,
    number_strips,
    summarise_grains,
)
from petrography.statistics.label_blocks import BlockCutter
from petrography.statistics.size_distributions import edge_weights

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
    assert one.frame_px == other.frame_px


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


@given(IMAGES, st.integers(1, 9))
@settings(deadline=None, max_examples=150)
def test_a_grain_beside_what_is_not_annotated_counts_as_cut(labels: Labels, rows: int) -> None:
    grains = streamed(labels, [3], rows=rows, min_area_px=1)
    numbers = measure_grains(labels, min_area_px=1).component_map
    # Beyond the edge of the image nothing is annotated either.
    padded = np.pad(labels == 255, 1, constant_values=True)
    near = binary_dilation(padded, np.ones((3, 3)))[1:-1, 1:-1]
    cut = np.isin(grains.id, numbers[near])
    assert np.array_equal(grains.touches_edge, cut)


@given(IMAGES, st.tuples(*(st.integers(0, 3),) * 4), st.integers(1, 9))
@settings(deadline=None, max_examples=100)
def test_a_frame_that_is_not_annotated_gives_the_grains_of_what_it_frames(
    labels: Labels, frame: tuple[int, int, int, int], rows: int
) -> None:
    top, bottom, left, right = frame
    framed = np.pad(labels, ((top, bottom), (left, right)), constant_values=255)
    one = streamed(framed, [2, 3], rows=rows, min_area_px=1)
    other = measure_grains(labels, min_area_px=1)
    assert one.frame_px == other.frame_px
    assert np.array_equal(one.touches_edge, other.touches_edge)
    assert np.array_equal(edge_weights(one), edge_weights(other))
    for found, wanted in zip(summarise_grains(one), summarise_grains(other), strict=True):
        assert found.touching_edge == wanted.touching_edge
        assert found.edge_corrected == wanted.edge_corrected


def test_what_is_annotated_in_another_shape_than_a_rectangle_has_no_edge_correction() -> None:
    labels = np.full((60, 60), 6, dtype=np.uint8)
    labels[10:20, 10:20] = labels[30:45, 30:45] = 1
    assert summarise_grains(measure_grains(labels))[0].edge_corrected is not None
    labels[:, :5] = 255
    assert measure_grains(labels).frame_px == (60, 55)
    labels[0, 0] = 6
    grains = measure_grains(labels)
    assert grains.frame_px is None
    assert summarise_grains(grains)[0].edge_corrected is None
    result = label_image_result(
        modal_composition(labels), grains, identity="labels", um_per_px=None
    )
    assert any("no rectangle" in one for one in result.degradations)


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
