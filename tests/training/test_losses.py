from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from training.losses import partial_cross_entropy

pytestmark = pytest.mark.torch


def loss_of(logits, target, annotated):
    return float(
        partial_cross_entropy(
            torch.tensor(logits, dtype=torch.float32).view(1, 3, 1, -1),
            torch.tensor(target).view(1, 1, -1),
            torch.tensor([annotated]),
            background_index=0,
        )
    )


def test_is_cross_entropy_where_all_is_annotated():
    expected = -math.log(math.exp(2) / (math.exp(2) + math.exp(1) + 1))
    assert loss_of([2.0, 1.0, 0.0], [0], [True, True, True]) == pytest.approx(expected, abs=1e-6)


def test_background_may_be_an_unannotated_mineral():
    both = (math.exp(2) + 1) / (math.exp(2) + math.exp(1) + 1)
    assert loss_of([2.0, 1.0, 0.0], [0], [True, True, False]) == pytest.approx(
        -math.log(both), abs=1e-6
    )


def test_an_annotated_mineral_is_no_other_mineral():
    expected = -math.log(math.exp(1) / (math.exp(2) + math.exp(1) + 1))
    assert loss_of([2.0, 1.0, 0.0], [1], [True, True, False]) == pytest.approx(expected, abs=1e-6)


def test_unlabelled_pixels_do_not_count():
    logits = [[2.0, -9.0], [1.0, 9.0], [0.0, 3.0]]
    assert loss_of(logits, [0, 255], [True, True, True]) == pytest.approx(
        loss_of([2.0, 1.0, 0.0], [0], [True, True, True]), abs=1e-6
    )


def test_a_batch_without_labels_costs_nothing():
    assert loss_of([2.0, 1.0, 0.0], [255], [True, True, True]) == 0.0
