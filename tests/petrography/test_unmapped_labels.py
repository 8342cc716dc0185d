"""Maps that leave pixels open, as panoramas do around their fields, against ordinary truths."""

from __future__ import annotations

import numpy as np
import pytest

from petrography.accuracy import error_map, judged_labels, tally_labels
from petrography.errors import LabelImageError


def labels(height_px: int = 40, width_px: int = 60) -> np.ndarray:
    return np.random.default_rng(1).choice([0, 1, 6], (height_px, width_px)).astype(np.uint8)


def test_open_pixels_are_counted_and_not_judged() -> None:
    truth, prediction = labels(), labels()
    prediction[:, 50:] = 255
    judged = judged_labels([tally_labels(truth, prediction, border_px=1)], border_px=1)
    assert judged.metrics.unmapped_px == 400
    assert judged.metrics.pixels == 40 * 50
    assert judged.metrics.mean_iou == judged.metrics.pixel_accuracy == 1.0
    inside = judged_labels(
        [tally_labels(truth[:, :50], prediction[:, :50], border_px=1)], border_px=1
    ).metrics
    assert judged.metrics.truth_px == inside.truth_px
    assert judged.metrics.modal_error_pp == inside.modal_error_pp


def test_open_pixels_of_several_images_add_up() -> None:
    truth, prediction = labels(), labels()
    prediction[:2] = 255
    tally = tally_labels(truth, prediction, border_px=1)
    assert judged_labels([tally, tally], border_px=1).metrics.unmapped_px == 2 * 2 * 60


def test_what_is_open_where_nothing_is_annotated_is_not_counted() -> None:
    truth, prediction = labels(), labels()
    truth[:, 30:] = prediction[:, 30:] = 255
    assert tally_labels(truth, prediction, border_px=1).unmapped_px == 0


def test_a_prediction_without_a_judged_pixel_is_refused() -> None:
    truth, prediction = labels(), np.full((40, 60), 255, dtype=np.uint8)
    with pytest.raises(LabelImageError, match="255 wherever the truth is annotated"):
        tally_labels(truth, prediction, border_px=1)


def test_open_pixels_are_grey_on_the_error_map() -> None:
    truth, prediction = np.uint8([[1, 1, 255, 1]]), np.uint8([[1, 255, 1, 6]])
    picture = error_map(truth, prediction)
    assert (picture[0, 1] == picture[0, 2]).all()
    assert len(np.unique(picture[0], axis=0)) == 3
