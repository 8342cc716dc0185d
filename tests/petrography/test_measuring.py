"""A map measured while it is made: the same as measured whole, and errors come out."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from petrography.errors import LabelImageError
from petrography.images import Labels
from petrography.pipeline import measure
from petrography.pipeline.alongside import Alongside
from petrography.pipeline.measurement import Measuring, MeasuringOptions
from petrography.segmentation import Band

LABELS = arrays.arrays(
    np.uint8,
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    elements=st.sampled_from([0, 0, 1, 6, 8]),
)


@settings(max_examples=30, deadline=None)
@given(labels=LABELS, rows=st.integers(1, 20), touching=st.booleans())
def test_strips_are_measured_as_the_whole(labels: Labels, rows: int, touching: bool) -> None:
    options = MeasuringOptions(min_grain_area_px=1, touching_grains=touching)
    measuring = Measuring((labels.shape[0], labels.shape[1]), options)
    with Alongside(measuring.add) as alongside:
        for top in range(0, len(labels), rows):
            alongside.take(Band(top, labels[top : top + rows], labels[top : top + rows]))
    alongside.finish()
    strips = measuring.finish(labels)
    whole = measure(labels, options)
    assert strips.composition == whole.composition
    np.testing.assert_array_equal(strips.grains.component_map, whole.grains.component_map)
    for name in ("code", "area_px", "centroid_px", "bbox_px", "touches_edge"):
        one, other = getattr(strips.grains, name), getattr(whole.grains, name)
        np.testing.assert_array_equal(one, other)
    assert (strips.particles is None) == (not touching)
    if strips.particles is not None and whole.particles is not None:
        np.testing.assert_array_equal(strips.particles.area_px, whole.particles.area_px)


def test_bands_are_pushed_in_order_by_one_thread_that_ends() -> None:
    seen: list[tuple[int, str]] = []

    def push(labels: Labels) -> None:
        seen.append((int(labels[0, 0]), threading.current_thread().name))

    before = threading.active_count()
    with Alongside(push) as alongside:
        for number in range(50):
            alongside.take(
                Band(number, np.full((1, 1), number, np.uint8), np.zeros((1, 1), np.uint8))
            )
    alongside.finish()
    assert [number for number, _ in seen] == list(range(50))
    assert len({thread for _, thread in seen}) == 1
    assert threading.active_count() == before


@pytest.mark.parametrize("bad", [0, 3])
def test_an_error_of_the_statistics_comes_out(bad: int) -> None:
    def push(labels: Labels) -> None:
        if labels[0, 0] == bad:
            msg = f"code {bad}"
            raise LabelImageError(msg)

    def push_all() -> None:
        with Alongside(push) as alongside:
            for number in range(4):
                labels = np.full((1, 1), number, np.uint8)
                alongside.take(Band(number, labels, labels))
        alongside.finish()

    with pytest.raises(LabelImageError, match=f"code {bad}"):
        push_all()


def test_an_error_of_the_segmentation_is_not_hidden_by_one_of_the_statistics() -> None:
    def push(_labels: Labels) -> None:
        msg = "statistics"
        raise LabelImageError(msg)

    def broken() -> None:
        with Alongside(push) as alongside:
            alongside.take(Band(0, np.zeros((1, 1), np.uint8), np.zeros((1, 1), np.uint8)))
            msg = "segmentation"
            raise KeyboardInterrupt(msg)

    with pytest.raises(KeyboardInterrupt, match="segmentation"):
        broken()


def test_missing_rows_are_an_error() -> None:
    labels = np.ones((4, 5), dtype=np.uint8)
    measuring = Measuring((4, 5))
    measuring.add(labels[:3])
    with pytest.raises(LabelImageError):
        measuring.finish(labels)
