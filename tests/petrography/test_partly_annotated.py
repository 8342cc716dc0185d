"""Pixels that nobody annotated are in no basis: they move neither shares nor their uncertainty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from petrography.minerals import UNLABELLED_CODE
from petrography.phantoms.gaussian_fields import gaussian_field
from petrography.statistics import Composition, modal_composition
from petrography.statistics.detection import upper_limit

Labels = NDArray[np.uint8]

_SIDE_PX = 256
_FIELDS = 60


def field(seed: int, length_px: float = 4.0) -> Labels:
    """A fifth of chalcopyrite in background, or near it."""
    rng = np.random.default_rng(seed)
    values = gaussian_field((_SIDE_PX, _SIDE_PX), (length_px,), rng)
    return (values > 0.8416).astype(np.uint8)


def surrounded(labels: Labels) -> Labels:
    return np.pad(labels, _SIDE_PX, constant_values=UNLABELLED_CODE)


def round_section(labels: Labels) -> Labels:
    rows, columns = np.mgrid[:_SIDE_PX, :_SIDE_PX] - (_SIDE_PX - 1) / 2
    return np.where(rows**2 + columns**2 < (_SIDE_PX / 2) ** 2, labels, 255).astype(np.uint8)


def corner(labels: Labels) -> Labels:
    kept = labels.copy()
    kept[_SIDE_PX // 3 :, _SIDE_PX // 3 :] = UNLABELLED_CODE
    return kept


def scattered(labels: Labels) -> Labels:
    dropped = np.random.default_rng(1).random(labels.shape) < 0.5
    return np.where(dropped, UNLABELLED_CODE, labels).astype(np.uint8)


PARTS = pytest.mark.parametrize(
    "part", [surrounded, round_section, corner, lambda labels: surrounded(round_section(labels))]
)


def samples(composition: Composition) -> float:
    found = composition.design.independent_samples
    assert found is not None
    return found


@PARTS
def test_the_annotated_area_is_worth_as_many_samples_whatever_lies_around_it(
    part: Callable[[Labels], Labels],
) -> None:
    ratios = []
    for seed in range(7):
        whole, partial = modal_composition(field(seed)), modal_composition(part(field(seed)))
        area = partial.field_px / whole.field_px
        ratios.append(samples(partial) / samples(whole) / area)
    assert np.median(ratios) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("part", [surrounded, round_section, corner, scattered])
def test_the_standard_error_is_the_scatter_of_such_fields(part: Callable[[Labels], Labels]) -> None:
    shares, errors = [], []
    for seed in range(_FIELDS):
        phase = modal_composition(part(field(seed))).phases[-1]
        assert phase.sampling is not None
        shares.append(phase.area_percent / 100.0)
        errors.append(phase.sampling.standard_error)
    # The scatter of 60 fields is known to a tenth.
    assert np.mean(errors) == pytest.approx(np.std(shares, ddof=1), rel=0.25)


@pytest.mark.parametrize("annotated_px", [64, 128, 256])
def test_blocks_without_an_annotated_pixel_are_no_samples(annotated_px: int) -> None:
    labels = np.full((1024, 1024), UNLABELLED_CODE, dtype=np.uint8)
    labels[:annotated_px, :annotated_px] = 0
    labels[5, 9] = labels[50, 20] = 1
    composition = modal_composition(labels, looked_for=(9,))
    (limit,) = composition.not_found
    blocks = composition.design.blocks
    assert blocks * composition.design.block_px[0] * composition.design.block_px[1] == (
        pytest.approx(annotated_px**2)
    )
    assert limit.upper_percent == pytest.approx(100 * upper_limit(blocks))


def test_two_corners_of_an_image_rest_on_the_blocks_that_they_hold() -> None:
    labels = np.full((1024, 1024), UNLABELLED_CODE, dtype=np.uint8)
    labels[:64, :64], labels[-64:, -64:] = field(1)[:64, :64], field(2)[:64, :64]
    composition = modal_composition(labels)
    design = composition.design
    assert design.blocks < 30 < design.rows * design.columns
    assert any(f"intervals rest on {design.blocks} blocks" in one for one in design.warnings)


def test_a_single_annotated_cell_has_no_interval() -> None:
    labels = np.full((2000, 2000), UNLABELLED_CODE, dtype=np.uint8)
    labels[:20, :20] = field(3)[:20, :20]
    assert {phase.ci95_percent for phase in modal_composition(labels).phases} == {None}
