"""Liberation of particles, and the potential of intact ore."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import DTypeLike, NDArray

from petrography.errors import InvalidParameterError, LabelImageError
from petrography.statistics.comminution import (
    Comminution,
    GridComminution,
    comminute_grid,
    comminute_voronoi,
)
from petrography.statistics.contacts import measure_contacts
from petrography.statistics.particles import Particles, measure_particles
from petrography.statistics.share_classes import area_by_class, liberated_fraction
from tests.petrography.contact_fields import bodies

Labels = NDArray[np.uint8]

FIELDS = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 70), st.integers(1, 40)),
    elements=st.sampled_from([0, 1, 1, 6, 37, 255]),
    fill=st.just(1),
)


def particles_of(labels: Labels) -> Particles:
    found = measure_particles(labels)
    assert found is not None
    return found


# --- virtual comminution ---------------------------------------------------------------------


@given(FIELDS, st.lists(st.integers(0, 69), max_size=6))
@settings(deadline=None, max_examples=150)
def test_the_cut_into_strips_changes_nothing(labels: Labels, cuts: list[int]) -> None:
    whole = comminute_grid(labels)
    grid = GridComminution((labels.shape[0], labels.shape[1]))
    for strip in np.split(labels, sorted({cut % len(labels) for cut in cuts} - {0})):
        grid.add(strip)
    parts = grid.finish()
    assert (parts.codes, parts.sizes_px, parts.cell_counts) == (
        whole.codes,
        whole.sizes_px,
        whole.cell_counts,
    )
    np.testing.assert_array_equal(parts.by_class_px, whole.by_class_px)


@given(FIELDS, st.sampled_from([1, 2, 5]))
@settings(deadline=None, max_examples=60)
def test_cells_are_counted_as_a_loop_counts_them(labels: Labels, grain_px: int) -> None:
    # Coarse grains leave most of the finest cells to one phase.
    labels = np.kron(labels, np.ones((grain_px, grain_px), dtype=np.uint8))[:90, :90]
    found = comminute_grid(labels)
    for place, size_px in enumerate(found.sizes_px):
        wanted: dict[tuple[int, int], int] = {}
        cells = 0
        for top in range(0, labels.shape[0] - size_px + 1, size_px):
            for left in range(0, labels.shape[1] - size_px + 1, size_px):
                cell = labels[top : top + size_px, left : left + size_px]
                seen = cell[cell != 255]
                if 2 * seen.size < size_px**2:
                    continue
                cells += 1
                for code, area_px in zip(*np.unique(seen, return_counts=True), strict=True):
                    key = int(code), min(19, int(area_px) * 20 // seen.size)
                    wanted[key] = wanted.get(key, 0) + int(area_px)
        got = {
            (code, k): int(found.by_class_px[place, column, k])
            for column, code in enumerate(found.codes)
            for k in range(20)
            if found.by_class_px[place, column, k]
        }
        assert (cells, wanted) == (found.cell_counts[place], got)


def test_stripes_are_liberated_up_to_their_width() -> None:
    labels = np.repeat(np.repeat(np.uint8([1, 6] * 8), 32)[:, None], 512, axis=1)
    found = comminute_grid(labels)
    liberated = found.liberated_fraction(95)
    by_size = dict(zip(found.sizes_px, liberated[:, 0].tolist(), strict=True))
    assert by_size == {4: 1.0, 8: 1.0, 16: 1.0, 32: 1.0, 64: 0.0, 128: 0.0, 256: 0.0}
    # From 1 at 32 px to 0 at 64 px: 0.8 lies a fifth of the way on the logarithm.
    assert found.liberation_size_px()[0] == pytest.approx(32 * 2**0.2, rel=1e-9)


def test_sizes_outside_the_tried_ones_are_not_guessed() -> None:
    alone = comminute_grid(np.ones((64, 64), dtype=np.uint8))
    assert alone.liberation_size_px() == (None,)
    noise = np.random.default_rng(1).choice(np.uint8([1, 6]), (64, 64))
    assert comminute_grid(noise).liberation_size_px() == (None, None)


def test_liberation_falls_with_size_and_with_the_threshold() -> None:
    found = comminute_grid(bodies(1, 24.0))
    for percent in (80, 90, 95):
        assert (np.diff(found.liberated_fraction(percent)[:6], axis=0) <= 0.02).all()
    assert (found.liberated_fraction(80) >= found.liberated_fraction(90)).all()
    coarse = comminute_grid(np.kron(bodies(1, 24.0), np.ones((2, 2), dtype=np.uint8)))
    for fine_px, coarse_px in zip(
        found.liberation_size_px(), coarse.liberation_size_px(), strict=True
    ):
        assert fine_px is not None
        # Twice as coarse an ore needs half the breaking.
        assert coarse_px == pytest.approx(2 * fine_px, rel=1e-9)


def test_random_cells_agree_with_squares_roughly() -> None:
    labels = bodies(2, 30.0)
    squares, voronoi = comminute_grid(labels), comminute_voronoi(labels, seed=3)
    assert squares.sizes_px[: len(voronoi.sizes_px)] == voronoi.sizes_px
    for one, other in zip(squares.liberation_size_px(), voronoi.liberation_size_px(), strict=True):
        assert one is not None
        assert other is not None
        # Voronoi cells differ in size and have longer outlines.
        assert 0.5 < other / one < 1.3
    again = comminute_voronoi(labels, seed=3)
    np.testing.assert_array_equal(again.by_class_px, voronoi.by_class_px)


def test_random_cells_cover_the_image_once() -> None:
    labels = bodies(4, 30.0)
    found: Comminution = comminute_voronoi(labels)
    # Cells that the edge cuts are missing: of 4 px few, and more the coarser they are.
    shares = found.by_class_px.sum(axis=(1, 2)) / labels.size
    assert shares[0] > 0.9
    assert (np.diff(shares) < 0).all()
    assert found.cell_counts[0] == pytest.approx(0.95 * labels.size / 16, rel=0.06)


def test_cells_that_are_half_unannotated_are_left_out() -> None:
    labels = np.full((16, 16), 255, dtype=np.uint8)
    labels[:, :6] = 1
    found = comminute_grid(labels)
    assert found.sizes_px == (4, 8)
    assert found.cell_counts == (8, 2)


def test_images_without_a_whole_cell_have_no_potential() -> None:
    found = comminute_grid(np.ones((3, 3), dtype=np.uint8))
    assert (found.sizes_px, found.codes) == ((), ())


def test_what_was_not_announced_is_refused() -> None:
    grid = GridComminution((8, 8))
    grid.add(np.ones((4, 8), dtype=np.uint8))
    with pytest.raises(LabelImageError, match=r"4 rows.*8"):
        grid.finish()
    with pytest.raises(LabelImageError, match=r"\(4, 7\)"):
        grid.add(np.ones((4, 7), dtype=np.uint8))
    with pytest.raises(LabelImageError, match="code 99"):
        comminute_grid(np.full((8, 8), 99, dtype=np.uint8))
    with pytest.raises(InvalidParameterError, match="at least 1"):
        GridComminution((0, 8))


# --- particles -------------------------------------------------------------------------------


def in_resin() -> Labels:
    labels = np.full((120, 200), 37, dtype=np.uint8)
    labels[10:50, 10:50] = 1  # pure
    labels[10:50, 100:130] = 1  # three quarters chalcopyrite, one quarter pyrite
    labels[10:50, 130:140] = 6
    labels[70:110, 10:50] = 6  # chalcopyrite inside pyrite
    labels[80:100, 20:40] = 1
    labels[90:92, 150:152] = 2  # too small
    return labels


def test_particles_by_composition_by_hand() -> None:
    found = particles_of(in_resin())
    assert (found.codes, len(found), found.small) == ((1, 6), 3, 1)
    assert found.area_px.tolist() == [[1600, 0], [1200, 400], [400, 1200]]
    by_class = {k: n for k, n in enumerate(found.by_composition_px[0].tolist()) if n}
    assert by_class == {5: 400, 15: 1200, 19: 1600}
    assert liberated_fraction(found.by_composition_px, 80)[0] == pytest.approx(0.5)
    assert found.by_locking_px.tolist() == [[1600, 1600, 0, 0], [0, 1600, 0, 0]]


def test_particles_by_free_surface_by_hand() -> None:
    found = particles_of(in_resin())
    share = found.free_px / np.where(found.boundary_px > 0, found.boundary_px, 1.0)
    # Of 30 x 40 px beside 10 x 40 px: 100 of 140 px and 60 of 100 px are free.
    assert share[:, 0] == pytest.approx([1.0, 100 / 140, 0.0], abs=0.02)
    assert share[:, 1] == pytest.approx([0.0, 60 / 100, 160 / 240], abs=0.02)
    by_class = {k: n for k, n in enumerate(found.by_free_surface_px[0].tolist()) if n}
    assert by_class == {0: 400, 14: 1200, 19: 1600}


def test_a_halo_on_a_particle_is_no_mineral_of_its_surface() -> None:
    labels = in_resin()
    coated = labels.copy()
    coated[10:50, 9] = coated[10:50, 50] = 8
    coated[9, 10:50] = coated[50, 10:50] = 8
    found = particles_of(coated)
    free = found.free_px[0, 0] / found.boundary_px[0, 0]
    assert free == pytest.approx(1.0, abs=0.02)
    unfiltered = measure_particles(coated, remove_halos=False)
    assert unfiltered is not None
    assert unfiltered.free_px[0, 0] / unfiltered.boundary_px[0, 0] < 0.1


def test_particles_take_few_bytes_a_pixel() -> None:
    labels = np.full((4000, 300), 37, dtype=np.uint8)
    labels.reshape(40, 100, 3, 100)[:, 20:80, :, 20:80] = 1
    tracemalloc.start()
    found = particles_of(labels)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 120
    assert peak_bytes < 12 * labels.size


@pytest.mark.parametrize("gap_px", [1, 2, 3])
def test_particles_divided_by_a_thin_line_of_resin_are_free_all_round(gap_px: int) -> None:
    labels = np.full((40, 60), 37, dtype=np.uint8)
    labels[10:30, 10:29] = 1
    labels[10:30, 29 + gap_px : 48 + gap_px] = 6
    found = particles_of(labels)
    np.testing.assert_allclose(found.free_px, found.boundary_px)
    contacts = measure_contacts(labels)
    assert contacts.codes == (1, 6, 37)
    assert contacts.length_px[0, 1] == 0.0
    assert contacts.free_fraction[:2] == pytest.approx([1.0, 1.0])


@given(FIELDS)
@settings(deadline=None, max_examples=100)
def test_areas_and_surfaces_add_up(labels: Labels) -> None:
    found = measure_particles(labels)
    if found is None:
        return
    assert (found.free_px <= found.boundary_px + 1e-9).all()
    for table in (found.by_composition_px, found.by_free_surface_px, found.by_locking_px):
        np.testing.assert_array_equal(table.sum(axis=1), found.area_px.sum(axis=0))


@pytest.mark.parametrize("code", [1, 37, 255])
def test_without_resin_or_particles_there_are_none(code: int) -> None:
    assert measure_particles(np.full((20, 20), code, dtype=np.uint8)) is None


def test_particles_are_numbered_in_the_workspace_and_not_in_memory(tmp_path: Path) -> None:
    labels = np.full((8000, 3000), 37, dtype=np.uint8)
    # A few large particles, so that nothing but the pixels takes memory.
    for row, column in itertools.product(range(100, 7500, 700), range(100, 2500, 600)):
        labels[row : row + 500, column : column + 400] = 1 + row // 700 % 2

    class OnDisk:
        def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
            return np.memmap(tmp_path / "numbers", dtype, "w+", shape=shape)

    tracemalloc.start()
    found = measure_particles(labels, workspace=OnDisk())
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found is not None
    assert found.area_px.sum(axis=0).tolist() == [24 * 500 * 400, 20 * 500 * 400]
    # 24 million pixels: their numbers alone would be four times as much.
    assert peak_bytes < 1.5 * labels.size


def test_shares_on_a_bound_belong_to_the_class_above() -> None:
    areas_px = np.array([[80, 20], [79, 21], [100, 0], [1, 99]])
    by_class = area_by_class(areas_px)
    assert [np.flatnonzero(row).tolist() for row in by_class] == [[0, 15, 16, 19], [4, 19]]
    assert liberated_fraction(by_class, 80).tolist() == pytest.approx([180 / 260, 99 / 140])
    assert math.isclose(liberated_fraction(by_class, 95)[0], 100 / 260)
