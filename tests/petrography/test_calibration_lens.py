"""Lens: known distortions are measured and undone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from petrography.calibration import (
    LensModel,
    distort_points,
    fit_lens_from_grid,
    parse_lens,
    photographed,
    undistort,
    undistort_points,
)
from petrography.errors import InvalidParameterError
from petrography.images import Image
from petrography.phantoms.camera import Lens

HEIGHT, WIDTH, PITCH = 450, 600, 30


def lens_of(k1: float, k2: float = 0.0, p1: float = 0.0, p2: float = 0.0) -> LensModel:
    return LensModel(height_px=HEIGHT, width_px=WIDTH, k1=k1, k2=k2, p1=p1, p2=p2)


def target(lens: LensModel, *, chess: bool = False, turn_rad: float = 0.02) -> Image:
    """A grid seen through the lens, each pixel the mean of four samples."""
    row, column = (np.mgrid[0 : 2 * HEIGHT, 0 : 2 * WIDTH] + 0.5) / 2 - 0.5
    x, y = np.moveaxis(undistort_points(np.stack([column, row], axis=-1), lens), -1, 0)
    across = (x * np.cos(turn_rad) + y * np.sin(turn_rad)) / PITCH
    down = (y * np.cos(turn_rad) - x * np.sin(turn_rad)) / PITCH
    if chess:
        board = (across >= 2) & (across < 18) & (down >= 2) & (down < 13)
        ink = board & ((np.floor(across) + np.floor(down)) % 2 == 0)
    else:
        ink = np.hypot(across - np.rint(across), down - np.rint(down)) < 0.28
    grey = cv2.resize(np.where(ink, 40.0, 200.0), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(grey, (0, 0), 0.8)
    noisy = grey + 2 * np.random.default_rng(0).standard_normal(grey.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def furthest_px(one: LensModel, other: LensModel) -> float:
    places = np.stack(np.meshgrid(np.linspace(0, WIDTH - 1, 9), np.linspace(0, HEIGHT - 1, 9)), -1)
    return float(np.abs(distort_points(places, one) - distort_points(places, other)).max())


@pytest.mark.parametrize(("k1", "k2"), [(-0.03, 0.0), (0.04, -0.01), (0.0, 0.0)])
def test_a_known_lens_is_measured_from_dots(k1: float, k2: float) -> None:
    fitted = fit_lens_from_grid(target(lens_of(k1, k2)))
    assert fitted.rmse_px < 0.1
    assert fitted.points > 200
    assert fitted.warnings == ()
    # A tenth of a pixel, extrapolated to the corners.
    assert furthest_px(fitted, lens_of(k1, k2)) < 0.15


def test_a_lens_off_its_axis() -> None:
    off = lens_of(0.03, 0.0, 0.002, -0.001)
    assert furthest_px(fit_lens_from_grid(target(off), tangential=True), off) < 0.15
    assert fit_lens_from_grid(target(off)).p1 == 0.0


def test_a_known_lens_is_measured_from_a_chessboard() -> None:
    fitted = fit_lens_from_grid(target(lens_of(-0.03), chess=True), 10, 15, target="chessboard")
    assert fitted.points == 150
    assert furthest_px(fitted, lens_of(-0.03)) < 0.8


def test_missing_and_false_dots_do_no_harm() -> None:
    lens = lens_of(-0.03)
    image = target(lens)
    for x, y in ((200, 150), (330, 240), (420, 100)):
        cv2.rectangle(image, (x - 20, y - 20), (x + 20, y + 20), (200, 200, 200), -1)
    cv2.circle(image, (110, 300), 7, (40, 40, 40), -1)
    cv2.line(image, (20, 400), (200, 420), (40, 40, 40), 2)
    assert furthest_px(fit_lens_from_grid(image), lens) < 0.3


def test_bright_dots_on_a_dark_ground() -> None:
    lens = lens_of(0.03)
    assert furthest_px(fit_lens_from_grid(255 - target(lens)), lens) < 0.15


def test_the_residual_is_the_distance_of_the_points(monkeypatch: pytest.MonkeyPatch) -> None:
    indices = np.stack(np.meshgrid(np.arange(40.0), np.arange(30.0)), -1).reshape(-1, 2)
    off = np.random.default_rng(0).normal(0.0, 0.3, indices.shape)
    found = indices, 10.0 + 14.5 * indices + off
    monkeypatch.setattr("petrography.calibration.lens_fit.dot_points", lambda _: found)
    blank = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    # Each axis is off by 0.3 px.
    assert fit_lens_from_grid(blank).rmse_px == pytest.approx(0.3 * 2**0.5, rel=0.05)


def test_undistorting_makes_the_grid_straight() -> None:
    bent = target(lens_of(-0.05))
    straight = undistort(bent, lens_of(-0.05))
    residual = fit_lens_from_grid(straight[15:-15, 20:-20].copy())
    assert abs(residual.k1) < 0.002
    assert furthest_px(fit_lens_from_grid(bent), lens_of(0.0)) > 10


def test_no_distortion_changes_no_pixel() -> None:
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    assert np.array_equal(undistort(image, lens_of(0.0)), image)


def test_what_was_not_photographed_is_known_and_black() -> None:
    pincushion = lens_of(0.08)
    rows, columns = np.indices((HEIGHT, WIDTH), dtype=np.float64)
    seen_at = distort_points(np.stack([columns, rows], axis=-1), pincushion)
    outside = (seen_at < -0.5).any(-1) | (seen_at > [WIDTH - 0.5, HEIGHT - 0.5]).any(-1)
    shown = photographed(pincushion)
    assert shown is not None
    assert 0.05 < outside.mean() < 0.3
    # Float32 on the border.
    assert np.count_nonzero(shown == outside) <= 2
    straight = undistort(np.full((HEIGHT, WIDTH, 3), 200, dtype=np.uint8), pincushion)
    assert (straight[shown] == 200).all()
    assert (straight[~shown] == 0).all()


@pytest.mark.parametrize("k1", [0.0, -0.05])
def test_a_barrel_lens_shows_every_pixel(k1: float) -> None:
    assert photographed(lens_of(k1)) is None


def test_phantoms_distort_by_the_same_formula() -> None:
    points = np.random.default_rng(0).uniform(0, 400, (50, 2))
    mine = distort_points(points, lens_of(-0.04, 0.01))
    assert mine == pytest.approx(Lens(-0.04, 0.01).distorted(points, (HEIGHT, WIDTH)), abs=1e-9)


# Stronger barrels are refused in part, see below.
@settings(max_examples=50, deadline=None)
@given(
    st.floats(-0.07, 0.1), st.floats(-0.02, 0.03), st.floats(-0.01, 0.01), st.floats(-0.01, 0.01)
)
def test_undistorting_points_is_the_inverse(k1: float, k2: float, p1: float, p2: float) -> None:
    lens = lens_of(k1, k2, p1, p2)
    points = np.array([[[0.0, 0.0], [599.0, 449.0]], [[10.5, 300.0], [299.5, 224.5]]])
    assert undistort_points(distort_points(points, lens), lens) == pytest.approx(points, abs=1e-6)


def test_a_barrel_that_turns_back_within_the_picture_is_refused() -> None:
    with pytest.raises(ValidationError, match="no place in the field is seen"):
        lens_of(-0.09375, -0.02734375)


_ANY = st.floats(-0.5, 0.5)
_SLIGHT = st.floats(-0.06, 0.06)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.tuples(_ANY, _ANY, _ANY, _ANY), st.tuples(_ANY, _ANY, _SLIGHT, _SLIGHT)))
def test_every_lens_is_refused_or_has_an_inverse(numbers: tuple[float, ...]) -> None:
    try:
        lens = lens_of(*numbers)
    except ValidationError:
        return
    across, down = np.meshgrid(np.linspace(0.0, WIDTH - 1, 21), np.linspace(0.0, HEIGHT - 1, 15))
    photographed = np.stack([across, down], axis=-1)
    straight = undistort_points(photographed, lens)
    assert distort_points(straight, lens) == pytest.approx(photographed, abs=1e-6)
    # One place of the picture is one place of the section.
    assert undistort_points(distort_points(straight, lens), lens) == pytest.approx(
        straight, abs=1e-4
    )


@pytest.mark.parametrize("radial", [(0.5, 0.0, 0.0), (0.5, 0.5, 0.5)])
def test_a_strong_pincushion_has_an_inverse(radial: tuple[float, float, float]) -> None:
    k1, k2, k3 = radial
    lens = LensModel(height_px=2000, width_px=3000, k1=k1, k2=k2, k3=k3)
    corner = np.array([[0.0, 0.0]])
    assert distort_points(undistort_points(corner, lens), lens) == pytest.approx(corner, abs=1e-6)


@pytest.mark.parametrize("numbers", [{"k1": -0.2}, {"p1": 0.5}, {"p2": -0.3}])
def test_a_lens_that_shows_no_place_in_the_corner_is_refused(numbers: dict[str, float]) -> None:
    ((name, value),) = numbers.items()
    with pytest.raises(ValidationError, match=rf"{name} = {value}") as refusal:
        LensModel(height_px=2000, width_px=3000, **numbers)
    assert "border" in str(refusal.value)


def test_the_shift_of_the_corners() -> None:
    # At the corner the radius is nearly 1, so k1 moves it by k1 half diagonals.
    assert lens_of(0.02).largest_shift_px == pytest.approx(0.02 * 375.0, rel=0.01)


def test_a_lens_survives_json() -> None:
    lens = fit_lens_from_grid(target(lens_of(0.02)))
    assert parse_lens(lens.model_dump_json().encode(), source="x") == lens


# --- what is refused or warned of ------------------------------------------------------------


def test_a_small_target_is_warned_of() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 200, dtype=np.uint8)
    image[120:330, 180:420] = target(lens_of(0.0))[120:330, 180:420]
    assert any("extrapolated" in one for one in fit_lens_from_grid(image).warnings)


def test_no_dots() -> None:
    with pytest.raises(InvalidParameterError, match="0 dots"):
        fit_lens_from_grid(np.full((HEIGHT, WIDTH, 3), 128, dtype=np.uint8))


def test_dots_without_order() -> None:
    image = np.full((HEIGHT, WIDTH, 3), 200, dtype=np.uint8)
    for x, y in np.random.default_rng(1).integers(20, 430, (25, 2)).tolist():
        cv2.circle(image, (x, y), 6, (40, 40, 40), -1)
    with pytest.raises(InvalidParameterError, match="square grid"):
        fit_lens_from_grid(image)


def test_another_number_of_dots_than_stated() -> None:
    with pytest.raises(InvalidParameterError, match="stated are 4 and 4"):
        fit_lens_from_grid(target(lens_of(0.0)), 4, 4)


def test_a_chessboard_without_its_size() -> None:
    with pytest.raises(InvalidParameterError, match="state both"):
        fit_lens_from_grid(target(lens_of(0.0)), target="chessboard")


def test_no_chessboard() -> None:
    with pytest.raises(InvalidParameterError, match="no chessboard of 10 x 15"):
        fit_lens_from_grid(target(lens_of(0.0)), 10, 15, target="chessboard")


def test_another_size() -> None:
    with pytest.raises(InvalidParameterError, match="600 x 450 px"):
        undistort(np.zeros((10, 10, 3), dtype=np.uint8), lens_of(0.1))


@pytest.mark.parametrize("k1", ["-0.4", "0.7", "null", '"a"'])
def test_impossible_lenses(k1: str) -> None:
    data = f'{{"height_px": 10, "width_px": 10, "k1": {k1}}}'.encode()
    with pytest.raises(InvalidParameterError, match=r"lens\.json is no lens model"):
        parse_lens(data, source="lens.json")
