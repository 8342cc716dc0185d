"""Statistics: exact areas, honest intervals, grains with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import fft, ndimage, stats

from petrography.errors import InternalError, InvalidParameterError, LabelImageError
from petrography.minerals import MINERALS
from petrography.statistics import (
    MIN_GRAIN_AREA_PX,
    Composition,
    PhaseShare,
    SizeQuantiles,
    element_percent,
    mass_percent,
    measure_grains,
    modal_composition,
    parse_formula,
    summarise_grains,
)
from petrography.statistics.assay import ATOMIC_WEIGHTS

Labels = NDArray[np.uint8]

SMALL_LABELS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=24),
    elements=st.sampled_from([0, 1, 6, 255]),
)


def texture(size_px: int, length_px: float, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Cut a two-phase texture from a Gaussian random field of known correlation length.

    The field has autocovariance exp(-h^2 / 2 length_px^2) and is cut from a torus twice as wide,
    so that its mean over the image scatters as it does in nature.
    """
    rng = np.random.default_rng(seed)
    wave = fft.fftfreq(2 * size_px)
    power = np.exp(-2 * (math.pi * length_px) ** 2 * (wave[:, None] ** 2 + wave[None, :] ** 2))
    noise = fft.fft2(rng.standard_normal(power.shape))
    field = fft.ifft2(noise * np.sqrt(power)).real / math.sqrt(power.mean())
    above: NDArray[np.bool_] = field[:size_px, :size_px] > stats.norm.isf(fraction)
    return above


def share(composition: Composition, code: int) -> PhaseShare:
    return next(phase for phase in composition.phases if phase.code == code)


# --- composition -----------------------------------------------------------------------------


def test_painted_areas_are_counted_exactly_on_both_bases() -> None:
    labels = np.zeros((100, 200), dtype=np.uint8)
    labels[:50, :100] = 1
    labels[50:, :100] = 8
    labels[:10, 150:] = 255
    composition = modal_composition(labels)
    assert (composition.field_px, composition.ore_px, composition.unlabelled_px) == (
        19_500,
        10_000,
        500,
    )
    assert [phase.code for phase in composition.phases] == [0, 1, 8]
    assert share(composition, 1).area_px == 5000
    assert share(composition, 1).area_percent == pytest.approx(100 * 5000 / 19_500, abs=1e-12)
    assert share(composition, 1).ore_percent == 50.0
    assert share(composition, 0).ore_percent is None
    assert share(composition, 0).mass_percent is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (65, 64), (127, 129), (700, 333)])
def test_areas_are_exact_whatever_the_size(shape: tuple[int, int]) -> None:
    labels = np.random.default_rng(3).choice([0, 1, 6, 255], shape).astype(np.uint8)
    labels[0, 0] = 6
    found = {phase.code: phase.area_px for phase in modal_composition(labels).phases}
    assert found == {
        code: int((labels == code).sum()) for code in (0, 1, 6) if (labels == code).any()
    }


@given(SMALL_LABELS.filter(lambda labels: bool((labels != 255).any())))
@settings(deadline=None, max_examples=60)
def test_every_label_image_gives_bounded_intervals_around_its_shares(labels: Labels) -> None:
    composition = modal_composition(labels)
    assert sum(phase.area_percent for phase in composition.phases) == pytest.approx(100.0)
    for phase in composition.phases:
        for value, bounds in (
            (phase.area_percent, phase.ci95_percent),
            (phase.ore_percent, phase.ore_ci95_percent),
        ):
            if bounds is not None:
                assert value is not None
                assert 0.0 <= bounds[0] <= value <= bounds[1] <= 100.0


def test_equal_images_give_equal_compositions() -> None:
    labels = texture(128, 4, 0.3, seed=5).astype(np.uint8)
    assert modal_composition(labels) == modal_composition(labels.copy())


def test_labels_that_are_no_minerals_are_refused_by_name() -> None:
    labels = np.full((8, 8), 99, dtype=np.uint8)
    with pytest.raises(LabelImageError, match=r"codes \[99\]"):
        modal_composition(labels)


