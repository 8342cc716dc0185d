"""Strokes spread over superpixels, split them where they meet, and come back by undo."""

from __future__ import annotations

import numpy as np
import pytest

from petrography.annotation import Annotation, Origin, Region, Stroke, Superpixels, prepare
from petrography.errors import InvalidParameterError, NothingToUndoError
from tests.petrography.annotated_scenes import (
    HEIGHT,
    WIDTH,
    dot,
    leaf_labels,
    one_colour,
    planes,
    row_of_leaves,
    two_colours,
)

HALF = WIDTH // 2


@pytest.fixture(scope="module")
def halves() -> Superpixels:
    return prepare(two_colours())


@pytest.fixture(scope="module")
def plain() -> Superpixels:
    return prepare(one_colour())


def test_one_stroke_in_each_of_two_colours_labels_everything_right(halves: Superpixels) -> None:
    annotation = Annotation(halves)
    assert annotation.draw([dot(1, 60, 30)]) == Region(0, 0, HEIGHT, HALF)
    assert annotation.draw([dot(6, 20, 130)]) == Region(0, HALF, HEIGHT, HALF)
    assert (annotation.labels[:, :HALF] == 1).all()
    assert (annotation.labels[:, HALF:] == 6).all()
    drawn = annotation.origin == Origin.STROKE
    assert drawn.sum() == 2 * 21  # pixels within 2.5 of a pixel
    assert (annotation.confidence[drawn] == 255).all()
    assert (annotation.origin[~drawn] == Origin.PROPAGATED).all()
    assert ((annotation.confidence[~drawn] > 0) & (annotation.confidence[~drawn] < 255)).all()


def test_strokes_of_two_labels_split_a_cluster_between_them(plain: Superpixels) -> None:
    annotation = Annotation(plain)
    annotation.draw([dot(1, 60, 30)])
    assert (annotation.labels == 1).all()
    annotation.draw([dot(6, 60, 130)])
    assert (annotation.labels[:, :50] == 1).all()
    assert (annotation.labels[:, 110:] == 6).all()
    assert set(np.unique(annotation.labels)) == {1, 6}


def test_in_a_leaf_that_two_labels_cross_each_pixel_goes_to_the_nearest() -> None:
    annotation = Annotation(row_of_leaves([50.0], [0], [0]))
    annotation.draw([dot(1, 4, 1, width_px=1.0), dot(6, 4, 7, width_px=1.0)])
    assert (annotation.labels[:, :4] == 1).all()
    assert (annotation.labels[:, 5:] == 6).all()


def test_what_agrees_on_the_middle_level_is_filled_there() -> None:
    """Leaves 0-2 are one superpixel of the middle level, 3-5 another, all one cluster."""
    tree = row_of_leaves([50.0] * 6, [0, 0, 0, 1, 1, 1], [0] * 6)
    annotation = Annotation(tree)
    annotation.draw([dot(1, 3, 5)])
    assert leaf_labels(annotation) == [1] * 6
    annotation.draw([dot(6, 3, 55)])
    assert leaf_labels(annotation) == [1, 1, 1, 6, 6, 6]


def test_between_strokes_colours_on_the_way_decide() -> None:
    """Leaf 3 is nearer to the stroke in leaf 5 by place, to that in leaf 0 by colour."""
    tree = row_of_leaves([50.0, 50.0, 50.5, 50.5, 54.0, 54.0], list(range(6)), [0] * 6)
    annotation = Annotation(tree)
    annotation.draw([dot(1, 3, 5), dot(6, 3, 55)])
    assert leaf_labels(annotation) == [1, 1, 1, 1, 6, 6]


def test_strokes_stay_within_their_cluster() -> None:
    annotation = Annotation(row_of_leaves([50.0] * 4, [0, 0, 1, 1], [0, 0, 1, 1]))
    assert annotation.draw([dot(1, 3, 5)]) == Region(0, 0, 10, 20)
    assert leaf_labels(annotation) == [1, 1, 255, 255]


def test_another_colour_is_left_alone_and_a_close_one_is_less_certain() -> None:
    annotation = Annotation(row_of_leaves([50.0, 54.0, 70.0], [0, 0, 0], [0, 0, 0]))
    annotation.draw([dot(1, 3, 5)])
    assert leaf_labels(annotation) == [1, 1, 255]
    own, close, other = annotation.confidence[-1, 5::10].tolist()
    assert 255 > own > close > other == 0


