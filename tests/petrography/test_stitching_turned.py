"""Fields of a section that was turned between two photographs."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from petrography.images import Image
from petrography.phantoms import phantom
from petrography.stitching import PanoramaField, Stitching, stitch

SIDE_PX, STEP_PX = 360, 225
GRID = [(row, column) for row in range(2) for column in range(3)]


@pytest.fixture(scope="module")
def section() -> Image:
    return phantom("S2", 11, 900, 1100).image


def photographed(
    section: Image, row: int, column: int, angle_deg: float
) -> tuple[Image, np.ndarray]:
    """One field, turned about its middle, and the map from the section to it."""
    centre = (260 + column * STEP_PX, 260 + row * STEP_PX)
    matrix = cv2.getRotationMatrix2D(centre, angle_deg, 1.0)
    matrix[:, 2] += (SIDE_PX - 1) / 2.0 - np.array(centre)
    size = (SIDE_PX, SIDE_PX)
    return cv2.warpAffine(section, matrix, size, flags=cv2.INTER_CUBIC), matrix


def stitched(images: Sequence[Image]) -> Stitching:
    def field(number: int) -> PanoramaField:
        return PanoramaField(str(number), lambda: images[number])

    return stitch([field(number) for number in range(len(images))], lens=None, flat_field=None)


def corner_errors_px(found: Stitching, truth: Sequence[np.ndarray]) -> float:
    """Largest miss at the corners, when the panorama as a whole lies as the section does."""
    last = SIDE_PX - 1.0
    corners = np.array([[0, 0, 1], [last, 0, 1], [0, last, 1], [last, last, 1]])
    tiles = found.report.tiles
    seen = np.concatenate([corners @ np.array(one.matrix).T for one in tiles]) @ [1, 1j]
    meant = np.concatenate(
        [corners @ cv2.invertAffineTransform(truth[int(one.name)]).T for one in tiles]
    ) @ [1, 1j]
    with_one = np.stack([seen, np.ones_like(seen)], axis=1)
    whole = np.linalg.lstsq(with_one, meant, rcond=None)[0]
    assert abs(whole[0]) == pytest.approx(1.0, abs=1e-3)
    return float(np.abs(with_one @ whole - meant).max())


@pytest.mark.parametrize(
    "angles",
    [
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 4],
        [0, 0, 2, 0, 0, 2],
        [0, 0, 0, 45, 45, 45],
        [0, 0, 0, 0, 0, 90],
        [0, 0, 0, 90, 90, 90],
        [0, 0, 0, 180, 180, 180],
    ],
    ids=str,
)
def test_turned_fields_lie_where_they_were_photographed(
    section: Image, angles: list[float]
) -> None:
    made = [
        photographed(section, row, column, angle)
        for (row, column), angle in zip(GRID, angles, strict=True)
    ]
    found = stitched([image for image, _ in made])

    assert len(found.report.tiles) == len(GRID)
    assert found.report.rejected == ()
    scales = [np.sqrt(np.linalg.det(np.array(one.matrix)[:, :2])) for one in found.report.tiles]
    np.testing.assert_allclose(scales, 1.0, atol=1e-3)
    assert corner_errors_px(found, [matrix for _, matrix in made]) < 1.0


def test_fields_that_are_not_turned_are_only_moved(section: Image) -> None:
    found = stitched([photographed(section, row, column, 0.0)[0] for row, column in GRID])
    assert found.report.model == "translation"