def test_an_image_without_an_annotated_pixel_is_refused() -> None:
    with pytest.raises(LabelImageError, match="no pixel"):
        modal_composition(np.full((8, 8), 255, dtype=np.uint8))


# --- intervals -------------------------------------------------------------------------------


def test_intervals_cover_the_true_fraction() -> None:
    # Truth: 30 % of an endless texture, seen through images of about 40 x 40 correlation lengths.
    # Of 80 intervals 76 should cover; below 69 the chance of a true 95 % is under 1 in 5 000.
    # 400 images, once: see the module docstring of petrography.statistics.intervals.
    truth, covered, iid_covered = 0.3, 0, 0
    for seed in range(80):
        phase = texture(128, 3, truth, seed)
        bounds = share(modal_composition(phase.astype(np.uint8)), 1).ci95_percent
        assert bounds is not None
        covered += bounds[0] <= 100 * truth <= bounds[1]
        iid_error = 1.96 * math.sqrt(phase.mean() * (1 - phase.mean()) / phase.size)
        iid_covered += abs(phase.mean() - truth) <= iid_error
    assert 69 <= covered <= 80
    # What the blocks are for: the formula of independent pixels misses most of the time.
    assert iid_covered < 40


def test_ore_basis_covers_the_true_ratio() -> None:
    # Two independent textures: half of the field is ore, 20 % of the ore chalcopyrite.
    covered = 0
    for seed in range(60):
        ore, copper = texture(128, 3, 0.5, seed), texture(128, 3, 0.2, 10_000 + seed)
        labels = np.where(ore, np.where(copper, 1, 6), 0).astype(np.uint8)
        bounds = share(modal_composition(labels), 1).ore_ci95_percent
        assert bounds is not None
        covered += bounds[0] <= 20.0 <= bounds[1]
    # 57 expected; 50 or fewer has a chance of 1 in 400 for a true 95 %.
    assert covered >= 51


@pytest.mark.parametrize("length_px", [4, 8])
def test_correlation_length_is_that_of_the_texture(length_px: int) -> None:
    lengths = [
        modal_composition(
            texture(256, length_px, 0.5, seed).astype(np.uint8)
        ).design.correlation_length_px
        for seed in range(6)
    ]
    # A phase cut from a field is a little shorter correlated than the field: (2 / pi) asin(rho).
    assert 0.8 * length_px <= np.median(lengths) <= 1.15 * length_px


def test_blocks_are_six_correlation_lengths_wide_and_thirty_or_more_when_there_is_room() -> None:
    design = modal_composition(texture(512, 4, 0.4, seed=1).astype(np.uint8)).design
    assert design.blocks >= 30
    assert min(design.block_px) >= 6 * design.correlation_length_px
    assert design.warnings == ()


def test_a_texture_too_coarse_for_the_image_is_told() -> None:
    composition = modal_composition(texture(128, 20, 0.5, seed=1).astype(np.uint8))
    assert any("coarse" in warning for warning in composition.warnings)


def test_too_few_blocks_give_no_interval_and_a_warning() -> None:
    composition = modal_composition(np.array([[0, 1], [1, 1]], dtype=np.uint8)[:, :1])
    assert share(composition, 1).ci95_percent is None
    assert any("2 blocks" in warning for warning in composition.warnings)


def test_a_phase_alone_has_no_interval() -> None:
    assert modal_composition(np.ones((64, 64), dtype=np.uint8)).phases[0].ci95_percent is None


def test_a_phase_in_a_few_blocks_is_named() -> None:
    labels = texture(256, 4, 0.4, seed=2).astype(np.uint8)
    labels[10:14, 10:14] = 2
    assert any(
        warning.startswith("Gn: found in fewer than 5")
        for warning in modal_composition(labels).warnings
    )


# --- assay -----------------------------------------------------------------------------------


