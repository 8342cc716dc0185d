"""Figures of merit against published cells, rank statistics, borders and reliability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from petrography.accuracy import (
    RankCounts,
    count_borders,
    count_reliability,
    normalised_confusion,
    roc_auc,
    scores,
    scores_of_present,
)
from petrography.errors import InvalidParameterError, LabelImageError
from petrography.model_card import TileGeometry
from petrography.segmentation import segment
from tests.petrography.tile_predictors import (
    CODES,
    GEOMETRIES,
    ByFunction,
    by_colour,
    random_image,
)

Labels = NDArray[np.uint8]
CONFUSIONS = hnp.arrays(np.int64, (3, 3), elements=st.integers(0, 50)).filter(lambda m: m.any())

# --- the table of Kulekci et al. 2025, doi:10.1007/s12613-024-3048-8 -------------------------

# 494 crops of 256 x 192 px, of which 33.34 % are quartz; as many pixels as that, in rounder parts.
PIXELS, QUARTZ = 10_000_000, 3_334_000
# Two figures of a model fix its 2 x 2 confusion; the others must come out as printed.
PRINTED = {
    "PSPNet": {
        "recall": 0.896275,
        "specificity": 0.938460,
        "accuracy": 0.924395,
        "iou": 0.798084,
        "balanced_accuracy": 0.917368,
        "precision": 0.8793,
        "f1": 0.8877,
    },
    "U-Net": {
        "precision": 0.850823,
        "iou": 0.707615,
        "recall": 0.8078,
        "specificity": 0.9292,
        "accuracy": 0.8887,
        "f1": 0.8288,
        "balanced_accuracy": 0.8685,
    },
    "FPN": {
        "precision": 0.816231,
        "recall": 0.878658,
        "balanced_accuracy": 0.889833,
        "specificity": 0.9010,
        "accuracy": 0.8936,
        "f1": 0.8463,
        "iou": 0.7335,
    },
    "LinkNet": {
        "specificity": 0.931725,
        "iou": 0.742880,
        "recall": 0.8443,
        "precision": 0.8608,
        "accuracy": 0.9026,
        "f1": 0.8525,
        "balanced_accuracy": 0.8880,
    },
}


def quartz_confusion(model: str) -> NDArray[np.int64]:
    """Confusion from two printed cells of a model, whichever two the paper prints."""
    cells, others = PRINTED[model], PIXELS - QUARTZ
    if model == "U-Net":
        # IoU and precision: TP / (P + FP) and TP / (TP + FP).
        hits = QUARTZ / (1 / cells["iou"] + 1 - 1 / cells["precision"])
        false = hits / cells["precision"] - hits
    elif model == "LinkNet":
        false = others * (1 - cells["specificity"])
        hits = cells["iou"] * (QUARTZ + false)
    else:
        hits = QUARTZ * cells["recall"]
        false = (
            others * (1 - cells["specificity"])
            if model == "PSPNet"
            else hits / cells["precision"] - hits
        )
    return np.rint([[others - false, false], [QUARTZ - hits, hits]]).astype(np.int64)


@pytest.mark.parametrize("model", PRINTED)
def test_every_cell_of_the_published_table_follows_from_two_of_them(model: str) -> None:
    found = scores(quartz_confusion(model), (0, 32))
    for name, printed in PRINTED[model].items():
        # The prevalence is known to four figures, and four are printed of the derived cells.
        assert getattr(found, name)[32] == pytest.approx(printed, abs=2e-4), name


def test_what_the_paper_calls_auc_is_balanced_accuracy() -> None:
    cells = PRINTED["PSPNet"]
    assert (cells["recall"] + cells["specificity"]) / 2 == pytest.approx(0.917368, abs=1e-6)
    found = scores(quartz_confusion("PSPNet"), (0, 32))
    assert found.balanced_accuracy[32] == pytest.approx(0.917368, abs=1e-6)


# --- scores ----------------------------------------------------------------------------------


@given(CONFUSIONS)
def test_figures_of_a_class_follow_from_its_pixels(confusion: NDArray[np.int64]) -> None:
    found = scores(confusion, (0, 1, 6))
    for k, code in enumerate((0, 1, 6)):
        tp = int(confusion[k, k])
        fn, fp = int(confusion[k].sum()) - tp, int(confusion[:, k].sum()) - tp
        tn = int(confusion.sum()) - tp - fn - fp
        assert found.accuracy[code] == pytest.approx((tp + tn) / confusion.sum())
        assert found.modal_error_pp[code] == pytest.approx(100 * (fp - fn) / confusion.sum())
        assert (code in found.specificity) == (tn + fp > 0)
        if tn + fp:
            assert found.specificity[code] == pytest.approx(tn / (tn + fp))
        if tp + fn + fp:
            iou = found.iou[code]
            assert found.f1[code] == pytest.approx(2 * iou / (1 + iou))


@given(CONFUSIONS)
def test_classes_absent_from_the_truth_have_no_part_in_the_means(
    confusion: NDArray[np.int64],
) -> None:
    found = scores_of_present(confusion, (0, 1, 6))
    whole = scores(confusion, (0, 1, 6))
    present = [code for code in (0, 1, 6) if whole.truth_px[code]]
    assert found.codes == tuple(present)
    assert found.pixel_accuracy == pytest.approx(whole.pixel_accuracy)
    for code in present:
        assert found.iou[code] == pytest.approx(whole.iou[code])
    assert found.mean_iou == pytest.approx(np.mean([whole.iou[code] for code in present]))


def test_a_normalised_confusion_has_recall_or_precision_on_its_diagonal() -> None:
    confusion = np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]])
    by_truth = normalised_confusion(confusion, by="truth")
    assert by_truth[:2].tolist() == [[0.75, 0.25, 0.0], [0.25, 0.75, 0.0]]
    assert np.isnan(by_truth[2]).all()
    by_prediction = normalised_confusion(confusion, by="prediction")
    assert by_prediction[0, 0] == pytest.approx(6 / 7)
    assert by_prediction[:, 1].tolist() == [0.4, 0.6, 0.0]


# --- ROC -------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40))
def test_the_area_is_the_share_of_pairs_in_the_right_order(
    pairs: list[tuple[int, bool]],
) -> None:
    score = np.array([value for value, _ in pairs], dtype=float)
    positive = np.array([kind for _, kind in pairs])
    if positive.all() or not positive.any():
        with pytest.raises(InvalidParameterError, match="both kinds"):
            roc_auc(score, positive)
        return
    high, low = score[positive][:, None], score[~positive][None, :]
    assert roc_auc(score, positive) == pytest.approx(((high > low) + (high == low) / 2).mean())


@pytest.mark.parametrize("spread", [0.5, 2.0, 6.0])
def test_the_histogram_gives_the_rank_statistic_within_its_bound(spread: float) -> None:
    rng = np.random.default_rng(7)
    target = rng.integers(0, 4, 20_000)  # 3 is "not annotated"
    logits = rng.normal(0, spread, (3, target.size))
    for k in range(3):
        logits[k, target == k] += spread / 2
    odds = np.exp(logits)
    probabilities = (odds / odds.sum(axis=0)).astype(np.float32)
    counts = RankCounts.empty(3)
    for part in np.array_split(np.arange(target.size), 7):
        counts.add(probabilities[:, part], target[part])
    judged = target < 3
    for k, found in enumerate(counts.areas()):
        assert found is not None
        area, bound = found
        exact = roc_auc(probabilities[k, judged], target[judged] == k)
        assert abs(area - exact) <= bound + 1e-12
        assert bound < 0.002


def test_a_class_without_a_pixel_has_no_curve() -> None:
    counts = RankCounts.empty(2)
    counts.add(np.array([[0.9, 1.0], [0.1, 0.0]], dtype=np.float32), np.array([0, 0]))
    assert counts.areas() == [None, None]
    assert (counts + counts).everything.sum() == 8


def test_the_calibration_of_a_class_is_that_of_its_probability() -> None:
    counts = RankCounts.empty(2)
    # 100 pixels of 0.8 of which 60 are of the class: off by 0.2; the other class likewise.
    probabilities = np.tile(np.array([[0.8], [0.2]], dtype=np.float32), (1, 100))
    counts.add(probabilities, np.repeat([0, 1], [60, 40]))
    assert counts.calibration_errors() == pytest.approx([0.2, 0.2], abs=2e-3)
    assert RankCounts.empty(1).calibration_errors() == [None]


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("shape", [(60, 45), (130, 70)])
def test_the_probabilities_that_are_shown_are_those_that_are_decided(
    geometry: TileGeometry, shape: tuple[int, int]
) -> None:
    pixels, rows = random_image(60, 45), []

    def keep(row: int, probabilities: NDArray[np.float32]) -> None:
        assert row == len(rows)
        rows.append(probabilities.copy())

    shown = segment(
        pixels,
        ByFunction(by_colour),
        geometry=geometry,
        codes=CODES,
        output_shape=shape,
        on_probabilities=keep,
    )
    deep = np.stack(rows, axis=1)
    assert deep.shape == (4, *shape)
    np.testing.assert_array_equal(shown.labels, np.take(CODES, deep.argmax(axis=0)))
    np.testing.assert_allclose(shown.confidence, 255 * deep.max(axis=0), atol=0.51)


# --- borders ---------------------------------------------------------------------------------


def halves(height: int, width: int, column: int) -> Labels:
    labels = np.zeros((height, width), dtype=np.uint8)
    labels[:, column:] = 6
    return labels


def test_equal_borders_score_one() -> None:
    truth = halves(10, 20, 9)
    found = count_borders(truth, truth, (0, 6), tolerance_px=2)
    assert found.f1() == {0: 1.0, 6: 1.0}
    assert found.iou() == {0: 1.0, 6: 1.0}
    assert found.counts[0].tolist() == [10, 10, 10, 10, 20, 20]


@pytest.mark.parametrize(("shift_px", "expected"), [(2, 1.0), (3, 0.0)])
def test_a_border_matches_within_the_tolerance_and_not_beyond(
    shift_px: int, expected: float
) -> None:
    found = count_borders(halves(10, 20, 9), halves(10, 20, 9 + shift_px), (0, 6), tolerance_px=2)
    assert found.f1() == {0: expected, 6: expected}


def test_borders_by_hand() -> None:
    # The true border of code 6 lies at column 9; half of the rows of the prediction have it there,
    # the others ten columns on: precision and recall are a half.
    truth, prediction = halves(40, 40, 9), halves(40, 40, 9)
    prediction[20:, 9:19] = 0
    counts = count_borders(truth, prediction, (6,), tolerance_px=1)
    predicted, predicted_near, true, true_near, both, either = counts.counts[0].tolist()
    assert (true, true_near) == (40, 21)  # the step at row 20 touches the true border
    assert (predicted, predicted_near) == (49, 21)
    assert (both, either) == (20, 69)


def test_a_class_that_is_missed_has_no_score_but_zero() -> None:
    truth = halves(8, 8, 4)
    found = count_borders(truth, np.zeros((8, 8), np.uint8), (0, 6, 1), tolerance_px=1)
    assert found.f1() == {0: 0.0, 6: 0.0}
    assert found.iou() == {0: 0.0, 6: 0.0}


def test_borders_of_what_nobody_annotated_do_not_count() -> None:
    truth = halves(12, 30, 10)
    truth[:, 20:] = 255
    prediction = halves(12, 30, 10)
    prediction[:, 19:] = 0  # a border within the tolerance of the unannotated area
    found = count_borders(truth, prediction, (0, 6), tolerance_px=2)
    assert found.f1() == {0: 1.0, 6: 1.0}


@given(
    hnp.arrays(np.uint8, (9, 11), elements=st.sampled_from([0, 1, 6, 255])),
    hnp.arrays(np.uint8, (9, 11), elements=st.sampled_from([0, 1, 6])),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=60)
def test_borders_follow_their_definition(
    truth: Labels, prediction: Labels, tolerance_px: int
) -> None:
    found = count_borders(truth, prediction, (0, 1, 6), tolerance_px=tolerance_px).counts
    rows, columns = np.mgrid[:9, :11]

    def within(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
        near = np.zeros(mask.shape, dtype=bool)
        for r, c in np.argwhere(mask):
            near |= (rows - r) ** 2 + (columns - c) ** 2 <= radius**2
        return near

    annotated = truth != 255
    sure = ~within(~annotated, tolerance_px)
    for k, code in enumerate((0, 1, 6)):
        true, predicted = truth == code, prediction == code
        if not true.any() and not (predicted & annotated).any():
            assert not found[k].any()
            continue
        outside, other = annotated & ~true, ~predicted
        rim, predicted_rim = true & within(outside, 1), predicted & within(other, 1)
        bands = true & within(outside, tolerance_px), predicted & within(other, tolerance_px)
        assert found[k].tolist() == [
            (predicted_rim & sure).sum(),
            (predicted_rim & sure & within(rim, tolerance_px)).sum(),
            rim.sum(),
            (rim & within(predicted_rim, tolerance_px)).sum(),
            (bands[0] & bands[1]).sum(),
            ((bands[0] | bands[1]) & annotated).sum(),
        ]


def test_a_tolerance_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="tolerance_px is 0"):
        count_borders(halves(4, 4, 2), halves(4, 4, 2), (0, 6), tolerance_px=0)


# --- reliability -----------------------------------------------------------------------------


def test_reliability_by_hand() -> None:
    truth = np.array([[0, 0, 6, 6, 255]], dtype=np.uint8)
    prediction = np.array([[0, 6, 6, 6, 6]], dtype=np.uint8)
    confidence = np.array([[255, 51, 51, 255, 7]], dtype=np.uint8)
    found = count_reliability(truth, prediction, confidence)
    low, high = found.bins()
    assert (low.pixels, low.accuracy, low.confidence) == (2, 0.5, pytest.approx(0.2))
    assert (high.pixels, high.accuracy, high.confidence) == (2, 1.0, 1.0)
    assert found.expected_calibration_error() == pytest.approx(0.15)
    assert (found + found).expected_calibration_error() == pytest.approx(0.15)


@given(
    hnp.arrays(np.uint8, 60),
    hnp.arrays(np.bool_, 60),
)
def test_the_error_is_the_mean_gap_over_equal_bins(
    confidence: NDArray[np.uint8], right: NDArray[np.bool_]
) -> None:
    truth = np.zeros((6, 10), dtype=np.uint8)
    prediction = np.where(right, 0, 1).astype(np.uint8).reshape(6, 10)
    found = count_reliability(truth, prediction, confidence.reshape(6, 10))
    index = np.minimum(confidence.astype(int) * 15 // 255, 14)
    gaps = [abs((confidence / 255.0 - right)[index == k].sum()) for k in range(15)]
    assert found.expected_calibration_error() == pytest.approx(sum(gaps) / 60)


def test_a_confidence_of_another_size_is_refused() -> None:
    with pytest.raises(LabelImageError, match="confidence is"):
        count_reliability(halves(4, 4, 2), halves(4, 4, 2), np.zeros((4, 5), np.uint8))
