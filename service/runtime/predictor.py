"""The networks of a session as a `petrography.segmentation.Predictor`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from service.runtime.session import OpenSession

__all__ = ["ObserveBatch", "OnnxPredictor"]

ObserveBatch: TypeAlias = Callable[[str, int, float], None]
UInt8Array: TypeAlias = NDArray[np.uint8]


class OnnxPredictor:
    """A predictor over one model and one set of allowed classes.

    Parameters
    ----------
    opened : OpenSession
        The model.
    allowed : ndarray of float32, shape (classes,)
        1 where a class may occur, 0 where it is masked before the softmax.
    observe : callable, optional
        Told provider, number of tiles and seconds of every run.
    release_memory : bool
        Give working memory back to the system after every run, on the CPU: a session otherwise
        keeps it, some 130 MiB for a tile of 512 px, for as long as it lives.
    """

    def __init__(
        self,
        opened: OpenSession,
        allowed: NDArray[np.float32],
        observe: ObserveBatch | None = None,
        *,
        release_memory: bool = False,
    ) -> None:
        self._opened = opened
        self._run_options = onnxruntime.RunOptions()
        if release_memory and opened.provider == "cpu":
            self._run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self._allowed = np.tile(allowed, (opened.tile_batch, 1))
        self._observe = observe

    def labels(self, tiles: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
        """Most probable class of every pixel.

        Parameters
        ----------
        tiles : ndarray of uint8, shape (tiles, height, width, channels)
            At least one tile.

        Returns
        -------
        class_indices, confidence : ndarray of uint8, shape (tiles, height, width)
            Index into the card's classes; probability of that class times 255.
        """
        indices, confidence = self._run(self._opened.labels, ["labels", "confidence"], tiles)
        return indices, confidence

    def probabilities(self, tiles: UInt8Array) -> NDArray[np.float32]:
        """Probability of every class.

        Returns
        -------
        ndarray of float32, shape (tiles, classes, height, width)
            In [0, 1], summing to 1 over the classes.
        """
        (probabilities,) = self._run(self._opened.probabilities, ["probabilities"], tiles)
        return probabilities

    def _run(self, session: Any, outputs: list[str], tiles: UInt8Array) -> list[NDArray[Any]]:
        size = self._opened.tile_batch
        batches = [
            self._run_batch(session, outputs, tiles[start : start + size])
            for start in range(0, len(tiles), size)
        ]
        if len(batches) == 1:
            return batches[0]
        return [np.concatenate(pieces) for pieces in zip(*batches, strict=True)]

    def _run_batch(self, session: Any, outputs: list[str], tiles: UInt8Array) -> list[NDArray[Any]]:
        missing = self._opened.tile_batch - len(tiles)
        full = np.pad(tiles, [(0, missing), (0, 0), (0, 0), (0, 0)]) if missing else tiles
        started = time.perf_counter()
        values = session.run(outputs, {"image": full, "allowed": self._allowed}, self._run_options)
        if self._observe is not None:
            elapsed = time.perf_counter() - started
            self._observe(self._opened.provider, len(tiles), elapsed)
        return [value[: len(tiles)] for value in values]
