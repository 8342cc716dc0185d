"""The networks of a model as a `petrography.segmentation.Predictor`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.errors import TileTooLargeError
from service.runtime.network import ModelNetwork, ModelNetworks
from service.runtime.stepping_down import providers_of
from service.runtime.tile_scheduler import BATCHES_AHEAD, Outputs, ScheduledRequest

__all__ = ["OnnxPredictor"]

UInt8Array: TypeAlias = NDArray[np.uint8]


class OnnxPredictor:
    """A predictor over one model and one set of allowed classes.

    Parameters
    ----------
    networks : ModelNetworks
        The model.
    allowed : ndarray of float32, shape (classes,)
        1 where a class may occur, 0 where it is masked before the softmax.
    request : ScheduledRequest, optional
        Through which tiles are run in turns with those of others; without it they are run here
        and now.
    """

    def __init__(
        self,
        networks: ModelNetworks,
        allowed: NDArray[np.float32],
        request: ScheduledRequest | None = None,
    ) -> None:
        self._networks, self._allowed, self._request = networks, allowed, request
        self._degradations: dict[str, None] = {}
        self._providers: dict[str, None] = {}

    @property
    def degradations(self) -> tuple[str, ...]:
        """What the runs had to do without, so far."""
        return tuple(self._degradations)

    @property
    def providers(self) -> tuple[str, ...]:
        """On what the runs were done, so far."""
        return tuple(self._providers)

    @property
    def tiles_at_once(self) -> int:
        """Tiles that should be handed in together, so that the next batch waits when one ends.

        One on the CPU, where nothing is gained and every tile takes memory.
        """
        batch = self._networks.labels.tile_batch
        return BATCHES_AHEAD * batch if batch > 1 else 1

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
        indices, confidence = self._run(self._networks.labels, tiles)
        return indices, confidence

    def probabilities(self, tiles: UInt8Array) -> NDArray[np.float32]:
        """Probability of every class.

        Returns
        -------
        ndarray of float32, shape (tiles, classes, height, width)
            In [0, 1], summing to 1 over the classes.
        """
        (probabilities,) = self._run(self._networks.probabilities, tiles)
        return probabilities

    def _run(self, network: ModelNetwork, tiles: UInt8Array) -> list[NDArray[Any]]:
        try:
            outputs, missed = self._outputs(network, tiles)
        except TileTooLargeError:
            # The image is begun again: nothing of what was done before is in its map.
            self._degradations.clear()
            self._providers.clear()
            raise
        self._degradations |= dict.fromkeys(missed)
        self._providers |= dict.fromkeys(providers_of(missed, self._networks.provider))
        return outputs

    def _outputs(self, network: ModelNetwork, tiles: UInt8Array) -> Outputs:
        if self._request is None:
            return network.run(tiles, np.tile(self._allowed, (len(tiles), 1)))
        return self._request.run(network, tiles, self._allowed)
