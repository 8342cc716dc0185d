"""Calling the model on tiles, row after row, and checking what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InternalError
from petrography.images import Image
from petrography.segmentation.one_ahead import one_ahead
from petrography.tiling import Tile, read_window

__all__ = ["Predictor", "TileFeed", "checked_labels", "checked_probabilities"]

Answer = TypeVar("Answer")
LabelsAndConfidence = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class Predictor(Protocol):
    """A model as it is seen from here: tiles in, classes out. Tests pass a plain object.

    One that runs several tiles together may say as ``tiles_at_once`` how many it wants in a call;
    the answers do not depend on it. One whose memory does not suffice raises `TileTooLargeError`,
    for tiles of a size or from one call on.
    """

    def labels(self, tiles: NDArray[np.uint8]) -> LabelsAndConfidence:
        """Most probable class of every pixel.

        Parameters
        ----------
        tiles : ndarray of uint8, shape (N, H, W, C)
            Tiles; not to be changed.

        Returns
        -------
        indices : ndarray of uint8, shape (N, H, W)
            Number of the class among the model's classes (no mineral code).
        confidence : ndarray of uint8, shape (N, H, W)
            Probability of that class times 255, rounded.
        """
        ...

    def probabilities(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probability of every class in every pixel.

        Parameters
        ----------
        tiles : ndarray of uint8, shape (N, H, W, C)
            Tiles; not to be changed.

        Returns
        -------
        ndarray of float32, shape (N, K, H, W)
            In [0, 1], sums to 1 over K.
        """
        ...


@dataclass(frozen=True, eq=False)
class TileFeed:
    """Feeds rows of tiles to a model, in batches, one batch ahead of who takes the answers.

    So the model is busy while answers are blended and decided. Batches end with their row.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (height, width, C)
        The image.
    batch_size : int
        Most tiles for one call.
    on_tiles : callable
        Told the number of tiles after each call; stops everything by raising.
    """

    pixels: Image
    batch_size: int
    on_tiles: Callable[[int], None]

    def predicted(
        self,
        plan: Sequence[Sequence[Tile]],
        predict: Callable[[NDArray[np.uint8]], Iterable[Answer]],
    ) -> Iterator[tuple[Tile, Answer]]:
        """Predict rows of tiles, in order.

        Parameters
        ----------
        plan : sequence of rows of Tile
            Rows from top to bottom, tiles from left to right.
        predict : callable
            From tiles (N, H, W, C) to an iterable of N answers. Never called by two threads at once.

        Yields
        ------
        tuple of Tile and answer
            One for each tile.
        """
        batches = [
            row[start : start + self.batch_size]
            for row in plan
            for start in range(0, len(row), self.batch_size)
        ]

        def answered(batch: Sequence[Tile]) -> Iterable[Answer]:
            return predict(np.stack([read_window(self.pixels, tile.read) for tile in batch]))

        for batch, answers in zip(batches, one_ahead(answered, batches), strict=True):
            self.on_tiles(len(batch))
            yield from zip(batch, answers, strict=True)


def checked_labels(
    predictor: Predictor, class_count: int
) -> Callable[[NDArray[np.uint8]], Iterable[LabelsAndConfidence]]:
    """Wrap `Predictor.labels` so that wrong shapes, types and classes raise `InternalError`."""

    def predict(tiles: NDArray[np.uint8]) -> Iterable[LabelsAndConfidence]:
        indices, confidence = predictor.labels(tiles)
        _require("labels", indices, np.uint8, tiles.shape[:3])
        _require("confidence", confidence, np.uint8, tiles.shape[:3])
        highest = int(indices.max())
        if highest >= class_count:
            msg = f"predictor gave class {highest}; wanted 0 to {class_count - 1}, one per code"
            raise InternalError(msg)
        return zip(indices, confidence, strict=True)

    return predict


def checked_probabilities(
    predictor: Predictor, class_count: int
) -> Callable[[NDArray[np.uint8]], Iterable[NDArray[np.float32]]]:
    """Wrap `Predictor.probabilities` so that wrong shapes and types raise `InternalError`."""

    def predict(tiles: NDArray[np.uint8]) -> Iterable[NDArray[np.float32]]:
        probabilities = predictor.probabilities(tiles)
        count, height_px, width_px = tiles.shape[:3]
        wanted = (count, class_count, height_px, width_px)
        _require("probabilities", probabilities, np.float32, wanted)
        return probabilities

    return predict


def _require(
    what: str, given: NDArray[np.generic], dtype: type[np.generic], shape: tuple[int, ...]
) -> None:
    if given.dtype == dtype and given.shape == shape:
        return
    msg = (
        f"predictor gave {what} as {given.dtype} {given.shape}; "
        f"wanted {np.dtype(dtype)} {shape} for these tiles and classes"
    )
    raise InternalError(msg)
