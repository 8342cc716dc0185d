"""Predictors with known answers, and the images and tiles to try them on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from petrography.images import Image
from petrography.model_card import TileGeometry
from petrography.segmentation.prediction import LabelsAndConfidence

CODES = (7, 0, 32, 14)
HALO = TileGeometry(size_px=32, multiple_px=2, mode="halo", halo_px=8)
HANN = TileGeometry(size_px=32, multiple_px=4, mode="blend", overlap_fraction=0.5)
GAUSSIAN = HANN.model_copy(update={"window": "gaussian", "overlap_fraction": 0.3})
GEOMETRIES = [HALO, HANN, GAUSSIAN]


class ByFunction:
    """A predictor from a function of tiles to probabilities; remembers what it was asked for."""

    def __init__(self, function: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> None:
        self.function = function
        self.batches: list[int] = []
        self.calls: set[str] = set()

    def probabilities(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.calls.add("probabilities")
        self.batches.append(len(tiles))
        answer = self.function(tiles)
        # A predictor may keep its answer: nobody may write into it.
        answer.flags.writeable = False
        return answer

    def labels(self, tiles: NDArray[np.uint8]) -> LabelsAndConfidence:
        self.calls.add("labels")
        self.batches.append(len(tiles))
        answer = self.function(tiles)
        confidence = np.rint(255 * answer.max(axis=1)).astype(np.uint8)
        return answer.argmax(axis=1).astype(np.uint8), confidence


def one_hot(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Class = red value modulo 4, without doubt."""
    classes = np.arange(4)[np.newaxis, :, np.newaxis, np.newaxis]
    return (tiles[:, np.newaxis, :, :, 0] % 4 == classes).astype(np.float32)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float32]:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def by_colour(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Soft classes of each pixel alone."""
    red, green, blue = np.moveaxis(tiles.astype(np.float64), -1, 0) / 40
    return softmax(np.stack([red, green, blue, (red + green) / 2], axis=1))


def convolved(planes: NDArray[np.float64], kernels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolution 3 x 3, padded with zeros; the sums run in the same order everywhere."""
    height, width = planes.shape[2:]
    padded = np.pad(planes, ((0, 0), (0, 0), (1, 1), (1, 1)))
    result = np.zeros((len(planes), len(kernels), height, width))
    for (out, into, row, col), weight in np.ndenumerate(kernels):
        result[:, out] += weight * padded[:, into, row : row + height, col : col + width]
    return result


def small_net(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convolve, pool by 2, convolve, enlarge by 2, convolve: stride 2, reach 5 px.

    Going back from an even pixel x: x-1 after the last convolution, its pool of 2 starts at x-2,
    the pool before at x-4, and the first convolution begins at x-5.
    """
    rng = np.random.default_rng(5)
    planes = np.moveaxis(tiles.astype(np.float64) / 255 - 0.5, -1, 1)
    planes = np.maximum(convolved(planes, rng.normal(size=(4, 3, 3, 3))), 0)
    count, depth, height, width = planes.shape
    pooled = planes.reshape(count, depth, height // 2, 2, width // 2, 2).max(axis=(3, 5))
    deep = np.maximum(convolved(pooled, rng.normal(size=(5, 4, 3, 3))), 0)
    enlarged = deep.repeat(2, axis=2).repeat(2, axis=3)
    return softmax(convolved(enlarged, rng.normal(size=(4, 5, 3, 3)) / 8))


def random_image(height_px: int, width_px: int, seed: int = 0) -> Image:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(height_px, width_px, 3), dtype=np.uint8)
