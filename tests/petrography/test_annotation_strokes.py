"""Strokes that make no sense are refused with what is wanted; those that do cover known pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from petrography.annotation import MAX_POINTS, MAX_STROKES, Annotation, Stroke, prepare
from petrography.annotation.strokes import drawn_pixels
from petrography.errors import InvalidParameterError
from tests.petrography.annotated_scenes import HEIGHT, WIDTH, dot, planes, two_colours

SHAPE = (40, 50)


@pytest.fixture
def annotation() -> Annotation:
    return Annotation(prepare(two_colours()))


def rows_of(stroke: Stroke) -> list[int]:
    return np.unique(drawn_pixels(stroke, SHAPE) // SHAPE[1]).tolist()


@pytest.mark.parametrize(("width_px", "rows"), [(0.5, 1), (1.0, 1), (3.0, 3), (5.0, 5), (9.0, 9)])
def test_a_stroke_is_as_wide_as_it_says(width_px: float, rows: int) -> None:
    stroke = Stroke(code=1, points=((20.0, 10.0), (20.0, 30.0)), width_px=width_px)
    assert len(rows_of(stroke)) == rows


def test_a_stroke_is_cut_at_the_edge_of_the_image() -> None:
    assert rows_of(Stroke(code=1, points=((0.0, 10.0), (0.0, 30.0)), width_px=5.0)) == [0, 1, 2]


def test_a_slanting_stroke_covers_its_length_times_its_width() -> None:
    stroke = Stroke(code=1, points=((10.0, 10.0), (30.0, 40.0)), width_px=7.0)
    expected = math.hypot(20, 30) * 7.0 + math.pi * 3.5**2
    assert len(drawn_pixels(stroke, SHAPE)) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("code", 255, "less than 255"),
        ("code", -1, "greater than or equal to 0"),
        ("points", (), "at least 1"),
        ("points", ((0.0, 0.0),) * (MAX_POINTS + 1), f"at most {MAX_POINTS}"),
        ("points", ((math.nan, 0.0),), "finite"),
        ("points", ((0.0, math.inf),), "finite"),
        ("width_px", 0.0, "greater than 0"),
        ("width_px", math.nan, "finite"),
        ("width_px", 1e9, "less than or equal to 500"),
    ],
)
def test_a_stroke_that_makes_no_sense_is_none(field: str, value: object, wanted: str) -> None:
    fields: dict[str, object] = {"code": 1, "points": ((0.0, 0.0),), field: value}
    with pytest.raises(ValidationError, match=wanted):
        Stroke(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "place", [(-0.6, 0.0), (0.0, -0.6), (HEIGHT - 0.5, 0.0), (0.0, WIDTH - 0.5), (1e300, 0.0)]
)
def test_a_point_beside_the_image_is_named_and_nothing_is_drawn(
    annotation: Annotation, place: tuple[float, float]
) -> None:
    before = planes(annotation)
    beside = Stroke(code=1, points=((1.0, 1.0), place))
    with pytest.raises(
        InvalidParameterError, match=r"point 1 of stroke 1 .*rows 0 to 119"
    ) as found:
        annotation.draw([dot(1, 5, 5), beside])
    assert found.value.faults[0].path == ("strokes", 1, "points", 1)
    assert planes(annotation) == before
    assert annotation.step_count == 0


@pytest.mark.parametrize("count", [0, MAX_STROKES + 1])
def test_a_step_has_strokes_and_not_too_many(annotation: Annotation, count: int) -> None:
    with pytest.raises(InvalidParameterError, match=f"{count} strokes .* 1 to {MAX_STROKES}"):
        annotation.draw([dot(1, 5, 5)] * count)
