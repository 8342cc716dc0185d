"""Real fields: a metal of 4 x 5, and ore that bends through its lens."""

from __future__ import annotations

import csv
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from petrography.image_codec import decode_image
from petrography.images import Image
from petrography.stitching import GridLayout, PanoramaField, StitchReport, stitch
from tests.petrography.panorama_truth import names, shuffled

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def folder() -> Path:
    given = os.environ.get("PETROSERVE_REAL_DATA")
    if given is None:
        pytest.skip("PETROSERVE_REAL_DATA names no folder of real photographs")
    return Path(given)


def photograph(path: Path) -> PanoramaField:
    return PanoramaField(path.name, partial(pixels_of, path))


def pixels_of(path: Path) -> Image:
    return decode_image(path.read_bytes()).pixels


@pytest.fixture(scope="module")
def positions(folder: Path) -> dict[str, tuple[float, float]]:
    with (folder / "stitching-metal-4x5" / "positions.csv").open() as file:
        return {
            row["file"]: (float(row["x_px"]), float(row["y_px"])) for row in csv.DictReader(file)
        }


@pytest.fixture(scope="module")
def metal(folder: Path, positions: dict[str, tuple[float, float]]) -> list[PanoramaField]:
    return [photograph(folder / "stitching-metal-4x5" / name) for name in positions]


def furthest_px(report: StitchReport, positions: dict[str, tuple[float, float]]) -> float:
    found = np.array([np.array(tile.matrix)[:, 2] for tile in report.tiles])
    known = np.array([positions[tile.name] for tile in report.tiles])
    gaps = found - known
    return float(np.abs(gaps - gaps.mean(axis=0)).max())


def test_metal_on_its_grid(
    metal: list[PanoramaField], positions: dict[str, tuple[float, float]]
) -> None:
    report = stitch(metal, grid=GridLayout(rows=5, cols=4, order="columns")).report
    assert len(report.tiles) == 20
    assert furthest_px(report, positions) <= 0.5
    assert report.flat_field == "estimated"


def test_metal_shuffled_with_one_missing_and_one_of_another_section(
    metal: list[PanoramaField], positions: dict[str, tuple[float, float]], folder: Path
) -> None:
    ore = photograph(folder / "lumenstone" / "overlaps" / "a34.jpg")
    crop = PanoramaField("ore", lambda: np.ascontiguousarray(ore.load()[:968, :1292]))
    report = stitch(shuffled([*metal[:7], *metal[8:], crop], seed=5)).report
    assert len(report.tiles) == 19
    assert names(report.unplaced) == ["ore"]
    assert furthest_px(report, positions) <= 0.5


@pytest.mark.parametrize("pair", [("a03", "a04"), ("a34", "a38")])
def test_ore_through_a_lens(pair: tuple[str, str], folder: Path) -> None:
    """Two pairs of other ore, one nearly featureless, agree on the lens."""
    fields = [photograph(folder / "lumenstone" / "overlaps" / f"{name}.jpg") for name in pair]
    report = stitch(fields).report
    assert report.lens is not None
    assert report.lens.model.k1 == pytest.approx(0.0255, abs=0.002)
    assert report.rmse_px < 1.0
    (edge,) = report.edges
    assert edge.inliers >= 25
