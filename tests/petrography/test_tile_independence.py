"""How an image is cut changes no number: no grain is cut at a seam, no figure knows the tiles."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from petrography.images import Image, Labels
from petrography.model_card import TileGeometry
from petrography.pipeline import measure
from petrography.pipeline.measurement import Measured, Measuring, MeasuringOptions
from petrography.report import label_image_result
from petrography.segmentation import segment
from petrography.statistics import measure_grains
from petrography.tiling import plan_tiles
from tests.petrography.tile_predictors import (
    CODES,
    GEOMETRIES,
    HALO,
    ByFunction,
    one_hot,
    small_net,
)

OPTIONS = MeasuringOptions(min_grain_area_px=1, touching_grains=True)
SHAPE = (101, 117)


def painted(seed: int = 4) -> tuple[Image, NDArray[np.intp]]:
    """Discs of three classes, many wider than the tiles, and the photograph of them."""
    rng = np.random.default_rng(seed)
    classes = np.zeros(SHAPE, dtype=np.uint8)
    for _ in range(14):
        centre = [int(rng.integers(0, side)) for side in SHAPE[::-1]]
        cv2.circle(classes, centre, int(rng.integers(2, 30)), int(rng.integers(1, 4)), -1)
    # Red values that are equal modulo 4 are the same class for `one_hot`.
    photograph = np.stack([classes + 4 * rng.integers(0, 60, SHAPE, dtype=np.uint8)] * 3, axis=-1)
    return photograph, classes.astype(np.intp)


def spotty(seed: int = 4) -> Image:
    """What `small_net` sees many grains in, some of them wider than a tile."""
    noise = np.random.default_rng(seed).normal(size=(*SHAPE, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 5.0)
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def summed_up(measured: Measured) -> str:
    """The whole document of a label image, as it is written."""
    return label_image_result(
        measured.composition,
        measured.grains,
        measured.contacts,
        measured.textures,
        identity="0" * 64,
        um_per_px=0.5,
        particles=measured.particles,
    ).model_dump_json()


def seen_in_tiles(
    pixels: Image, function: Callable[..., NDArray[np.float32]], geometry: TileGeometry
) -> tuple[Labels, Measured]:
    """The map, and its statistics taken band by band while it is made."""
    measuring = Measuring(SHAPE, OPTIONS)
    result = segment(
        pixels,
        ByFunction(function),
        geometry=geometry,
        codes=CODES,
        on_band=lambda band: measuring.add(band.labels),
    )
    return result.labels, measuring.finish(result.labels)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda one: f"{one.mode} {one.window}")
def test_no_grain_is_cut_at_a_seam(geometry: TileGeometry) -> None:
    photograph, classes = painted()
    labels, measured = seen_in_tiles(photograph, one_hot, geometry)
    whole = measure_grains(np.take(CODES, classes).astype(np.uint8), min_area_px=1)
    seams = {tile.write.col for tile in plan_tiles(*SHAPE, geometry)[0]} - {0}
    # The image has grains that lie across borders of tiles: else nothing would be tested.
    first, last = whole.bbox_px[:, 1], whole.bbox_px[:, 3]
    assert all(((first < seam) & (seam < last)).any() for seam in seams)
    assert sum(((first < seam) & (seam < last)).sum() for seam in seams) > 10
    np.testing.assert_array_equal(labels, np.take(CODES, classes))
    np.testing.assert_array_equal(measured.grains.component_map, whole.component_map)
    for name in ("code", "area_px", "bbox_px", "centroid_px"):
        np.testing.assert_array_equal(getattr(measured.grains, name), getattr(whole, name))


def test_a_network_that_looks_around_cuts_no_grain_at_a_seam() -> None:
    pixels, margin = spotty(), HALO.halo_px
    padded = np.pad(pixels, [(margin, margin + 1)] * 2 + [(0, 0)], mode="reflect")
    inner = (slice(margin, margin + SHAPE[0]), slice(margin, margin + SHAPE[1]))
    at_once = small_net(padded[np.newaxis])[0].argmax(axis=0)[inner]
    whole = measure_grains(np.take(CODES, at_once).astype(np.uint8), min_area_px=1)
    _, tiled = seen_in_tiles(pixels, small_net, HALO)
    assert whole.area_px.max() > HALO.size_px**2
    np.testing.assert_array_equal(tiled.grains.component_map, whole.component_map)


def test_statistics_do_not_depend_on_the_height_of_the_bands() -> None:
    labels = np.take(CODES, painted()[1]).astype(np.uint8)
    wanted = summed_up(measure(labels, OPTIONS))
    for rows in (1, 2, 3, 7, 16, 31, 32, 33, 64, 100, 101):
        measuring = Measuring(SHAPE, OPTIONS)
        for top in range(0, SHAPE[0], rows):
            measuring.add(labels[top : top + rows])
        assert summed_up(measuring.finish(labels)) == wanted, rows


def test_statistics_do_not_depend_on_the_size_of_the_tiles() -> None:
    pixels = spotty()
    sizes = (24, 40, 144)
    documents = {
        summed_up(seen_in_tiles(pixels, small_net, HALO.model_copy(update={"size_px": size_px}))[1])
        for size_px in sizes
    }
    assert len(documents) == 1
