"""The card itself, and reading it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from petrography.errors import ModelCardError
from petrography.field_types import Positive, Sha256
from petrography.minerals import MINERALS
from petrography.model_card.card_fields import Name, Precision
from petrography.model_card.measurements import (
    Calibration,
    Evaluation,
    JudgedBy,
    Parity,
    TrainingRecord,
)
from petrography.model_card.proofs import Derivation, GridShift, HaloProof, Timing
from petrography.stored_documents import Document, parsed

__all__ = ["ModelCard", "TileGeometry", "newest_version", "parse_card", "sha256_hex"]


class TileGeometry(Document):
    """How an image is cut for the network.

    Attributes
    ----------
    size_px : int
        Side of the square tile that the service uses.
    multiple_px : int
        Tile sides must be multiples of this (the total stride of the network).
    mode : {"halo", "blend"}
        ``halo``: every tile is cropped to its core, exact when `halo_px` covers the receptive
        field. ``blend``: tiles overlap and probabilities are averaged with a window, for networks
        with global pooling.
    halo_px : int
        Margin that is read around the core and thrown away; 0 for ``blend``.
    overlap_fraction : float
        Overlap of neighbouring tiles over their side, for ``blend``.
    window : {"hann", "gaussian"}
        Weights of ``blend``.
    """

    size_px: int = Field(ge=32, le=4096)
    multiple_px: int = Field(ge=1, le=256)
    mode: Literal["halo", "blend"]
    halo_px: int = Field(ge=0, le=1024, default=0)
    overlap_fraction: float = Field(ge=0.0, le=0.75, default=0.5)
    window: Literal["hann", "gaussian"] = "hann"

    @model_validator(mode="after")
    def _fits(self) -> TileGeometry:
        if self.size_px % self.multiple_px or self.halo_px % self.multiple_px:
            msg = f"size_px and halo_px must be multiples of multiple_px {self.multiple_px}"
            raise ValueError(msg)
        if 2 * self.halo_px >= self.size_px:
            msg = f"halo_px {self.halo_px} leaves no core in a tile of {self.size_px} px"
            raise ValueError(msg)
        return self


class ModelCard(Document):
    """Everything that must be known to use a model rightly.

    Attributes
    ----------
    name, version : str, int
        The folder ``models/<name>/<version>``.
    classes : tuple of int
        Mineral code of each network output, in order.
    channels : tuple of str
        Input channels, in order.
    mean, std : tuple of float
        Per channel, on the scale 0-255; the graph applies them itself.
    um_per_px : float or None
        Pixel size at which the model works; None where the training data publish none.
    um_per_px_estimate : float or None
        Best estimate of the same where `um_per_px` is None; used only to choose the resampling
        factor, never for physical units.
    default_resampling_factor : float
        Applied, and listed as a degradation, when a request states neither its scale nor a
        factor: the resampling from the camera of the training images to the model's pixel.
    training_colours_rgb : dict of int to tuple of float
        Mean sRGB (0-255) of every class in the training images: the nearest-colour baseline, and
        what a photograph is compared with to tell whether it looks like the training images. Empty
        for images without red, green and blue.
    training_bands : dict of int to tuple of float
        For these, the mean of every channel (0-255) of every class: the baseline of the nearest
        spectrum.
    shown_channels : tuple of str or None
        The three channels that pictures for people show as red, green and blue; by default R, G
        and B, or the first three.
    precision : {"float32", "float16", "int8"}
        Of the weights in the graph.
    derived_from : Derivation or None
        For a variant of lower precision, and only for one; `parity` then compares it with the
        float32 version instead of the checkpoint.
    tiling_proof : HaloProof, GridShift or None
        What `tile` was seen to keep; None on cards of before this was measured.
    timings : tuple of Timing
        Of one tile; empty on cards of before this was measured.
    judged_by : JudgedBy or None
        Where the training saw the validation images too: the version whose `evaluations`,
        `calibration` and, of blended tiles, `tiling_proof` these are.
    """

    schema_version: Literal[1] = 1
    name: Name
    version: int = Field(ge=1)
    description: str
    architecture: str
    classes: tuple[int, ...] = Field(min_length=2)
    channels: tuple[str, ...] = ("R", "G", "B")
    mean: tuple[float, ...]
    std: tuple[Positive, ...]
    um_per_px: Positive | None
    um_per_px_estimate: Positive | None
    default_resampling_factor: Positive
    training_colours_rgb: dict[int, tuple[float, float, float]]
    training_bands: dict[int, tuple[float, ...]] = Field(default_factory=dict)
    shown_channels: tuple[str, str, str] | None = None
    tile: TileGeometry
    calibration: Calibration
    evaluations: tuple[Evaluation, ...]
    training: TrainingRecord
    parity: tuple[Parity, ...]
    weight_terms: str
    git_commit: str
    exported_utc: str
    opset: int
    onnx_sha256: Sha256
    precision: Precision = "float32"
    derived_from: Derivation | None = None
    tiling_proof: Annotated[HaloProof | GridShift, Field(discriminator="mode")] | None = None
    timings: tuple[Timing, ...] = ()
    judged_by: JudgedBy | None = None

    @model_validator(mode="after")
    def _consistent(self) -> ModelCard:
        unknown = [code for code in self.classes if code not in MINERALS]
        if unknown or len(set(self.classes)) != len(self.classes):
            msg = f"classes {self.classes} must be different mineral codes; unknown: {unknown}"
            raise ValueError(msg)
        if not len(self.channels) == len(self.mean) == len(self.std):
            msg = "channels, mean and std must have the same length"
            raise ValueError(msg)
        if not set(self.training_colours_rgb) <= set(self.classes):
            msg = f"training_colours_rgb names {set(self.training_colours_rgb)}, not only classes"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _bands_of_channels(self) -> ModelCard:
        lengths = {len(levels) for levels in self.training_bands.values()}
        if not set(self.training_bands) <= set(self.classes) or lengths - {len(self.channels)}:
            msg = f"training_bands must have a level for each of {len(self.channels)} channels"
            raise ValueError(msg)
        if not set(self.shown_channels or ()) <= set(self.channels):
            msg = f"shown_channels names {self.shown_channels}, not only channels"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _derived(self) -> ModelCard:
        if (self.precision == "float32") != (self.derived_from is None):
            msg = (
                f"precision is {self.precision} and derived_from is "
                f"{'absent' if self.derived_from is None else 'there'}; wanted derived_from for "
                "float16 and int8, and only for them"
            )
            raise ValueError(msg)
        return self

    @property
    def full_name(self) -> str:
        """Name and version, as requests, metrics and logs name it."""
        return f"{self.name}:{self.version}"

    @property
    def weights_version(self) -> int:
        """The float32 version whose weights this is: for a variant the one that it derives from."""
        return self.version if self.derived_from is None else self.derived_from.version


def newest_version(cards: Iterable[ModelCard], precision: Precision) -> ModelCard | None:
    """Choose the version that a name without a version means.

    The newest weights decide; of those, the newest version in the wanted precision. A variant of
    older weights never stands in for newer ones, and no precision for another.

    Parameters
    ----------
    cards : iterable of ModelCard
        The versions of one model.
    precision : {"float32", "float16", "int8"}
        Which precision is wanted.

    Returns
    -------
    ModelCard or None
        None where the newest weights are not there in that precision.
    """
    versions = list(cards)
    newest = max((card.weights_version for card in versions), default=0)
    fitting = (
        card for card in versions if card.weights_version == newest and card.precision == precision
    )
    return max(fitting, key=lambda card: card.version, default=None)


def parse_card(data: bytes, *, source: str) -> ModelCard:
    """Read a model card.

    Parameters
    ----------
    data : bytes
        The content of ``model.json``.
    source : str
        What the bytes are, for the message.

    Raises
    ------
    ModelCardError
        If the JSON cannot be read or a field is missing, unknown or impossible.
    """
    return parsed(ModelCard, data, what="valid model card", source=source, refusal=ModelCardError)


def sha256_hex(data: bytes | memoryview) -> str:
    """SHA-256 of contiguous bytes as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
