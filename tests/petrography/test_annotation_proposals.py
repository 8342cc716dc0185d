"""Proposals go where nothing is known: new colours, or doubts of a model; never beyond the budget."""

from __future__ import annotations

import numpy as np
import pytest

from petrography.annotation import Annotation, Proposal, Superpixels, prepare, propose
from petrography.errors import InvalidParameterError, LabelImageError
from petrography.phantoms import phantom
from tests.petrography.annotated_scenes import HEIGHT, WIDTH, dot, row_of_leaves, two_colours

HALF = WIDTH // 2


@pytest.fixture(scope="module")
def halves() -> Superpixels:
    return prepare(two_colours())


@pytest.fixture(scope="module")
def ore() -> Superpixels:
    return prepare(phantom("S1", seed=4, height_px=300, width_px=400).image)


def area_px(superpixels: Superpixels, proposals: list[Proposal]) -> int:
    units = superpixels.middle[superpixels.leaves]
    return int(np.isin(units, [units[one.centre] for one in proposals]).sum())


def test_what_looks_like_nothing_annotated_is_proposed(halves: Superpixels) -> None:
    annotation = Annotation(halves)
    annotation.draw([dot(1, 60, 30)])
    proposals = propose(halves, annotation, budget_fraction=1.0)
    assert all(one.centre[1] >= HALF and one.region.column >= HALF for one in proposals)
    assert {one.score for one in proposals} == {1.0}
    annotation.draw([dot(6, 60, 130)])
    assert propose(halves, annotation, budget_fraction=1.0) == []


def test_where_a_model_doubts_is_proposed_first(halves: Superpixels) -> None:
    confidence = np.full((HEIGHT, WIDTH), 255, dtype=np.uint8)
    confidence[:40, :40] = 51
    first, *others = propose(halves, Annotation(halves), budget_fraction=1.0, confidence=confidence)
    assert first.centre[0] < 40
    assert first.centre[1] < 40
    assert first.score == pytest.approx(0.8, abs=0.1)
    assert all(one.score < first.score for one in others)


def test_doubts_at_borders_of_superpixels_count_little(ore: Superpixels) -> None:
    units = ore.middle[ore.leaves]
    border = np.zeros(ore.shape, dtype=np.bool_)
    border[:, 1:] |= units[:, 1:] != units[:, :-1]
    border[1:] |= units[1:] != units[:-1]
    confidence = np.where(border, 0, 255).astype(np.uint8)
    plain = np.bincount(units.ravel(), weights=border.ravel()) / np.bincount(units.ravel())
    for one in propose(ore, Annotation(ore), budget_fraction=0.3, confidence=confidence):
        assert one.score < plain[units[one.centre]]


@pytest.mark.parametrize("budget_fraction", [0.05, 0.2, 1.0])
def test_proposals_keep_to_the_budget_and_differ(ore: Superpixels, budget_fraction: float) -> None:
    proposals = propose(ore, Annotation(ore), budget_fraction=budget_fraction)
    assert proposals
    units = ore.middle[ore.leaves]
    assert len({int(units[one.centre]) for one in proposals}) == len(proposals)
    assert area_px(ore, proposals) <= budget_fraction * ore.leaves.size
    for one in proposals:
        inside = np.argwhere(units == units[one.centre])
        assert one.region.row == inside[:, 0].min()
        assert one.region.column == inside[:, 1].min()
        last = inside.max(axis=0)
        assert (one.region.row + one.region.height - 1) == last[0]
        assert (one.region.column + one.region.width - 1) == last[1]


def test_few_proposals_show_all_colours(halves: Superpixels) -> None:
    """The second is of the other colour, though all score alike."""
    first, second, *_ = propose(halves, Annotation(halves), budget_fraction=0.5)
    assert (first.centre[1] < HALF) != (second.centre[1] < HALF)


def test_the_same_annotation_gives_the_same_proposals(ore: Superpixels) -> None:
    one, other = (
        propose(ore, Annotation(ore), budget_fraction=0.1, confidence=None) for _ in range(2)
    )
    assert one == other


@pytest.mark.parametrize("budget_fraction", [0.0, -0.1, 1.5, float("nan")])
def test_a_budget_that_is_no_share_is_refused(ore: Superpixels, budget_fraction: float) -> None:
    with pytest.raises(InvalidParameterError, match=r"budget_fraction is .* up to 1"):
        propose(ore, Annotation(ore), budget_fraction=budget_fraction)


def test_confidence_of_another_size_is_refused(ore: Superpixels) -> None:
    with pytest.raises(LabelImageError, match=r"\(2, 2\); wanted uint8 \(300, 400\)"):
        propose(
            ore,
            Annotation(ore),
            budget_fraction=0.1,
            confidence=np.zeros((2, 2), dtype=np.uint8),
        )


def test_no_more_places_are_proposed_than_are_worth_their_comparison() -> None:
    count = 600
    many = row_of_leaves(list(np.linspace(10.0, 90.0, count)), list(range(count)), [0] * count)
    assert len(propose(many, Annotation(many), budget_fraction=1.0)) == 500
