"""Whatever is drawn: everything follows from the strokes alone, and drawn pixels stay as drawn."""

from __future__ import annotations

import functools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.annotation import Annotation, Origin, Region, Stroke, Superpixels, prepare
from petrography.annotation.strokes import drawn_pixels
from petrography.phantoms import phantom
from tests.petrography.annotated_scenes import planes

HEIGHT, WIDTH = 60, 80
CODES = st.sampled_from([0, 1, 6, None])
POINTS = st.tuples(
    st.floats(-0.5, HEIGHT - 0.51, allow_nan=False), st.floats(-0.5, WIDTH - 0.51, allow_nan=False)
)
STROKES = st.builds(
    Stroke,
    code=CODES,
    points=st.lists(POINTS, min_size=1, max_size=3).map(tuple),
    width_px=st.floats(0.5, 9.0),
    exact=st.booleans(),
)
STEPS = st.lists(st.lists(STROKES, min_size=1, max_size=3), min_size=1, max_size=6)


@functools.cache
def superpixels() -> Superpixels:
    return prepare(phantom("S1", seed=3, height_px=HEIGHT, width_px=WIDTH).image)


def drawn(steps: list[list[Stroke]]) -> Annotation:
    annotation = Annotation(superpixels())
    for step in steps:
        annotation.draw(step)
    return annotation


def is_covered(before: bytes, after: bytes, region: Region) -> bool:
    shape = 3, HEIGHT, WIDTH
    one, other = (np.frombuffer(data, dtype=np.uint8).reshape(shape) for data in (before, after))
    unlike = (one != other).any(axis=0)
    unlike[region.slices] = False
    return not unlike.any()


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_the_same_strokes_give_the_same_bytes_however_they_are_shared_out(
    steps: list[list[Stroke]],
) -> None:
    expected = planes(drawn(steps))
    assert planes(drawn(steps)) == expected
    assert planes(drawn([[stroke] for step in steps for stroke in step])) == expected


@settings(max_examples=60, deadline=None)
@given(STEPS, STEPS)
def test_what_was_taken_back_leaves_no_trace_and_regions_cover_all_changes(
    kept: list[list[Stroke]], taken_back: list[list[Stroke]]
) -> None:
    annotation = drawn(kept)
    expected = planes(annotation)
    for step in taken_back:
        before = planes(annotation)
        region = annotation.draw(step)
        assert is_covered(before, planes(annotation), region)
    for _ in taken_back:
        before = planes(annotation)
        region = annotation.undo()
        assert is_covered(before, planes(annotation), region)
    assert planes(annotation) == expected
    assert annotation.step_count == len(kept)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_drawn_pixels_keep_their_label_until_something_is_drawn_over_them(
    steps: list[list[Stroke]],
) -> None:
    annotation = drawn(steps)
    ink = np.full(HEIGHT * WIDTH, -1)
    for stroke in (stroke for step in steps for stroke in step):
        ink[drawn_pixels(stroke, (HEIGHT, WIDTH))] = -1 if stroke.code is None else stroke.code
    ink = ink.reshape(HEIGHT, WIDTH)
    np.testing.assert_array_equal(annotation.labels[ink >= 0], ink[ink >= 0])
    np.testing.assert_array_equal(annotation.origin == Origin.STROKE, ink >= 0)
    np.testing.assert_array_equal(annotation.confidence == 255, ink >= 0)
    nothing = annotation.labels == 255
    assert (annotation.confidence[nothing] == 0).all()
    np.testing.assert_array_equal(annotation.origin == Origin.NONE, nothing)
