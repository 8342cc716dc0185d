"""PNG by rows: it decodes to what was written, and only whole images are written."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from petrography.errors import InvalidParameterError, LabelImageError
from petrography.image_codec import decode_labels, write_png_rows
from petrography.images import Labels


@settings(max_examples=40, deadline=None)
@given(
    labels=arrays.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30))),
    rows=st.integers(1, 31),
)
def test_the_image_comes_back_however_it_was_cut(labels: Labels, rows: int) -> None:
    file = io.BytesIO()
    strips = (labels[top : top + rows] for top in range(0, len(labels), rows))
    write_png_rows(file, strips, *labels.shape)
    np.testing.assert_array_equal(decode_labels(file.getvalue()), labels)


@pytest.mark.parametrize("shape", [(3, 9), (5, 9), (4, 8)])
def test_rows_of_another_size_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(InvalidParameterError, match="wanted 4 rows of 9 px"):
        write_png_rows(io.BytesIO(), [np.zeros(shape, dtype=np.uint8)], 4, 9)


def test_no_rows_at_all_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="0 rows"):
        write_png_rows(io.BytesIO(), [], 4, 9)


def test_colours_are_no_codes() -> None:
    with pytest.raises(LabelImageError):
        write_png_rows(io.BytesIO(), [np.zeros((4, 9, 3), dtype=np.uint8)], 4, 9)
