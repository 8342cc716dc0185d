from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from training.config import LossConfig
from training.losses import combined_loss, joined_log_probabilities

pytestmark = pytest.mark.torch

ALL = [True, True, True]
ONLY = {
    name: LossConfig(**{"cross_entropy": 0.0, name: 1.0})
    for name in ("cross_entropy", "focal", "dice", "lovasz")
}


def loss_of(logits, target, annotated=ALL, config=ONLY["cross_entropy"]):
    """Loss of places of 2 x 2 px in a row; `logits` are three lists, one per class, or numbers."""
    places = torch.tensor(logits, dtype=torch.float32).view(1, 3, 1, -1)
    return float(
        combined_loss(
            places.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3),
            torch.tensor(target).view(1, 1, -1).repeat_interleave(2, 1).repeat_interleave(2, 2),
            torch.tensor([annotated]),
            background_index=0,
            config=config,
        )
    )


def log(*probabilities):
    """Logits whose softmax is what is given: one list of three probabilities per pixel."""
    columns = zip(*probabilities, strict=True)
    return [[math.log(max(one, 1e-30)) for one in column] for column in columns]


def test_is_cross_entropy_where_all_is_annotated():
    expected = -math.log(math.exp(2) / (math.exp(2) + math.exp(1) + 1))
    assert loss_of([2.0, 1.0, 0.0], [0]) == pytest.approx(expected, abs=1e-6)


def test_background_may_be_an_unannotated_mineral():
    both = (math.exp(2) + 1) / (math.exp(2) + math.exp(1) + 1)
    assert loss_of([2.0, 1.0, 0.0], [0], [True, True, False]) == pytest.approx(
        -math.log(both), abs=1e-6
    )


def test_an_annotated_mineral_is_no_other_mineral():
    expected = -math.log(math.exp(1) / (math.exp(2) + math.exp(1) + 1))
    assert loss_of([2.0, 1.0, 0.0], [1], [True, True, False]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("config", ONLY.values(), ids=ONLY)
def test_unlabelled_pixels_do_not_count(config):
    logits = [[2.0, -9.0], [1.0, 9.0], [0.0, 3.0]]
    assert loss_of(logits, [0, 255], ALL, config) == pytest.approx(
        loss_of([2.0, 1.0, 0.0], [0], ALL, config), abs=1e-6
    )


@pytest.mark.parametrize("config", ONLY.values(), ids=ONLY)
def test_a_batch_without_labels_costs_nothing(config):
    assert loss_of([2.0, 1.0, 0.0], [255], ALL, config) == 0.0


@pytest.mark.parametrize("config", ONLY.values(), ids=ONLY)
def test_a_perfect_map_costs_nothing(config):
    logits = log([1, 0, 0], [0, 1, 0], [0, 0, 1])
    assert loss_of(logits, [0, 1, 2], ALL, config) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("config", ONLY.values(), ids=ONLY)
def test_an_unannotated_mineral_is_as_good_as_background(config):
    as_background = loss_of(log([0.6, 0.4, 0.0], [0.1, 0.9, 0.0]), [0, 1], ALL, config)
    as_foreign = loss_of(log([0.0, 0.4, 0.6], [0.0, 0.9, 0.1]), [0, 1], [True, True, False], config)
    assert as_foreign == pytest.approx(as_background, abs=1e-5)


@pytest.mark.parametrize("config", ONLY.values(), ids=ONLY)
@pytest.mark.parametrize("annotated", [ALL, [True, True, False]])
def test_the_slope_is_finite_and_leads_downhill(config, annotated):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 8, 8, generator=generator).mul(20).requires_grad_()
    target = torch.randint(0, 2, (2, 8, 8), generator=generator)
    known = torch.tensor([annotated, ALL])

    def loss(scores):
        return combined_loss(scores, target, known, background_index=0, config=config)

    before = loss(logits)
    (slope,) = torch.autograd.grad(before, logits)
    assert torch.isfinite(slope).all()
    assert loss(logits - 1e-2 * slope / slope.norm()) < before


def test_joined_probabilities_add_up_to_one():
    logits = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    annotated = torch.tensor([[True, True, False, False], [False, True, True, True]])
    joined = joined_log_probabilities(logits, annotated, background_index=0)
    assert torch.allclose(joined.exp().sum(dim=1), torch.ones(2, 3, 3), atol=1e-6)
    assert bool((joined[0, 2:] == float("-inf")).all())


def test_focal_loss_of_a_known_probability():
    config = LossConfig(cross_entropy=0.0, focal=1.0, focal_gamma=2.0)
    assert loss_of(log([0.25, 0.75, 0.0]), [0], ALL, config) == pytest.approx(
        0.75**2 * -math.log(0.25), rel=1e-5
    )


def test_dice_of_known_areas():
    # 200 pixels of class 0 seen with probability 1 and 100 of class 1 seen as class 0.
    logits = log(*[[1, 0, 0]] * 75)
    target = [0] * 50 + [1] * 25
    first, second = (2 * 200 + 100) / (300 + 200 + 100), 100 / (0 + 100 + 100)
    assert loss_of(logits, target, ALL, ONLY["dice"]) == pytest.approx(
        1 - (first + second) / 2, abs=1e-5
    )


def test_lovasz_of_a_hard_map_is_one_minus_its_iou():
    logits = log([1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0])
    # Class 0: 2 right, 1 too many; class 1: 1 right, 1 missed.
    assert loss_of(logits, [0, 0, 1, 1], ALL, ONLY["lovasz"]) == pytest.approx(
        1 - (2 / 3 + 1 / 2) / 2, abs=1e-5
    )


def test_label_smoothing_mixes_in_an_even_guess():
    config = LossConfig(label_smoothing=0.1)
    expected = 0.9 * -math.log(0.5) + 0.1 * -(math.log(0.5) + math.log(0.3) + math.log(0.2)) / 3
    assert loss_of(log([0.5, 0.3, 0.2]), [0], ALL, config) == pytest.approx(expected, rel=1e-5)


def test_losses_are_weighed_and_added():
    logits, target = log([0.5, 0.3, 0.2], [0.1, 0.8, 0.1]), [0, 1]
    both = LossConfig(cross_entropy=0.5, lovasz=2.0)
    assert loss_of(logits, target, ALL, both) == pytest.approx(
        0.5 * loss_of(logits, target) + 2.0 * loss_of(logits, target, ALL, ONLY["lovasz"]), rel=1e-5
    )
