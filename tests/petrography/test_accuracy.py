"""Accuracy: confusion by hand, void borders against their definition, the colour baseline."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from petrography.accuracy import (
    NearestColour,
    confusion_matrix,
    confusion_with_other,
    error_map,
    fit_nearest_colour,
    scores,
    scores_table,
    void_border,
)
from petrography.errors import InvalidParameterError, LabelImageError

Labels = NDArray[np.uint8]


def row(*codes: int) -> Labels:
    return np.array([codes], dtype=np.uint8)


# --- confusion -------------------------------------------------------------------------------


def test_confusion_counts_by_hand() -> None:
    truth, prediction = row(0, 0, 1, 1, 6, 255), row(0, 1, 1, 1, 0, 6)
    assert confusion_matrix(truth, prediction, (0, 1, 6)).tolist() == [
        [1, 1, 0],
        [0, 2, 0],
        [1, 0, 0],
    ]


def test_rows_follow_the_order_of_the_codes() -> None:
    assert confusion_matrix(row(6, 0), row(6, 6), (6, 0)).tolist() == [[1, 0], [1, 0]]


def test_ignored_pixels_may_hold_any_prediction() -> None:
    assert confusion_matrix(row(255, 1), row(99, 1), (0, 1)).sum() == 1


def test_a_large_image_is_counted_in_bands_without_loss() -> None:
    rng = np.random.default_rng(1)
    truth = rng.choice([0, 1, 255], (1200, 1100)).astype(np.uint8)
    prediction = rng.choice([0, 1], (1200, 1100)).astype(np.uint8)
    counted = confusion_matrix(truth, prediction, (0, 1))
    assert counted.tolist() == [
        [int(((truth == t) & (prediction == p)).sum()) for p in (0, 1)] for t in (0, 1)
    ]


def test_a_prediction_outside_the_classes_is_refused_or_counted_as_other() -> None:
    truth, prediction = row(0, 1, 1), row(0, 1, 3)
    with pytest.raises(LabelImageError, match=r"prediction holds codes \[3\]"):
        confusion_matrix(truth, prediction, (0, 1))
    counted = confusion_with_other(truth, prediction, (0, 1))
    assert counted.tolist() == [[1, 0, 0], [0, 1, 1]]
    result = scores(counted, (0, 1))
    assert result.pixel_accuracy == pytest.approx(2 / 3)
    assert result.iou == {0: 1.0, 1: 0.5}
    assert result.other_px == 1


def test_a_truth_outside_the_classes_is_refused() -> None:
    with pytest.raises(LabelImageError, match=r"truth holds codes \[7\]"):
        confusion_with_other(row(0, 7, 255), row(0, 0, 0), (0, 1))


def test_images_of_different_size_are_refused() -> None:
    with pytest.raises(LabelImageError, match="same size"):
        confusion_matrix(row(0, 1), row(0), (0, 1))


@pytest.mark.parametrize("codes", [(), (1, 1), (0, 255), (-1, 0)])
def test_impossible_classes_are_refused(codes: tuple[int, ...]) -> None:
    with pytest.raises(InvalidParameterError, match="wanted at least one code"):
        confusion_with_other(row(0), row(0), codes)


# --- scores ----------------------------------------------------------------------------------


def test_scores_by_hand() -> None:
    result = scores(np.array([[50, 10], [5, 35]]), (0, 1))
    assert result.iou == {0: pytest.approx(50 / 65), 1: pytest.approx(35 / 50)}
    assert result.mean_iou == pytest.approx((50 / 65 + 35 / 50) / 2)
    assert result.precision == {0: pytest.approx(50 / 55), 1: pytest.approx(35 / 45)}
    assert result.recall == {0: pytest.approx(50 / 60), 1: pytest.approx(35 / 40)}
    assert (result.pixels, result.pixel_accuracy) == (100, pytest.approx(0.85))


def test_a_class_absent_from_truth_and_prediction_has_no_part_in_the_mean() -> None:
    result = scores(np.diag([3, 4, 0]), (0, 1, 6))
    assert result.iou == {0: 1.0, 1: 1.0}
    assert result.mean_iou == 1.0


def test_a_class_predicted_but_absent_from_the_truth_counts_as_zero() -> None:
    result = scores(np.array([[3, 1], [0, 0]]), (0, 1))
    assert result.iou == {0: 0.75, 1: 0.0}
    assert 1 not in result.recall
    assert result.precision[1] == 0.0


@pytest.mark.parametrize("confusion", [np.zeros((2, 2)), np.ones((3, 3)), np.ones(4)])
def test_a_confusion_that_cannot_be_scored_is_refused(confusion: NDArray[np.int64]) -> None:
    with pytest.raises(InvalidParameterError, match="confusion matrix has shape"):
        scores(confusion.astype(np.int64), (0, 1))


def test_scores_are_json() -> None:
    result = scores(np.array([[3, 1, 2], [0, 4, 0]]), (0, 6))
    text = json.dumps(result.as_json(), allow_nan=False)
    assert json.loads(text)["iou"]["6"] == pytest.approx(0.8)


def test_the_table_has_aligned_lines_and_a_dash_for_what_is_not_defined() -> None:
    lines = scores_table(scores(np.array([[3, 0, 1], [0, 0, 0], [0, 0, 9]]), (0, 1, 6))).split("\n")
    assert lines[0].split() == ["class", "IoU", "precision", "recall", "truth", "px"]
    assert lines[2].split() == ["Ccp", "–", "–", "–", "0"]
    assert len({len(line) for line in lines[:4]}) == 1
    assert lines[-1] == "mean IoU 0.8250, pixel accuracy 0.9231"


# --- void border -----------------------------------------------------------------------------


@given(
    hnp.arrays(
        np.uint8,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.sampled_from([0, 1, 6, 255]),
    ),
    st.integers(0, 3),
    st.integers(0, 3),
)
@settings(deadline=None, max_examples=80)
def test_void_border_follows_its_definition(truth: Labels, radius_px: int, frame_px: int) -> None:
    height, width = truth.shape
    rows, columns = np.mgrid[:height, :width]
    expected = truth.copy()
    for r in range(height):
        for c in range(width):
            near = (rows - r) ** 2 + (columns - c) ** 2 <= radius_px**2
            other = near & (truth != truth[r, c]) & (truth != 255)
            framed = min(r, c, height - 1 - r, width - 1 - c) < frame_px
            if other.any() or framed:
                expected[r, c] = 255
    assert (void_border(truth, radius_px, frame_px=frame_px) == expected).all()


def test_the_frame_is_as_wide_as_the_border_by_default() -> None:
    void = void_border(np.zeros((9, 9), dtype=np.uint8), 2)
    assert (void != 255).sum() == 25
    assert (void[2:7, 2:7] == 0).all()


@pytest.mark.parametrize(("radius_px", "frame_px"), [(-1, None), (1, -2)])
def test_negative_widths_are_refused(radius_px: int, frame_px: int | None) -> None:
    with pytest.raises(InvalidParameterError, match="wanted 0 or more"):
        void_border(row(0, 1), radius_px, frame_px=frame_px)


# --- nearest colour --------------------------------------------------------------------------


def test_the_baseline_learns_mean_colours_over_images() -> None:
    dark, light = np.full((2, 2, 3), 10, np.uint8), np.full((2, 2, 3), (200, 180, 90), np.uint8)
    lighter = np.full((1, 4, 3), (220, 200, 110), np.uint8)
    examples = [
        (dark, np.zeros((2, 2), np.uint8)),
        (light, np.array([[6, 6], [255, 6]], np.uint8)),
        (lighter, np.array([[6, 99, 255, 255]], np.uint8)),
    ]
    baseline = fit_nearest_colour(iter(examples), (0, 1, 6))
    assert baseline.codes == (0, 6)
    assert baseline.colours_rgb == ((10.0, 10.0, 10.0), (205.0, 185.0, 95.0))


@given(hnp.arrays(np.uint8, (3, 4, 3)))
@settings(deadline=None, max_examples=40)
def test_each_pixel_takes_the_nearest_colour(pixels: NDArray[np.uint8]) -> None:
    baseline = NearestColour(
        (0, 1, 6), ((12.5, 30.0, 7.0), (200.0, 190.0, 80.0), (99.0, 0.0, 250.0))
    )
    colours = np.array(baseline.colours_rgb)
    distance = ((pixels[:, :, None].astype(float) - colours) ** 2).sum(axis=-1)
    chosen = np.searchsorted((0, 1, 6), baseline.predict(pixels))
    taken = np.take_along_axis(distance, chosen[..., None], axis=-1)[..., 0]
    # Float32 decides between colours that are equally near within rounding.
    np.testing.assert_allclose(taken, distance.min(axis=-1), atol=0.05)


def test_only_allowed_codes_are_predicted() -> None:
    baseline = NearestColour((0, 1), ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0)))
    dark = np.zeros((2, 2, 3), dtype=np.uint8)
    assert (baseline.predict(dark) == 0).all()
    assert (baseline.predict(dark, allowed=(1, 6)) == 1).all()
    with pytest.raises(InvalidParameterError, match="allowed codes"):
        baseline.predict(dark, allowed=(6,))


def test_a_fit_needs_annotated_pixels_of_the_same_size() -> None:
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    with pytest.raises(LabelImageError, match="no pixel of the classes"):
        fit_nearest_colour([(pixels, np.full((2, 2), 255, np.uint8))], (0, 1))
    with pytest.raises(LabelImageError, match="same size"):
        fit_nearest_colour([(pixels, np.zeros((2, 3), np.uint8))], (0, 1))


# --- error map -------------------------------------------------------------------------------


def test_errors_are_red_rights_green_and_the_rest_grey() -> None:
    picture = error_map(row(0, 1, 255), row(0, 0, 1))
    red, green, blue = (picture[0, :, channel].astype(int) for channel in range(3))
    assert green[0] > max(red[0], blue[0])
    assert red[1] > max(green[1], blue[1])
    assert red[2] == green[2] == blue[2]
    with pytest.raises(LabelImageError, match="same size"):
        error_map(row(0, 1), row(0))