def test_mass_percent_weighs_areas_by_density() -> None:
    # Chalcopyrite 4.2, galena 7.5 g/cm3; background has no density and no part in it.
    masses = mass_percent({0: 10**6, 1: 300, 2: 100})
    assert masses == pytest.approx({1: 100 * 1260 / 2010, 2: 100 * 750 / 2010})


def test_without_ore_there_is_no_assay() -> None:
    assert mass_percent({0: 5, 32: 5}) is None
    assert element_percent(None) is None


@pytest.mark.parametrize(
    ("code", "element", "expected"),
    # Contents of the end-members as mineral handbooks print them.
    [(1, "Cu", 34.63), (2, "Pb", 86.60), (8, "Zn", 67.10), (6, "S", 53.45), (3, "Fe", 72.36)],
)
def test_elements_of_pure_minerals(code: int, element: str, expected: float) -> None:
    elements = element_percent({code: 100.0})
    assert elements is not None
    assert elements[element] == pytest.approx(expected, abs=0.01)
    assert sum(elements.values()) == pytest.approx(100.0)


def test_all_formulae_of_the_mineral_table_can_be_read() -> None:
    for phase in MINERALS.values():
        if phase.formula is not None:
            assert parse_formula(phase.formula).keys() <= ATOMIC_WEIGHTS.keys()


@pytest.mark.parametrize("formula", ["", "cuFeS2", "Cu(FeS2)", "Xx2", "Fe.5"])
def test_a_formula_that_cannot_be_read_is_an_error(formula: str) -> None:
    with pytest.raises(InternalError, match="cannot be read"):
        parse_formula(formula)


# --- grains ----------------------------------------------------------------------------------


def test_a_square_of_ten_pixels_measures_exactly_one_hundred() -> None:
    labels = np.zeros((40, 50), dtype=np.uint8)
    labels[10:20, 30:40] = 6
    grains = measure_grains(labels)
    assert grains.id.tolist() == [1]
    assert grains.code.tolist() == [6]
    assert grains.area_px.tolist() == [100]
    assert grains.ecd_px[0] == pytest.approx(math.sqrt(400 / math.pi), abs=1e-12)
    assert grains.centroid_px.tolist() == [[14.5, 34.5]]
    assert grains.bbox_px.tolist() == [[10, 30, 20, 40]]
    assert grains.touches_edge.tolist() == [False]


