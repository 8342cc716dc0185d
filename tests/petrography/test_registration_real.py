"""Real pairs: a field at two turns of the stage, crossed polars beside plane-polarised light."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from petrography.errors import RegistrationError
from petrography.image_codec import decode_image
from petrography.images import Image
from petrography.registration import StageView, ViewRegistration, register, register_views

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def folder() -> Path:
    given = os.environ.get("PETROSERVE_REAL_DATA")
    if given is None:
        pytest.skip("PETROSERVE_REAL_DATA names no folder of real photographs")
    return Path(given)


def pixels(path: Path) -> Image:
    return decode_image(path.read_bytes()).pixels


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def middle_shift_px(found: ViewRegistration, image: Image) -> np.ndarray:
    """By how much the middle of a view moves to the reference."""
    middle = np.array([(image.shape[1] - 1) / 2.0, (image.shape[0] - 1) / 2.0])
    shift: np.ndarray = found.as_matrix() @ [*middle, 1.0] - middle
    return shift


def test_a_turned_field_of_sandstone(folder: Path) -> None:
    """Measured: 51.311 degrees; where both images show rock, within 1 px."""
    place = folder / "quartz-sandstone" / "full"
    first, second = (pixels(place / f"7{field}_ppl.jpg") for field in "ab")
    known = np.array([[0.625147, -0.780629, 797.57], [0.780629, 0.625147, -325.67]])

    found = register(second, first)

    assert found.rotation_deg == pytest.approx(51.311, abs=0.1)
    grid = np.stack(np.meshgrid(np.arange(0, 1600, 40), np.arange(0, 1200, 40)), axis=-1)
    points = np.column_stack([grid.reshape(-1, 2), np.ones(grid.size // 2)])
    there = points @ known.T
    inside = ((there >= 0) & (there <= [1599, 1199])).all(axis=1)
    gaps = np.linalg.norm(points @ found.as_matrix().T - there, axis=1)[inside]
    assert np.sqrt(np.mean(gaps**2)) <= 1.0


def test_crossed_polars_of_sandstone_follow_their_partners(folder: Path) -> None:
    """The analyser moves the picture by 9 px; the stage was turned in between."""
    place = folder / "quartz-sandstone" / "full"
    reference = StageView("7a_ppl", pixels(place / "7a_ppl.jpg"), "PPL", 0.0)
    views = [
        StageView("7b_ppl", pixels(place / "7b_ppl.jpg"), "PPL", 51.3),
        StageView("7a_xpl", pixels(place / "7a_xpl.jpg"), "XPL", 0.0),
        StageView("7b_xpl", pixels(place / "7b_xpl.jpg"), "XPL", 51.3),
    ]

    report = register_views(reference, views)

    assert [view.carried_by for view in report.views] == [None, "7a_ppl", "7b_ppl"]
    assert report.analyser_shift_px == pytest.approx((-9.09, -3.47), abs=1.0)
    shift = middle_shift_px(report.view("7a_xpl"), reference.read())
    np.testing.assert_allclose(shift, (-8.9, -3.2), atol=1.0)


@pytest.mark.parametrize("name", ["California_1", "Gabon_3", "Norway_1"])
def test_crossed_polars_beside_plane_polarised_light(folder: Path, name: str) -> None:
    place = folder / "ppl-xpl-unregistered"
    plain, crossed = (pixels(place / f"{name}_{light}.png") for light in ("ppl", "xpl"))
    (known,) = (row for row in rows(place / "shifts.csv") if row["pair"] == name)
    wanted = np.array([float(known["ecc_dx_at_centre"]), float(known["ecc_dy_at_centre"])])

    found = register(plain, crossed)

    np.testing.assert_allclose(middle_shift_px(found, crossed), -wanted, atol=1.0)
    assert found.rotation_deg == pytest.approx(-float(known["ecc_rot_deg"]), abs=0.1)


@pytest.mark.parametrize(("first", "second"), [("a34", "a38"), ("a03", "a04")])
def test_overlapping_ore(folder: Path, first: str, second: str) -> None:
    """Measured to about 8 px, for the lens bends; one pair is nearly featureless sphalerite."""
    place = folder / "lumenstone" / "overlaps"
    there, here = (pixels(place / f"{name}.jpg") for name in (first, second))
    (known,) = (row for row in rows(place / "transforms.csv") if row["image_a"] == first)
    linear = np.array([[float(known[f"m{row}{col}"]) for col in range(3)] for row in range(2)])
    to_reference = np.linalg.inv(np.vstack([linear, [0, 0, 1]]))[:2]

    found = register(there, here)

    grid = np.stack(np.meshgrid(np.arange(0, 3396, 99), np.arange(0, 2547, 99)), axis=-1)
    points = np.column_stack([grid.reshape(-1, 2), np.ones(grid.size // 2)])
    on_reference = points @ to_reference.T
    inside = ((on_reference >= 0) & (on_reference <= [3395, 2546])).all(axis=1)
    gaps = np.linalg.norm(points @ found.as_matrix().T - on_reference, axis=1)[inside]
    assert np.sqrt(np.mean(gaps**2)) <= 10.0


def test_ore_of_another_place_is_refused(folder: Path) -> None:
    place = folder / "lumenstone" / "overlaps"
    with pytest.raises(RegistrationError, match="a03 cannot be registered"):
        register(pixels(place / "a34.jpg"), pixels(place / "a03.jpg"), name="a03")
