"""What an analysis will take, told beforehand from what such analyses took."""

from __future__ import annotations

import threading
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from petrography.errors import ImageTooLargeError
from petrography.images import resampled_shape
from petrography.model_card import ModelCard
from petrography.model_input import choose_resampling
from petrography.pipeline import AnalysisRequest
from petrography.tiling import tile_count, tile_overlap_px
from service.repository import LoadedModel
from service.runtime import Priority
from service.settings import Settings

__all__ = ["Estimate", "EstimateRequest", "OtherRate", "estimate"]

NetworkBasis = Literal["requests", "warm-up", "model card", "none"]
OtherBasis = Literal["analyses", "assumed"]
_SidePx = Annotated[int, Field(ge=1, le=2**31 - 1)]

# Decoding, joining tiles, statistics and files, on one core of 2020: taken until one was measured.
_ASSUMED_S_PER_PX = 0.15e-6
# What such an image takes is mostly what every image takes, and says little of larger ones.
_SMALL_PX = 1_000_000
# Weight of what was measured before, when another analysis is added.
_OLDER_WEIGHT = 0.9
# Image, corrected image, map, confidence and what statistics and pictures hold beside them.
_BYTES_PER_PX = 20
# What of them is resident at once, the rest lies in scratch files: 357 MiB of 100 MPix and 385 MiB of
# 600 MPix were measured without a network (benchmarks/bench_memory.py).
_MOST_RESIDENT_BYTES = 400 * 1024**2
# Working memory of a network for each pixel of a batch: 130 MiB for a tile of 512 px.
_NETWORK_BYTES_PER_PX = 520
_FLOAT_BYTES = 4


class EstimateRequest(AnalysisRequest):
    """An analysis whose time and memory are asked for; the size may come instead of an image."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    height_px: _SidePx | None = None
    """Height of the image, where none is sent."""
    width_px: _SidePx | None = None
    """Width of the image, where none is sent."""


class Estimate(BaseModel):
    """What an analysis is thought to take."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str
    """The model, name:version."""
    height_px: int
    """Height of the image."""
    width_px: int
    """Width of the image."""
    tiles: int
    """Tiles that go through the network."""
    tile_px: int
    """Side of a tile, at the pixel of the model."""
    priority: Priority
    """Whether it counts as small."""
    seconds: float | None
    """From its turn to its result, on this machine when nothing else is done there; None where
    no time of the network is known."""
    network_seconds: float | None
    """Of these, in the network."""
    network_basis: NetworkBasis
    """What the time of the network follows from: runs of requests, the run at the start, the
    timing on the model card (of another machine), or nothing."""
    other_seconds: float
    """Of these, for decoding, joining, statistics and files."""
    other_basis: OtherBasis
    """What that follows from: analyses of this process, or an assumption."""
    queue_wait_seconds: float
    """Until its turn, if it came now."""
    peak_memory_bytes: int
    """Memory of the host that it takes beside the idle process; from the sizes of what is held."""
    scratch_bytes: int
    """Most that it takes in files of the scratch folder meanwhile."""


class OtherRate:
    """Seconds of all that is not the network, over the latest analyses.

    Some for every image, which small images tell, and some for each pixel, which large ones tell.
    """

    def __init__(self) -> None:
        self._small, self._large = _Mean(), _Mean()
        self._changing = threading.Lock()

    def add(self, px: int, seconds: float) -> None:
        """Take in one analysis."""
        with self._changing:
            (self._small if px <= _SMALL_PX else self._large).add(px, max(0.0, seconds))

    def seconds(self, px: int) -> tuple[float, OtherBasis]:
        """Give the seconds for an image, and what they follow from."""
        with self._changing:
            small, large = self._small, self._large
            if not large.px:
                fixed = max(0.0, small.seconds - small.px * _ASSUMED_S_PER_PX)
                known = small.px > 0.0 and px <= _SMALL_PX
                return fixed + px * _ASSUMED_S_PER_PX, "analyses" if known else "assumed"
            fixed, each = _fixed_and_each(small, large)
            return fixed + px * each, "analyses"


class _Mean:
    """Running means of the pixels and the seconds of analyses, the latest counting most."""

    def __init__(self) -> None:
        self.px, self.seconds, self._weight = 0.0, 0.0, 0.0

    def add(self, px: int, seconds: float) -> None:
        self._weight = _OLDER_WEIGHT * self._weight + 1.0
        self.px += (px - self.px) / self._weight
        self.seconds += (seconds - self.seconds) / self._weight