def test_exact_strokes_do_not_spread_and_later_ones_lie_over_earlier(plain: Superpixels) -> None:
    annotation = Annotation(plain)
    exact = Stroke(code=6, points=((60.0, 20.0), (60.0, 40.0)), width_px=1.0, exact=True)
    assert annotation.draw([exact]) == Region(60, 20, 1, 21)
    assert (annotation.labels == 6).sum() == 21
    annotation.draw([dot(1, 60, 30)])
    assert (annotation.labels[60, 28:33] == 1).all()
    assert (annotation.labels == 6).sum() == 16
    assert (annotation.labels == 1).sum() == HEIGHT * WIDTH - 16


def test_an_eraser_takes_back_the_spread_around_it(plain: Superpixels) -> None:
    annotation = Annotation(plain)
    annotation.draw([dot(1, 60, 30)])
    annotation.draw([dot(None, 60, 130)])
    assert (annotation.labels[:, :50] == 1).all()
    assert (annotation.labels[:, 110:] == 255).all()
    assert (annotation.confidence[:, 110:] == 0).all()
    assert (annotation.origin[:, 110:] == Origin.NONE).all()


def test_without_its_stroke_nothing_is_spread(halves: Superpixels) -> None:
    annotation = Annotation(halves)
    annotation.draw([dot(1, 60, 30), dot(6, 60, 130)])
    assert annotation.draw([dot(None, 60, 30, width_px=9.0)]) == Region(0, 0, HEIGHT, HALF)
    assert (annotation.labels[:, :HALF] == 255).all()
    assert (annotation.labels[:, HALF:] == 6).all()


def test_a_later_stroke_takes_an_erased_leaf_back() -> None:
    annotation = Annotation(row_of_leaves([50.0] * 3, [0, 1, 2], [0, 0, 0]))
    annotation.draw([dot(1, 3, 5), dot(None, 3, 15)])
    assert leaf_labels(annotation) == [1, 255, 255]
    annotation.draw([dot(6, 3, 19, width_px=1.0)])
    assert leaf_labels(annotation) == [1, 6, 6]


def test_an_exact_eraser_empties_its_pixels_alone(plain: Superpixels) -> None:
    annotation = Annotation(plain)
    annotation.draw([dot(1, 60, 30)])
    dotted = Stroke(code=None, points=((20.0, 20.0), (20.0, 29.0)), width_px=1.0, exact=True)
    assert annotation.draw([dotted]) == Region(20, 20, 1, 10)
    assert (annotation.labels == 255).sum() == 10


def test_undo_brings_the_bytes_back(halves: Superpixels) -> None:
    annotation = Annotation(halves)
    annotation.draw([dot(1, 60, 30)])
    before = planes(annotation)
    drawn = annotation.draw([dot(6, 20, 30), dot(None, 90, 30)])
    assert planes(annotation) != before
    assert annotation.step_count == 2
    assert annotation.undo() == drawn
    assert planes(annotation) == before
    annotation.undo()
    with pytest.raises(NothingToUndoError, match="no step is left"):
        annotation.undo()


def test_a_stroke_that_changes_nothing_answers_an_empty_region(halves: Superpixels) -> None:
    annotation = Annotation(halves)
    annotation.draw([dot(1, 60, 30)])
    region = annotation.draw([dot(1, 60, 30)])
    assert region.is_empty
    assert annotation.step_count == 2


def test_too_many_disputed_superpixels_are_refused_and_nothing_is_drawn() -> None:
    annotation = Annotation(row_of_leaves([50.0] * 6, [0] * 6, [0] * 6))
    annotation.draw([Stroke(code=1, points=((2.0, 0.0), (2.0, 59.0)), width_px=1.0)])
    before = planes(annotation)
    across = Stroke(code=6, points=((7.0, 0.0), (7.0, 59.0)), width_px=1.0)
    with pytest.raises(InvalidParameterError, match=r"touch 6 superpixels.* at most 5"):
        annotation.draw([across], max_disputed=5)
    assert annotation.step_count == 1
    assert planes(annotation) == before
    annotation.draw([across], max_disputed=6)
    # Taking a wide stroke back would settle the six again, so that it counts them as well.
    with pytest.raises(InvalidParameterError, match="6 superpixels"):
        annotation.draw([Stroke(code=1, points=((5.0, 30.0),), width_px=200.0)], max_disputed=5)
