"""Shapes of grains against geometry and against scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from shapely.geometry import MultiPoint, Polygon
from skimage.measure import regionprops_table

from petrography.statistics import Grains, GrainShapes, measure_grains

Mask = NDArray[np.bool_]
PROPERTIES = (
    "area",
    "perimeter_crofton",
    "euler_number",
    "axis_major_length",
    "axis_minor_length",
    "orientation",
)


def grain_of(mask: Mask) -> Grains:
    grains = measure_grains(mask.astype(np.uint8), min_area_px=1)
    assert len(grains) == 1
    return grains


def grid(side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances of pixel centres from the middle: rows upwards, columns."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return -y, x


def turned(side: int, degrees: float) -> tuple[NDArray[np.float64], ...]:
    """Coordinates along and across an axis turned counter-clockwise as one sees it."""
    y, x = grid(side)
    angle = math.radians(degrees)
    return x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)


def test_a_square_of_ten_pixels() -> None:
    mask = np.zeros((30, 30), dtype=bool)
    mask[5:15, 8:18] = True
    grains = grain_of(mask)
    shapes = grains.shapes
    assert grains.area_px[0] == shapes.hull_area_px[0] == 100
    assert grains.solidity[0] == shapes.aspect_ratio[0] == 1.0
    assert shapes.feret_min_px[0] == shapes.rectangle_length_px[0] == 10.0
    assert shapes.rectangle_width_px[0] == 10.0
    assert shapes.feret_max_px[0] == pytest.approx(math.hypot(10, 10))
    assert shapes.orientation_deg[0] == 0.0


@pytest.mark.parametrize("radius", [15.0, 40.0, 120.5])
def test_a_disc(radius: float) -> None:
    y, x = grid(2 * math.ceil(radius) + 5)
    grains = grain_of(x**2 + y**2 <= radius**2)
    shapes = grains.shapes
    assert grains.ecd_px[0] == pytest.approx(2 * radius, rel=0.01)
    # Unbiased over positions; a disc in the middle of a pixel is one of them.
    assert shapes.perimeter_px[0] == pytest.approx(2 * math.pi * radius, rel=0.025)
    # The pixels of a disc stand out of it by less than a pixel on either side.
    for diameter in (shapes.feret_max_px[0], shapes.feret_min_px[0]):
        assert -0.5 <= diameter - 2 * radius <= 2.0
    assert grains.circularity[0] == pytest.approx(1.0, abs=0.05)
    assert shapes.aspect_ratio[0] == pytest.approx(1.0, abs=0.01)
    assert 0.93 < grains.solidity[0] <= 1.0
    assert shapes.euler_number[0] == 1


@pytest.mark.parametrize("degrees", [0.0, 17.0, 45.0, 90.0, 123.0, 170.0])
def test_an_ellipse_at_any_angle(degrees: float) -> None:
    along, across = turned(181, degrees)
    grains = grain_of((along / 80) ** 2 + (across / 30) ** 2 <= 1)
    shapes = grains.shapes
    assert shapes.ellipse_major_px[0] == pytest.approx(160, rel=0.01)
    assert shapes.ellipse_minor_px[0] == pytest.approx(60, rel=0.01)
    assert shapes.aspect_ratio[0] == pytest.approx(80 / 30, rel=0.01)
    assert shapes.orientation_deg[0] == pytest.approx(degrees, abs=0.3)
    assert shapes.feret_max_px[0] == pytest.approx(160, abs=2.0)
    assert shapes.feret_min_px[0] == pytest.approx(60, abs=2.0)


@pytest.mark.parametrize("degrees", [0.0, 30.0, 45.0, 77.0])
def test_a_rectangle_at_any_angle(degrees: float) -> None:
    along, across = turned(161, degrees)
    grains = grain_of((np.abs(along) <= 60) & (np.abs(across) <= 20))
    shapes = grains.shapes
    assert shapes.rectangle_length_px[0] == pytest.approx(120, abs=2.0)
    assert shapes.rectangle_width_px[0] == pytest.approx(40, abs=2.0)
    assert shapes.aspect_ratio[0] == pytest.approx(3.0, rel=0.03)
    assert shapes.orientation_deg[0] == pytest.approx(degrees, abs=0.5)
    # Four directions leave up to 10 % on straight edges.
    assert shapes.perimeter_px[0] == pytest.approx(320, rel=0.1)


@pytest.mark.parametrize("degrees", range(0, 90, 9))
def test_the_perimeter_of_straight_edges_is_off_by_what_is_stated(degrees: int) -> None:
    along, across = turned(301, degrees)
    grains = grain_of((np.abs(along) <= 120) & (np.abs(across) <= 5))
    # 5.2 % short to 2.6 % long; corners and the ends of rows are 1 % more.
    assert -0.062 < grains.shapes.perimeter_px[0] / 500.0 - 1.0 < 0.036


IMAGES = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=20),
    elements=st.sampled_from([0, 1, 1, 1, 6]),
)


@given(IMAGES)
@settings(deadline=None, max_examples=60)
def test_shapes_are_those_of_scikit_image(labels: NDArray[np.uint8]) -> None:
    grains = measure_grains(labels, min_area_px=1)
    assume(len(grains))
    theirs = regionprops_table(grains.component_map.astype(np.int64), properties=PROPERTIES)
    shapes = grains.shapes
    assert np.array_equal(theirs["area"], grains.area_px)
    assert shapes.perimeter_px == pytest.approx(theirs["perimeter_crofton"], abs=1e-9)
    assert np.array_equal(theirs["euler_number"], shapes.euler_number)
    # Theirs are moments of points, ours of squares, each with a spread of 1/12.
    for ours, name in (
        (shapes.ellipse_major_px, "axis_major_length"),
        (shapes.ellipse_minor_px, "axis_minor_length"),
    ):
        assert ours**2 - 16 / 12 == pytest.approx(theirs[name] ** 2, abs=1e-6)
    clear = shapes.aspect_ratio > 1.01
    # Theirs is against the columns, with rows that grow downwards.
    turn = (shapes.orientation_deg - np.degrees(theirs["orientation"]) - 90.0) % 180.0
    assert np.minimum(turn, 180.0 - turn)[clear] == pytest.approx(0.0, abs=1e-5)


@given(IMAGES)
@settings(deadline=None, max_examples=40)
def test_hulls_and_callipers_are_those_of_the_pixel_squares(labels: NDArray[np.uint8]) -> None:
    grains = measure_grains(labels, min_area_px=1)
    for number in grains.id:
        hull = hull_of_squares(grains.component_map == number)
        assert_measures(grains.shapes, int(number) - 1, hull)


def hull_of_squares(mask: Mask) -> Polygon:
    corners = np.argwhere(mask)[:, None] + [[0, 0], [0, 1], [1, 0], [1, 1]]
    hull = MultiPoint(corners.reshape(-1, 2)).convex_hull
    assert isinstance(hull, Polygon)
    return hull


def assert_measures(shapes: GrainShapes, index: int, hull: Polygon) -> None:
    vertices = np.array(hull.exterior.coords)
    apart = np.linalg.norm(vertices[:, None] - vertices, axis=-1)
    edges = np.diff(vertices, axis=0)
    normals = np.stack([-edges[:, 1], edges[:, 0]]) / np.linalg.norm(edges, axis=1)
    sides = np.array(hull.minimum_rotated_rectangle.exterior.coords)
    length, width = sorted(np.linalg.norm(np.diff(sides, axis=0), axis=1)[:2], reverse=True)
    assert shapes.hull_area_px[index] == pytest.approx(hull.area)
    assert shapes.feret_max_px[index] == pytest.approx(apart.max())
    assert shapes.feret_min_px[index] == pytest.approx(np.ptp(vertices @ normals, axis=0).min())
    ours = shapes.rectangle_length_px[index] * shapes.rectangle_width_px[index]
    assert ours == pytest.approx(length * width)
