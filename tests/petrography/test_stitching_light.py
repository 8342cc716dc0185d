"""Shading, exposures, seams, weights: what is seen of a panorama once the places are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petrography.images import Image
from petrography.registration import Matrix
from petrography.stitching import GridLayout
from petrography.stitching.affine import identity
from petrography.stitching.features import detect_features, mutual_matches
from petrography.stitching.fields import FieldCache, PanoramaField, survey_field
from petrography.stitching.flat_fielding import Shading, estimate_shading
from petrography.stitching.gains import estimate_gains
from petrography.stitching.layout import Neighbours
from petrography.stitching.lenses import LensMap, RadialLens
from petrography.stitching.mosaic import PlacedField, canvas_shape
from petrography.stitching.overlaps import Overlap, sample_overlaps
from petrography.stitching.phase_correlation import link_by_phase
from petrography.stitching.refinement import Edge
from petrography.stitching.rendering import feather_weights, render_rows
from petrography.stitching.seams import NOBODY, Ownership, find_seams
from tests.petrography.panorama_truth import as_field, drawn

SHAPE = (120, 160)
STEP = (90, 120)
NONE = np.empty((0, 2))


def ore(seed: int, height: int, width: int, contrast: float = 60.0) -> Image:
    """Smooth random grains."""
    import cv2

    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), 3.0)
    levels = 128 + contrast * np.clip(noise / noise.std(), -1.5, 1.5)
    return np.repeat(levels[:, :, None], 3, axis=2).astype(np.uint8)


def vignette(shape: tuple[int, int], strength: float) -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return np.asarray((1.0 - strength * (x**2 + y**2 + 0.25 * x) / 2)[:, :, None])


class Grid:
    """Fields of 3 x 3 with known whole-pixel places, shading and exposures."""

    def __init__(self, strength: float, exposures: list[float]) -> None:
        section = ore(1, STEP[0] * 2 + SHAPE[0], STEP[1] * 2 + SHAPE[1])
        self.light = vignette(SHAPE, strength)
        self.corners = [(row * STEP[0], col * STEP[1]) for row in range(3) for col in range(3)]
        self.images = [
            np.clip(
                section[top : top + SHAPE[0], left : left + SHAPE[1]] * self.light * exposure,
                0,
                255,
            ).astype(np.uint8)
            for (top, left), exposure in zip(self.corners, exposures, strict=True)
        ]
        self.section = section
        self.surveys = [
            survey_field(as_field(str(index), pixels)) for index, pixels in enumerate(self.images)
        ]
        self.lenses: list[LensMap] = [RadialLens(SHAPE)] * 9
        self.matrices: dict[int, Matrix] = {}
        for index, (top, left) in enumerate(self.corners):
            self.matrices[index] = identity() + np.array([[0, 0, left], [0, 0, top]])

    def overlaps(self) -> list[Overlap]:
        pairs = GridLayout(rows=3, cols=3).neighbours()
        edges = [Edge(pair.first, pair.second, NONE, NONE, "features") for pair in pairs]
        return sample_overlaps(edges, self.surveys, self.matrices, self.lenses)

    def placed(self, gains: list[float], shading: Shading | None = None) -> list[PlacedField]:
        return [
            PlacedField(index, SHAPE, self.matrices[index], self.lenses[index], gain, shading)
            for index, gain in enumerate(gains)
        ]


def test_shading_is_found_from_the_overlaps() -> None:
    grid = Grid(0.4, [1.0] * 9)
    shading, before, after = estimate_shading(grid.surveys, range(9), grid.overlaps())
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    points = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)
    evened = shading.correction(points).reshape(*SHAPE, 3) * grid.light
    assert float((evened / evened.mean()).std()) < 0.02
    assert float((grid.light / grid.light.mean()).std()) > 0.08
    assert after < 0.3 * before


def test_exposures_are_made_equal_without_a_change_of_mean() -> None:
    exposures = [1.0, 0.9, 1.1, 1.0, 0.8, 1.05, 0.95, 1.0, 1.1]
    grid = Grid(0.0, exposures)
    gains = estimate_gains(range(9), grid.overlaps(), {})
    evened = np.array([gains[index] * exposures[index] for index in range(9)])
    assert evened / evened.mean() == pytest.approx(1.0, abs=0.01)
    assert float(np.exp(np.mean(np.log(list(gains.values()))))) == pytest.approx(1.0)


def test_a_panorama_of_equal_fields_is_the_section_again() -> None:
    grid = Grid(0.0, [1.0] * 9)
    placed = grid.placed([1.0] * 9)
    shape = canvas_shape([field.box for field in placed])
    ownership = find_seams(placed, grid.surveys, shape)
    for strip_px in (17, 256):
        rows = render_rows(placed, ownership, shape, grid.images.__getitem__, strip_px=strip_px)
        picture = drawn(rows)
        assert picture.shape == grid.section.shape
        assert int(np.abs(picture.astype(int) - grid.section.astype(int)).max()) <= 1


def test_seams_leave_no_field_out_and_no_hole() -> None:
    grid = Grid(0.2, [1.0] * 9)
    placed = grid.placed([1.0] * 9)
    shape = canvas_shape([field.box for field in placed])
    ownership = find_seams(placed, grid.surveys, shape)
    assert set(np.unique(ownership.owners)) == set(range(9))
    assert ownership.seams.any()


def test_cells_are_no_finer_than_the_copies_on_which_fields_are_compared() -> None:
    shape = (40, 600)
    field = PlacedField(0, shape, identity(), RadialLens(shape), 1.0, None)
    survey = survey_field(as_field("wide", ore(2, *shape)))
    assert find_seams([field], [survey], shape).cell_px == 2


def test_a_seam_runs_where_two_fields_agree() -> None:
    left, right = ore(2, 60, 100), ore(3, 60, 100)
    right[:, :60] = left[:, 40:]
    # They disagree on a block in the middle of their overlap.
    right[20:40, 15:45] = 255 - right[20:40, 15:45]
    lens = RadialLens((60, 100))
    matrices = identity(), identity() + np.array([[0, 0, 40.0], [0, 0, 0]])
    placed = [
        PlacedField(index, (60, 100), matrix, lens, 1.0, None)
        for index, matrix in enumerate(matrices)
    ]
    surveys = [survey_field(as_field(str(i), p)) for i, p in enumerate((left, right))]
    ownership = find_seams(placed, surveys, (60, 140))
    crossed = np.argwhere(ownership.seams)
    inside = (
        (crossed[:, 0] > 21) & (crossed[:, 0] < 38) & (crossed[:, 1] > 57) & (crossed[:, 1] < 83)
    )
    assert ownership.cell_px == 1
    assert not inside.any()


@given(
    owners=st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=3, max_size=3),
    cell_px=st.integers(1, 9),
    top=st.integers(0, 10),
)
def test_weights_of_all_fields_add_up_to_one(
    owners: list[list[int]], cell_px: int, top: int
) -> None:
    cells = np.array(owners, dtype=np.int32)
    ownership = Ownership(cell_px, cells, np.zeros((3, 4, 3), dtype=np.uint8))
    part = (min(top, 3 * cell_px - 1), 0, 3 * cell_px, 4 * cell_px)
    total = sum(feather_weights(ownership, index, part) for index in range(3))
    assert total == pytest.approx(np.ones_like(total), abs=1e-6)


def test_a_cell_is_drawn_from_its_owner_in_the_middle() -> None:
    cells = np.array([[0, 1], [0, NOBODY]], dtype=np.int32)
    ownership = Ownership(9, cells, np.zeros((2, 2, 3), dtype=np.uint8))
    weights = feather_weights(ownership, 1, (0, 0, 18, 18))
    assert weights[4, 13] == pytest.approx(1.0)
    assert weights[4, 4] == pytest.approx(0.0)


def test_features_keep_to_their_share_of_a_cell() -> None:
    grey = ore(4, 200, 300)[:, :, 0]
    points = detect_features(grey).points_xy
    cells, counts = np.unique(points // 32, axis=0, return_counts=True)
    assert len(cells) > 40
    assert counts.max() <= 3


def test_nothing_matches_a_blank() -> None:
    blank = detect_features(np.full((100, 100), 128, dtype=np.uint8))
    assert mutual_matches(blank, detect_features(ore(5, 100, 100)[:, :, 0])).shape == (0, 2)


def faint(shift: tuple[int, int]) -> list[PanoramaField]:
    """Two fields that show nearly nothing but noise of their own."""
    section = ore(6, 400, 700, contrast=3.0).astype(np.float64)
    rng = np.random.default_rng(7)
    fields = []
    for index, (top, left) in enumerate([(20, 0), (20 + shift[1], shift[0])]):
        part = section[top : top + 300, left : left + 400]
        noisy = np.clip(part + rng.normal(0, 3.0, part.shape), 0, 255).astype(np.uint8)
        fields.append(as_field(str(index), noisy))
    return fields


def test_phase_correlation_finds_a_faint_overlap() -> None:
    surveys = [survey_field(field) for field in faint((290, 7))]
    grid = GridLayout(rows=1, cols=2, overlap_fraction=0.25)
    link = link_by_phase(Neighbours(0, 1, 1, 0), surveys, grid)
    assert link is not None
    assert link.matrix[:, 2] == pytest.approx([290.0, 7.0], abs=1.0)


def test_phase_correlation_believes_nothing_in_unrelated_fields() -> None:
    pair = [as_field(str(seed), ore(seed, 300, 400, contrast=5.0)) for seed in (8, 9)]
    surveys = [survey_field(field) for field in pair]
    grid = GridLayout(rows=1, cols=2)
    assert link_by_phase(Neighbours(0, 1, 1, 0), surveys, grid) is None


def test_the_cache_loads_again_what_does_not_fit() -> None:
    loads: list[str] = []

    def counted(name: str) -> PanoramaField:
        def load() -> Image:
            loads.append(name)
            return np.zeros((10, 10, 3), dtype=np.uint8)

        return PanoramaField(name, load)

    cache = FieldCache([counted("a"), counted("b"), counted("c")], max_bytes=600)
    for index in (0, 1, 0, 2, 0, 1):
        assert cache[index].shape == (10, 10, 3)
    assert loads == ["a", "b", "c", "b"]