@given(SMALL_LABELS)
@settings(deadline=None, max_examples=60)
def test_grains_are_the_eight_connected_components_in_raster_order(labels: Labels) -> None:
    grains = measure_grains(labels, min_area_px=1)
    expected = np.zeros(labels.shape, dtype=np.int64)
    for code in (1, 6):
        found, _ = ndimage.label(labels == code, structure=np.ones((3, 3)))
        expected = np.where(found > 0, found + expected.max(), expected)
    _, first = np.unique(expected[expected > 0], return_index=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(1, len(first) + 1)
    expected[expected > 0] = rank[expected[expected > 0] - 1]
    assert (grains.component_map == expected).all()
    assert grains.area_px.tolist() == np.bincount(expected.ravel())[1:].tolist()
    for number, box in enumerate(ndimage.find_objects(expected), start=1):
        starts, ends = [side.start for side in box], [side.stop for side in box]
        assert grains.bbox_px[number - 1].tolist() == [*starts, *ends]


def test_diagonal_neighbours_are_one_grain_and_unlike_neighbours_are_not() -> None:
    labels = np.array([[1, 0, 6], [0, 1, 6], [255, 0, 1]], dtype=np.uint8)
    grains = measure_grains(labels, min_area_px=1)
    assert sorted(zip(grains.code.tolist(), grains.area_px.tolist(), strict=True)) == [
        (1, 3),
        (6, 2),
    ]


@pytest.mark.parametrize("where", [(0, 5), (5, 0), (19, 5), (5, 19)])
def test_grains_on_the_edge_are_marked(where: tuple[int, int]) -> None:
    labels = np.zeros((20, 20), dtype=np.uint8)
    labels[where] = 1
    labels[9:12, 9:12] = 1
    grains = measure_grains(labels, min_area_px=1)
    assert dict(zip(grains.area_px.tolist(), grains.touches_edge.tolist(), strict=True)) == {
        1: True,
        9: False,
    }


def test_small_components_are_counted_apart() -> None:
    labels = np.zeros((60, 60), dtype=np.uint8)
    labels[5:15, 5:15] = 1
    labels[20, 20 : 20 + MIN_GRAIN_AREA_PX] = 1
    labels[30, 30 : 30 + MIN_GRAIN_AREA_PX - 1] = 1
    labels[40, 40] = 2
    grains = measure_grains(labels)
    copper, lead = summarise_grains(grains)
    assert (copper.count, copper.area_px, copper.small.count, copper.small.area_px) == (
        2,
        100 + MIN_GRAIN_AREA_PX,
        1,
        MIN_GRAIN_AREA_PX - 1,
    )
    assert (lead.code, lead.count, lead.small.count, lead.ecd_px_by_area) == (2, 0, 1, None)
    assert np.unique(grains.component_map).tolist() == [0, 1, 2]
    assert grains.component_map[30, 30] == 0


@pytest.mark.parametrize("labels", [np.zeros((5, 5)), np.full((5, 5), 255)])
def test_background_and_unannotated_pixels_form_no_grains(labels: Labels) -> None:
    grains = measure_grains(labels.astype(np.uint8))
    assert len(grains) == 0
    assert summarise_grains(grains) == ()


def test_a_minimum_size_below_one_pixel_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="min_area_px is 0"):
        measure_grains(np.zeros((5, 5), dtype=np.uint8), min_area_px=0)


def test_sizes_by_number_are_those_of_equal_weights_for_the_edge() -> None:
    labels = np.zeros((2000, 2000), dtype=np.uint8)
    sides = (4, 5, 6, 8, 11, 16)
    for k, side in enumerate(sides):
        labels[40 * k + 5 : 40 * k + 5 + side, 10 : 10 + side] = 1
    (summary,) = summarise_grains(measure_grains(labels))
    assert summary.ecd_px_by_number is not None
    assert summary.edge_corrected is not None
    # The image is so large that the weights of its edge are all but equal: 1.002 to 1.017.
    corrected = summary.edge_corrected.ecd_px_by_number
    for name in ("p20", "p50", "p80"):
        found = getattr(summary.ecd_px_by_number, name)
        assert found == pytest.approx(getattr(corrected, name), rel=0.02)


def test_sizes_by_number_and_by_area() -> None:
    # Squares of 4, 8 and 16 px: areas 16, 64, 256 are 4.8, 23.8 and 100 % passing.
    labels = np.zeros((40, 80), dtype=np.uint8)
    for left, side in ((2, 4), (20, 8), (40, 16)):
        labels[2 : 2 + side, left : left + side] = 1
    (summary,) = summarise_grains(measure_grains(labels))
    small, middle, large = (side * math.sqrt(4 / math.pi) for side in (4, 8, 16))
    passing = [16 / 336, 80 / 336, 1.0]

    def size(quantile: float) -> float:
        return math.exp(np.interp(quantile, passing, np.log([small, middle, large])))

    assert summary.ecd_px_by_number is not None
    # As area, with one grain as one: 33, 67 and 100 % passing. Half of the grains lie below a size
    # between the first two, where np.quantile said the second.
    number = np.interp((0.2, 0.5, 0.8), (1 / 3, 2 / 3, 1.0), np.log([small, middle, large]))
    assert summary.ecd_px_by_number == SizeQuantiles(
        *(pytest.approx(size) for size in np.exp(number))
    )
    assert summary.ecd_px_by_area == SizeQuantiles(
        *(pytest.approx(size(quantile)) for quantile in (0.2, 0.5, 0.8))
    )
