"""Strokes spread over superpixels, come back by undo, and never move what was drawn."""

from __future__ import annotations

import numpy as np
import pytest

from petrography.annotation import Annotation, Origin, Stroke, Superpixels, prepare
from petrography.errors import NothingToUndoError
from petrography.images import Image

HEIGHT, WIDTH = 120, 160
RED, BLUE = (200, 60, 50), (40, 70, 190)


def two_colours() -> Image:
    image = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[:, : WIDTH // 2], image[:, WIDTH // 2 :] = RED, BLUE
    return image


@pytest.fixture(scope="module")
def halves() -> Superpixels:
    return prepare(two_colours())


def dot(code: int | None, row: float, column: float, width_px: float = 5.0) -> Stroke:
    return Stroke(code=code, points=((row, column),), width_px=width_px)


def planes(annotation: Annotation) -> bytes:
    return b"".join(
        plane.tobytes() for plane in (annotation.labels, annotation.confidence, annotation.origin)
    )


def test_one_stroke_in_each_of_two_colours_labels_everything_right(halves: Superpixels) -> None:
    annotation = Annotation(halves)
    assert annotation.draw([dot(1, 60, 30)]) == pytest.approx((0, 0, HEIGHT, WIDTH // 2), abs=1)
    annotation.draw([dot(6, 20, 130)])
    # The column where the colours meet may go either way.
    assert (annotation.labels[:, : WIDTH // 2 - 1] == 1).all()
    assert (annotation.labels[:, WIDTH // 2 + 1 :] == 6).all()
    assert set(np.unique(annotation.origin)) == {Origin.STROKE, Origin.PROPAGATED}


def test_undo_brings_the_bytes_back(halves: Superpixels) -> None:
    annotation = Annotation(halves)
    annotation.draw([dot(1, 60, 30)])
    before = planes(annotation)
    drawn = annotation.draw([dot(6, 20, 30), dot(None, 90, 30)])
    assert planes(annotation) != before
    assert annotation.undo() == drawn
    assert planes(annotation) == before
    annotation.undo()
    with pytest.raises(NothingToUndoError, match="no step is left"):
        annotation.undo()
