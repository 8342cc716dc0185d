"""The networks of a model: full batches through its sessions, with less when memory runs out."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Literal, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from petrography.errors import TileTooLargeError
from petrography.model_card import TileGeometry
from service.runtime.device_run import DeviceRun, run_on_host
from service.runtime.session import OpenSession
from service.runtime.stepping_down import Step, StepDown, is_out_of_memory
from service.runtime.tile_quarters import joined_quarters, quarters_of

__all__ = ["ModelNetwork", "ModelNetworks", "ObserveBatch", "TileRate"]

ObserveBatch: TypeAlias = Callable[[str, int, float], None]
RateSource: TypeAlias = Literal["warm-up", "requests"]
_OUTPUTS = {"labels": ("labels", "confidence"), "probabilities": ("probabilities",)}
# Weight of the newest run in the running mean.
_NEWEST_WEIGHT = 0.1


class TileRate:
    """Seconds of one run of a full batch, over its tiles: a running mean.

    Attributes
    ----------
    seconds : float or None
        Of one tile; None before the first run.
    latest_seconds : float or None
        Of a tile of the latest run.
    source : {"warm-up", "requests"}
        Which runs were measured.
    """

    def __init__(self) -> None:
        self.seconds: float | None = None
        self.latest_seconds: float | None = None
        self.source: RateSource = "warm-up"
        self._changing = threading.Lock()

    def begin(self, seconds: float | None) -> None:
        """Begin with what warming up took."""
        with self._changing:
            self.seconds, self.source = seconds, "warm-up"

    def add(self, seconds: float) -> None:
        """Take a run of a request into the mean."""
        with self._changing:
            self.latest_seconds = seconds
            if self.seconds is None:
                self.seconds = seconds
            self.seconds += _NEWEST_WEIGHT * (seconds - self.seconds)
            self.source = "requests"


class ModelNetwork:
    """One model for one set of outputs: a `service.runtime.tile_queue.Network`.

    Parameters
    ----------
    steps : StepDown
        How the model is run now; shared with its other network.
    kind : {"labels", "probabilities"}
        Which outputs.
    observe : callable, optional
        Told provider, number of tiles and seconds of every run.
    cut_px : int, optional
        Side of the tiles of an image that can be cut into smaller ones; without it every tile is
        run as it is, whatever its size.
    release_memory : bool
        Give working memory back to the system after every run, on the CPU: a session otherwise
        keeps it, some 130 MiB for a tile of 512 px, for as long as it lives.
    """

    def __init__(
        self,
        steps: StepDown,
        kind: Literal["labels", "probabilities"],
        observe: ObserveBatch | None = None,
        *,
        cut_px: int | None = None,
        release_memory: bool = False,
    ) -> None:
        self._steps, self._kind, self._observe, self._cut_px = steps, kind, observe, cut_px
        self._on_device: dict[int, DeviceRun] = {}
        self._run_options = onnxruntime.RunOptions()
        if release_memory and steps.step.opened.provider == "cpu":
            self._run_options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        self.rate = TileRate()

    @property
    def tile_batch(self) -> int:
        """Tiles of one run, now."""
        return self._steps.step.tile_batch

    def run(
        self, tiles: NDArray[np.uint8], allowed: NDArray[np.float32]
    ) -> tuple[list[NDArray[Any]], tuple[str, ...]]:
        """Run tiles, in full batches that are filled up.

        Parameters
        ----------
        tiles : ndarray of uint8, shape (tiles, height, width, channels)
            At least one tile.
        allowed : ndarray of float32, shape (tiles, classes)
            1 where a class may occur, 0 where it is masked before the softmax.

        Returns
        -------
        outputs : list of ndarray
            Labels and confidence, or probabilities, of every tile.
        degradations : tuple of str
            What the runs had to do without.

        Raises
        ------
        TileTooLargeError
            If the image is to be cut into smaller tiles.
        """
        pieces, start = [], 0
        degradations: dict[str, None] = {}
        while start < len(tiles):
            step = self._steps.step
            self._require_small_enough(step, tiles.shape[1])
            batch = slice(start, start + step.tile_batch)
            try:
                pieces.append(self._run_batch(step, tiles[batch], allowed[batch]))
            except Exception as error:
                # ONNX Runtime has a dozen exception classes without a common root but this one.
                if is_out_of_memory(error) and self._steps.go_down(step, error):
                    continue
                raise
            start += step.tile_batch
            if step.degradation is not None:
                degradations[step.degradation] = None
        outputs = pieces[0] if len(pieces) == 1 else _concatenated(pieces)
        return outputs, tuple(degradations)

    def _require_small_enough(self, step: Step, height_px: int) -> None:
        if self._cut_px is not None and step.tile_px is not None and height_px > step.tile_px:
            raise TileTooLargeError(height_px, step.tile_px)

    def _run_batch(
        self, step: Step, tiles: NDArray[np.uint8], allowed: NDArray[np.float32]
    ) -> list[NDArray[Any]]:
        started = time.perf_counter()
        height_px, width_px = tiles.shape[1:3]
        # Tiles of other sizes come from those who want the network to see an image as it is.
        if step.quarter_px is None or height_px != width_px or height_px <= step.quarter_px:
            values = self._run_full(step, tiles, allowed)
        else:
            values = self._run_quarters(step, step.quarter_px, tiles[0], allowed)
        elapsed = time.perf_counter() - started
        self.rate.add(elapsed / step.tile_batch * self._times_larger(step, height_px))
        if self._observe is not None:
            self._observe(step.opened.provider, len(tiles), elapsed)
        return values

    def _times_larger(self, step: Step, height_px: int) -> float:
        """Pixels of a tile of the card over those of one that was run: the rate is of the former."""
        if self._cut_px is None or step.tile_px is None:
            return 1.0
        return (self._cut_px / height_px) ** 2

    def _run_quarters(
        self, step: Step, side_px: int, tile: NDArray[np.uint8], allowed: NDArray[np.float32]
    ) -> list[NDArray[Any]]:
        answers = [
            self._run_full(step, quarter[np.newaxis], allowed)
            for quarter in quarters_of(tile, side_px)
        ]
        return [
            joined_quarters(np.concatenate(quarters), tile.shape[0])[np.newaxis]
            for quarters in zip(*answers, strict=True)
        ]

    def _run_full(
        self, step: Step, tiles: NDArray[np.uint8], allowed: NDArray[np.float32]
    ) -> list[NDArray[Any]]:
        missing = step.tile_batch - len(tiles)
        feeds: dict[str, NDArray[Any]] = {
            "image": np.pad(tiles, [(0, missing), (0, 0), (0, 0), (0, 0)]) if missing else tiles,
            # Where every class is closed there is no softmax: the filling repeats the last row.
            "allowed": np.pad(allowed, [(0, missing), (0, 0)], mode="edge") if missing else allowed,
        }
        session = getattr(step.opened, self._kind)
        if step.opened.provider == "cpu":
            values = run_on_host(session, _OUTPUTS[self._kind], feeds, self._run_options)
        else:
            device_run = self._on_device.setdefault(
                id(session), DeviceRun(session, _OUTPUTS[self._kind])
            )
            values = device_run(feeds)
        return [value[: len(tiles)] for value in values]


class ModelNetworks:
    """Both networks of an open model.

    Parameters
    ----------
    opened : OpenSession
        The model.
    observe : callable, optional
        Told provider, number of tiles and seconds of every run.
    geometry : TileGeometry, optional
        Of its tiles, for when memory runs out.
    release_memory : bool
        See `ModelNetwork`.
    """

    def __init__(
        self,
        opened: OpenSession,
        observe: ObserveBatch | None = None,
        *,
        geometry: TileGeometry | None = None,
        release_memory: bool = False,
    ) -> None:
        self._steps, self._observe, self._release_memory = (
            StepDown(opened, geometry),
            observe,
            release_memory,
        )
        self.labels, self.probabilities = self._both(None if geometry is None else geometry.size_px)
        self.provider = opened.provider

    @cached_property
    def of_whole_images(self) -> ModelNetworks:
        """The same for images that the network sees as they are: these are never cut smaller."""
        same = copy.copy(self)
        same.labels, same.probabilities = self._both(None)
        return same

    def _both(self, cut_px: int | None) -> tuple[ModelNetwork, ModelNetwork]:
        made = partial(
            ModelNetwork, self._steps, observe=self._observe, release_memory=self._release_memory
        )
        return made("labels", cut_px=cut_px), made("probabilities", cut_px=cut_px)

    def begin_rates(self, warmed: ModelNetworks, times_larger: float = 1.0) -> None:
        """Begin with the seconds that the latest runs of others of the same model took.

        Parameters
        ----------
        warmed : ModelNetworks
            Those others.
        times_larger : float
            Pixels of a tile over those of the tiles that they ran.
        """
        for own, other in (
            (self.labels.rate, warmed.labels.rate),
            (self.probabilities.rate, warmed.probabilities.rate),
        ):
            latest_s = other.latest_seconds
            own.begin(None if latest_s is None else latest_s * times_larger)


def _concatenated(pieces: list[list[NDArray[Any]]]) -> list[NDArray[Any]]:
    return [np.concatenate(planes) for planes in zip(*pieces, strict=True)]