def _fixed_and_each(small: _Mean, large: _Mean) -> tuple[float, float]:
    """Seconds of every image and of each pixel: the line through both means, nowhere below 0."""
    slope = (large.seconds - small.seconds) / (large.px - small.px)
    each = min(max(0.0, slope), large.seconds / large.px)
    return max(0.0, large.seconds - each * large.px), each


class _Work(NamedTuple):
    """What an image is to the network, and the bytes of all arrays that grow with it."""

    tiles: int
    with_probabilities: bool
    array_bytes: int


def estimate(
    shape: tuple[int, int],
    request: AnalysisRequest,
    model: LoadedModel,
    settings: Settings,
    other: OtherRate,
    *,
    queue_wait_s: float = 0.0,
) -> Estimate:
    """Estimate an analysis without views.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image in pixels.
    request : AnalysisRequest
        What would be asked, with the pixel size that the image file states where there is one.
    model : LoadedModel
        The model; what its runs took is used.
    settings : Settings
        The limits are used.
    other : OtherRate
        What everything else took.
    queue_wait_s : float
        Until its turn.

    Raises
    ------
    ImageTooLargeError
        If the image would be refused.
    InvalidParameterError
        If the request would be.
    """
    px = shape[0] * shape[1]
    if px > settings.max_image_pixels:
        msg = (
            f"image has {shape[1]} x {shape[0]} = {px} pixels; the limit is "
            f"{settings.max_image_pixels}; send a crop or several fields"
        )
        raise ImageTooLargeError(msg)
    work = _work(shape, request, model.card)
    tile_s, network_basis = _tile_seconds(model, work)
    other_s, other_basis = other.seconds(px)
    network_s = None if tile_s is None else work.tiles * tile_s
    return Estimate(
        model=model.card.full_name,
        height_px=shape[0],
        width_px=shape[1],
        tiles=work.tiles,
        tile_px=model.card.tile.size_px,
        priority="interactive" if px <= settings.interactive_pixels else "bulk",
        seconds=None if network_s is None else round(network_s + other_s, 3),
        network_seconds=None if network_s is None else round(network_s, 3),
        network_basis=network_basis,
        other_seconds=round(other_s, 3),
        other_basis=other_basis,
        queue_wait_seconds=round(queue_wait_s, 3),
        peak_memory_bytes=_peak_memory_bytes(work, model),
        scratch_bytes=max(0, work.array_bytes - _MOST_RESIDENT_BYTES),
    )


def _work(shape: tuple[int, int], request: AnalysisRequest, card: ModelCard) -> _Work:
    resampling = choose_resampling(
        card, um_per_px=request.um_per_px, factor=request.resampling_factor
    )
    resampled = resampled_shape(*shape, resampling.factor)
    down, across = (tile_count(side_px, card.tile) for side_px in resampled)
    is_resampled = resampled != shape
    array_bytes = shape[0] * shape[1] * _BYTES_PER_PX
    if is_resampled:
        array_bytes += resampled[0] * resampled[1] * len(card.channels)
    # Weighted probabilities that wait for the next row of tiles, and their weights.
    waiting_px = tile_overlap_px(resampled[0], card.tile) * resampled[1]
    array_bytes += _FLOAT_BYTES * (len(card.classes) + 1) * waiting_px
    with_probabilities = card.tile.mode == "blend" or is_resampled
    return _Work(down * across, with_probabilities, array_bytes)


def _tile_seconds(model: LoadedModel, work: _Work) -> tuple[float | None, NetworkBasis]:
    """Seconds of one tile, from the best source that there is."""
    networks = model.networks
    rate = (networks.probabilities if work.with_probabilities else networks.labels).rate
    if rate.seconds is not None:
        return rate.seconds, rate.source
    provider = "cpu" if model.opened.provider == "cpu" else "cuda"
    card = model.card
    fitting = [one for one in card.timings if one.provider == provider]
    if not fitting:
        return None, "none"
    # Times of a fully convolutional network go with the area of the tile.
    nearest = min(fitting, key=lambda one: abs(one.tile_px - card.tile.size_px))
    return nearest.median_ms * 1e-3 * (card.tile.size_px / nearest.tile_px) ** 2, "model card"


def _peak_memory_bytes(work: _Work, model: LoadedModel) -> int:
    card, batch = model.card, model.opened.tile_batch
    batch_px = batch * card.tile.size_px**2
    answers = len(card.classes) * batch_px if work.with_probabilities else 0
    on_host = _NETWORK_BYTES_PER_PX * batch_px if model.opened.provider == "cpu" else 0
    resident = min(work.array_bytes, _MOST_RESIDENT_BYTES)
    return resident + _FLOAT_BYTES * answers + on_host
