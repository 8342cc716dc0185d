"""Places from measured points: known places come back, wrong pairs and edges do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petrography.errors import InvalidParameterError
from petrography.registration import Matrix, applied, fit_similarity, inverted, joined
from petrography.stitching import GridLayout
from petrography.stitching.affine import corners, identity, is_nearly_rigid, magsac_affine
from petrography.stitching.consistency import components, loop_closures_px
from petrography.stitching.fields import Survey
from petrography.stitching.layout import GridOrder
from petrography.stitching.lenses import RadialLens
from petrography.stitching.placement import PlacementModel, place_fields
from petrography.stitching.refinement import Edge
from petrography.stitching.solving import solve

SHAPE = (300, 400)
numbers = st.floats(-500, 500)


def turned(degrees: float, scale: float, x: float, y: float) -> Matrix:
    angle = np.radians(degrees)
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[a, -b, x], [b, a, y]])


def grid_matrices(rng: np.random.Generator, degrees: float = 0.0) -> list[Matrix]:
    """Nine fields in a 3 x 3 grid of 25 % overlap, a little off their places."""
    return [
        turned(degrees * rng.normal(), 1.0, 300.0 * col + rng.normal(), 225.0 * row + rng.normal())
        for row in range(3)
        for col in range(3)
    ]


def edge(first: int, second: int, matrices: list[Matrix], lens: RadialLens, noise: float) -> Edge:
    """Shared points of two fields on the panorama, seen through the lens, with noise."""
    rng = np.random.default_rng(first * 100 + second)
    candidates = applied(matrices[first], rng.uniform((0, 0), (399, 299), (4000, 2)))
    in_second = applied(inverted(matrices[second]), candidates)
    inside = ((in_second >= 0) & (in_second <= (399, 299))).all(axis=1)
    places = candidates[inside][:40]
    seen = [
        lens.distort(applied(inverted(matrices[index]), places))
        + rng.normal(0, noise, places.shape)
        for index in (first, second)
    ]
    return Edge(first, second, seen[0], seen[1], "features")


def neighbours(matrices: list[Matrix], lens: RadialLens, noise: float = 0.1) -> list[Edge]:
    grid = GridLayout(rows=3, cols=3)
    return [edge(n.first, n.second, matrices, lens, noise) for n in grid.neighbours()]


def gap_px(found: dict[int, Matrix], true: list[Matrix]) -> float:
    """Root mean square distance of the corners after one similarity."""
    ours = np.concatenate([applied(found[index], corners(SHAPE)) for index in sorted(found)])
    theirs = np.concatenate([applied(true[index], corners(SHAPE)) for index in sorted(found)])
    gaps = applied(fit_similarity(ours, theirs), ours) - theirs
    return float(np.sqrt((gaps**2).sum(axis=1).mean()))


def blank_survey(name: str) -> Survey:
    grey = np.zeros(SHAPE, dtype=np.uint8)
    return Survey(name, SHAPE, grey, np.zeros((*SHAPE, 3), dtype=np.uint8), None)


@given(angle=st.floats(-180, 180), scale=st.floats(0.5, 2.0), x=numbers, y=numbers)
def test_a_similarity_is_found_turned_round_and_undone(
    angle: float, scale: float, x: float, y: float
) -> None:
    matrix = turned(angle, scale, x, y)
    points = corners(SHAPE)
    assert fit_similarity(points, applied(matrix, points)) == pytest.approx(matrix, abs=1e-6)
    assert joined(matrix, inverted(matrix)) == pytest.approx(identity(), abs=1e-6)


def test_a_map_is_found_among_twice_as_many_wrong_pairs() -> None:
    rng = np.random.default_rng(1)
    source = rng.uniform(0, 400, (90, 2))
    matrix = turned(2.0, 1.01, 30.0, -12.0)
    target = applied(matrix, source)
    target[30:] = rng.uniform(0, 400, (60, 2))
    found = magsac_affine(source, target, 2.0)
    assert found is not None
    assert found[0] == pytest.approx(matrix, abs=1e-3)
    assert found[1][:30].all()


@pytest.mark.parametrize(
    ("matrix", "rigid"),
    [
        (turned(30.0, 1.05, 0, 0), True),
        (turned(0.0, 1.3, 0, 0), False),
        (np.array([[-1.0, 0, 0], [0, 1, 0]]), False),
        (np.array([[1.0, 0.3, 0], [0, 1, 0]]), False),
    ],
)
def test_mirrored_sheared_and_enlarged_maps_are_no_overlap(matrix: Matrix, rigid: bool) -> None:
    assert is_nearly_rigid(matrix) is rigid


@pytest.mark.parametrize(
    ("order", "places"),
    [
        ("row", [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]),
        ("snake", [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0)]),
        ("columns", [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]),
        ("columns-snake", [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]),
    ],
)
def test_orders_of_a_grid(order: GridOrder, places: list[tuple[int, int]]) -> None:
    grid = GridLayout(rows=2, cols=3, order=order)
    assert [grid.place(index) for index in range(6)] == places


@given(
    rows=st.integers(1, 6),
    cols=st.integers(1, 6),
    order=st.sampled_from(["row", "snake", "columns", "columns-snake"]),
)
def test_neighbours_of_a_grid_are_one_step_apart(rows: int, cols: int, order: GridOrder) -> None:
    grid = GridLayout(rows=rows, cols=cols, order=order)
    pairs = list(grid.neighbours())
    assert len(pairs) == rows * (cols - 1) + cols * (rows - 1)
    for pair in pairs:
        (row, col), (next_row, next_col) = grid.place(pair.first), grid.place(pair.second)
        assert (next_col - col, next_row - row) == (pair.step_x, pair.step_y)


def test_a_grid_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="has 6 places, 5 fields given"):
        GridLayout(rows=2, cols=3).require_count(5)


@given(k1=st.floats(-0.1, 0.1), x=st.floats(0, 399), y=st.floats(0, 299))
def test_a_lens_is_undone(k1: float, x: float, y: float) -> None:
    lens = RadialLens(SHAPE, k1)
    point = np.array([[x, y]])
    assert lens.distort(lens.undistort(point)) == pytest.approx(point, abs=1e-3)


def test_k1_is_the_relative_displacement_at_the_corner() -> None:
    lens = RadialLens((301, 401), 0.04)
    seen = lens.distort(np.array([[200.0 + 200.5, 150.0 + 150.5]]))
    assert seen == pytest.approx(np.array([[200.0 + 1.04 * 200.5, 150.0 + 1.04 * 150.5]]))


@pytest.mark.parametrize(
    ("model", "degrees"), [("translation", 0.0), ("similarity", 0.3), ("affine", 0.3)]
)
@pytest.mark.parametrize("k1", [0.0, -0.03])
def test_places_and_lens_come_back(model: PlacementModel, degrees: float, k1: float) -> None:
    matrices = grid_matrices(np.random.default_rng(3), degrees)
    edges = neighbours(matrices, RadialLens(SHAPE, k1))
    placement = place_fields(
        range(9), edges, model=model, lenses=[RadialLens(SHAPE)] * 9, find_k1=True
    )
    lens = placement.lenses[0]
    assert isinstance(lens, RadialLens)
    assert lens.k1 == pytest.approx(k1, abs=1e-3)
    assert gap_px(placement.matrices, matrices) < 0.2


def test_wrong_pairs_do_not_pull() -> None:
    matrices = grid_matrices(np.random.default_rng(4))
    edges = neighbours(matrices, RadialLens(SHAPE))
    rng = np.random.default_rng(5)
    for one in edges:
        one.second_xy[:12] += rng.normal(0, 40, (12, 2))
    placement = place_fields(range(9), edges, model="translation", lenses=[RadialLens(SHAPE)] * 9)
    assert gap_px(placement.matrices, matrices) < 0.1


def test_a_wrong_edge_is_named_and_left_out() -> None:
    matrices = grid_matrices(np.random.default_rng(6))
    edges = neighbours(matrices, RadialLens(SHAPE))
    wrong = edges[4]
    wrong.second_xy[:] += (35.0, -20.0)
    surveys = [blank_survey(f"f{index}") for index in range(9)]
    solution = solve(surveys, edges, model="auto", lenses=[RadialLens(SHAPE)] * 9, find_k1=False)
    assert [(edge.a, edge.b) for edge in solution.rejected] == [
        (f"f{wrong.first}", f"f{wrong.second}")
    ]
    assert gap_px(solution.placements[0].matrices, matrices) < 0.1
    closure = solution.loop_closure_px(surveys)
    assert closure is not None
    assert closure < 0.5


@pytest.mark.parametrize(
    ("degrees", "k1", "model"), [(0.0, 0.0, "translation"), (0.5, 0.0, "similarity")]
)
def test_the_simplest_model_that_fits_is_taken(degrees: float, k1: float, model: str) -> None:
    matrices = grid_matrices(np.random.default_rng(7), degrees)
    edges = neighbours(matrices, RadialLens(SHAPE, k1))
    surveys = [blank_survey(str(index)) for index in range(9)]
    solution = solve(surveys, edges, model="auto", lenses=[RadialLens(SHAPE)] * 9, find_k1=True)
    lens = solution.placements[0].lenses[0]
    assert solution.placements[0].model == model
    assert isinstance(lens, RadialLens)
    assert lens.k1 == 0.0, "a lens that does not earn it is not used"


def test_groups_come_by_size_and_begin_with_the_best_joined() -> None:
    none = np.empty((0, 2))
    edges = [Edge(*ends, none, none, "features") for ends in ((0, 4), (1, 2), (2, 3), (2, 6))]
    assert components(7, edges) == [[2, 1, 3, 6], [0, 4]]


def test_a_loop_misses_by_what_one_of_its_edges_is_off() -> None:
    none = np.empty((0, 2))
    edges = [Edge(*ends, none, none, "features") for ends in ((0, 1), (1, 2), (0, 2))]
    relative = [turned(0, 1, 100, 0), turned(0, 1, 100, 0), turned(0, 1, 203, 4)]
    assert loop_closures_px(edges, relative, SHAPE) == pytest.approx([5.0, 5.0, 5.0])
    assert loop_closures_px(edges[:2], relative[:2], SHAPE) == []
