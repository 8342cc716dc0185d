"""A model that is verified and open."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from petrography.errors import InvalidParameterError
from petrography.model_card import ModelCard
from service.repository.graph_contract import require
from service.runtime import (
    ModelNetworks,
    ObserveBatch,
    OnnxPredictor,
    OpenSession,
    ScheduledRequest,
)

__all__ = ["LoadedModel", "ObserveModel"]

# A GPU looks for its kernels by the size of the tiles, so it is warm only for the size it has seen.
# The CPU does not: a small tile checks as much, and a start is a second shorter.
_WARM_ON_CPU_PX = 256


class ObserveModel(Protocol):
    """Told every run of a network."""

    def __call__(self, provider: str, tiles: int, seconds: float, *, model: str) -> None:
        """Take note of a run of a model, name:version."""


@dataclass(frozen=True)
class LoadedModel:
    """A model that is verified and open.

    Attributes
    ----------
    card : ModelCard
        What it is.
    opened : OpenSession
        The session, where it runs and what it had to do without.
    load_seconds : float
        Time to verify and open it.
    observe : callable or None
        Told provider, number of tiles and seconds of every run.
    card_sha256 : str or None
        Of the file ``model.json``.
    """

    card: ModelCard
    opened: OpenSession
    load_seconds: float
    observe: ObserveBatch | None = None
    card_sha256: str | None = None

    @cached_property
    def networks(self) -> ModelNetworks:
        """Its networks: the same for all requests, so that their tiles can share batches."""
        # They do not know this object: without a circle the session is freed with its last user.
        return ModelNetworks(self.opened, self.observe, geometry=self.card.tile)

    def predictor_for(
        self,
        allowed_codes: Iterable[int],
        request: ScheduledRequest | None = None,
        *,
        tiled: bool = True,
    ) -> OnnxPredictor:
        """Build the predictor in which only the given classes may occur.

        Parameters
        ----------
        allowed_codes : iterable of int
            Mineral codes, a non-empty subset of the card's classes.
        request : ScheduledRequest, optional
            Through which tiles are run in turns with those of other requests.
        tiled : bool
            Whether it is given the tiles of an image, which can be cut smaller where memory runs
            out (`TileTooLargeError`), or whole images.

        Raises
        ------
        InvalidParameterError
            If a code is none of the model's classes, or none is given.
        """
        codes = set(allowed_codes)
        if not codes or not codes <= set(self.card.classes):
            msg = (
                f"classes {sorted(codes)} were asked of {self.card.name}; wanted some of "
                f"{list(self.card.classes)}"
            )
            raise InvalidParameterError(msg)
        allowed = np.array([code in codes for code in self.card.classes], dtype=np.float32)
        networks = self.networks if tiled else self.networks.of_whole_images
        return OnnxPredictor(networks, allowed, request)

    def warm_up(self) -> float:
        """Run one batch through every output and check that the graph keeps its contract.

        Returns
        -------
        float
            Seconds that it took.

        Raises
        ------
        ModelCardError
            If labels are no class indices, a masked class occurs, or probabilities do not sum to 1.
        """
        started = time.perf_counter()
        size = self._warm_up_px()
        shape = (self.opened.tile_batch, size, size, len(self.card.channels))
        tiles = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        # A model may never be asked, or only for one kind of output: it keeps no memory for it.
        warming = ModelNetworks(self.opened, release_memory=True)
        predictor = OnnxPredictor(
            warming, np.array([0.0] + [1.0] * (len(self.card.classes) - 1), dtype=np.float32)
        )
        labels, confidence = predictor.labels(tiles)
        probabilities = predictor.probabilities(tiles)
        require(
            self.card,
            labels.shape == confidence.shape == shape[:3]
            and probabilities.shape == (shape[0], len(self.card.classes), size, size),
            f"outputs have shapes {labels.shape}, {confidence.shape}, {probabilities.shape}",
        )
        require(
            self.card,
            bool((labels >= 1).all() and (labels < len(self.card.classes)).all()),
            "a masked or unknown class occurs in the labels",
        )
        require(
            self.card,
            bool(np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-3)),
            "probabilities do not sum to 1",
        )
        if self.opened.provider != "cpu":
            # The first run on a GPU searches kernels or builds an engine.
            predictor.labels(tiles)
            predictor.probabilities(tiles)
        self.networks.begin_rates(warming, (self.card.tile.size_px / size) ** 2)
        return time.perf_counter() - started

    def _warm_up_px(self) -> int:
        tile = self.card.tile
        if self.opened.provider != "cpu":
            return tile.size_px
        multiples = -(-_WARM_ON_CPU_PX // tile.multiple_px)
        return min(tile.size_px, multiples * tile.multiple_px)
