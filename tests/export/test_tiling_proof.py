from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="needs the train extra")

from scipy.ndimage import uniform_filter

from export.tiling_proof import (
    grid_shift_agreement,
    measure_grid_shift,
    prove_halo,
    prove_tiling,
    seam_gradient_ratio,
)
from petrography.errors import ConfigurationError
from petrography.model_card import GridShift, HaloProof, TileGeometry
from petrography.segmentation import Segmentation
from training.evaluation import EvaluatedModel
from training.lumenstone import Field

pytestmark = pytest.mark.torch

CODES = (0, 1)


class Neighbourhood:
    """Two classes by the mean of a square around each pixel: its reach is known exactly."""

    def __init__(self, reach_px: int, *, of_whole_tile: float = 0.0) -> None:
        self.side_px, self.of_whole_tile = 2 * reach_px + 1, of_whole_tile

    def probabilities(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        grey = tiles[..., 0].astype(np.float64)
        local = uniform_filter(grey, size=(0, self.side_px, self.side_px), mode="constant")
        whole = grey.mean(axis=(1, 2), keepdims=True)
        bright = np.clip((local + self.of_whole_tile * (whole - local)) / 255.0, 0.0, 1.0)
        return np.stack([1.0 - bright, bright], axis=1).astype(np.float32)

    def labels(self, tiles: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        probabilities = self.probabilities(tiles)
        confidence = np.rint(255.0 * probabilities.max(axis=1)).astype(np.uint8)
        return probabilities.argmax(axis=1).astype(np.uint8), confidence


def halo(halo_px: int) -> TileGeometry:
    return TileGeometry(size_px=128, multiple_px=4, mode="halo", halo_px=halo_px)


@pytest.fixture(scope="module")
def images() -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(3)
    blocks = rng.integers(0, 256, (2, 20, 25, 1), dtype=np.uint8)
    return [np.kron(one, np.ones((9, 9, 3), dtype=np.uint8)) for one in blocks]


def test_a_halo_that_covers_the_reach_is_proven(images: list[NDArray[np.uint8]]) -> None:
    proof = prove_halo(Neighbourhood(12), halo(12), images)
    assert proof.positions >= 4
    assert proof.core_px % 4 == 0
    assert proof.max_probability_difference <= 1e-6
    assert proof.max_change_from_outside <= 1e-6


@pytest.mark.parametrize("reach_px", [13, 16, 60])
def test_a_halo_that_is_too_narrow_is_refused(
    images: list[NDArray[np.uint8]], reach_px: int
) -> None:
    with pytest.raises(ConfigurationError, match="halo_px 12 does not cover the receptive field"):
        prove_halo(Neighbourhood(reach_px), halo(12), images)


def test_a_network_that_sees_the_whole_tile_has_no_halo(images: list[NDArray[np.uint8]]) -> None:
    with pytest.raises(ConfigurationError, match="mode blend for a network that pools"):
        prove_halo(Neighbourhood(4, of_whole_tile=0.1), halo(12), images)


def test_a_wide_reach_over_flat_ore_is_found_by_the_noise_outside() -> None:
    # Tile and whole agree on a flat image whatever the reach; only the disturbance tells.
    flat = np.full((300, 300, 3), 255, dtype=np.uint8)
    with pytest.raises(ConfigurationError, match="does not cover"):
        prove_halo(Neighbourhood(14), halo(12), [flat])


def test_an_image_smaller_than_the_tile_is_enough(images: list[NDArray[np.uint8]]) -> None:
    assert prove_halo(Neighbourhood(12), halo(12), [images[0][:20, :30]]).positions


def field(image: NDArray[np.uint8], name: str = "S1v1/a00") -> Field:
    return Field(name, image, np.zeros(image.shape[:2], dtype=np.uint8), CODES)


def evaluated(predictor: Neighbourhood, geometry: TileGeometry) -> EvaluatedModel:
    return EvaluatedModel(lambda _: predictor, CODES, geometry)


BLEND = TileGeometry(size_px=64, multiple_px=4, mode="blend", overlap_fraction=0.5)


def test_the_mode_chooses_what_is_proven(images: list[NDArray[np.uint8]]) -> None:
    fields = [field(image) for image in images]
    of_halo = prove_tiling(evaluated(Neighbourhood(4), halo(12)), fields, data="blocks")
    of_blend = prove_tiling(evaluated(Neighbourhood(4), BLEND), fields, data="blocks")
    assert isinstance(of_halo, HaloProof)
    assert isinstance(of_blend, GridShift)
    assert (of_blend.images, of_blend.data) == (2, "blocks")


def test_labels_that_do_not_depend_on_the_grid_agree(images: list[NDArray[np.uint8]]) -> None:
    found = measure_grid_shift(evaluated(Neighbourhood(0), BLEND), [field(images[0])], data="")
    assert found is not None
    assert found.agreement == 1.0


def test_labels_that_depend_on_the_tile_are_counted(images: list[NDArray[np.uint8]]) -> None:
    seeing_all = Neighbourhood(0, of_whole_tile=0.9)
    found = measure_grid_shift(evaluated(seeing_all, BLEND), [field(images[0])], data="")
    assert found is not None
    assert found.agreement < 0.97


def test_images_that_one_tile_holds_tell_nothing(images: list[NDArray[np.uint8]]) -> None:
    small = field(images[0][:64, :200])
    assert measure_grid_shift(evaluated(Neighbourhood(0), BLEND), [small], data="") is None


def test_the_agreement_counts_a_known_share() -> None:
    image = np.zeros((160, 160, 3), dtype=np.uint8)

    def segmented(pixels: NDArray[np.uint8]) -> Segmentation:
        labels = np.zeros(pixels.shape[:2], dtype=np.uint8)
        if pixels.shape[0] < 160:
            labels[:, : pixels.shape[1] // 2] = 1  # the left half of the shortened image
        return Segmentation(labels, np.full(labels.shape, 255, dtype=np.uint8))

    same, compared, ratio = grid_shift_agreement(image, segmented, BLEND)
    # 160 - 32 = 128 px are left, 16 px at each border are not compared: 96 x 96, half of it equal.
    assert (same, compared) == (96 * 48, 96 * 96)
    assert ratio is None  # the confidence is flat


def test_a_step_at_every_seam_is_seen() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.integers(100, 110, (160, 160)).astype(np.uint8)
    assert seam_gradient_ratio(confidence, BLEND) == pytest.approx(1.0, abs=0.1)
    stepped = confidence.copy()
    stepped[64:] += 60  # a tile of 64 px ends there
    ratio = seam_gradient_ratio(stepped, BLEND)
    assert ratio is not None
    assert ratio > 1.5


def test_blocks_of_jpeg_and_what_happens_far_away_are_no_seams() -> None:
    rng = np.random.default_rng(0)
    # Flat within blocks of 8 x 8 pixels, whose borders are borders of tiles too, and one busy rim.
    confidence = np.kron(rng.integers(0, 6, (20, 20)), np.ones((8, 8))).astype(np.uint8)
    confidence[:6] += rng.integers(0, 100, (6, 160)).astype(np.uint8)
    assert seam_gradient_ratio(confidence, BLEND) == pytest.approx(1.0, abs=0.15)
    confidence[:, 64:] += 40
    ratio = seam_gradient_ratio(confidence, BLEND)
    assert ratio is not None
    assert ratio > 1.5


def test_an_image_of_one_tile_has_no_seams() -> None:
    assert seam_gradient_ratio(np.zeros((64, 50), dtype=np.uint8), BLEND) is None
