"""What a model takes and gives, in the words of the protocol."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from petrography.minerals import MINERALS
from petrography.model_card import ModelCard
from service.inference.request_reading import (
    CONFIDENCE,
    IMAGE,
    LABELS,
    MAX_IMAGES,
    POSSIBLE,
    PROBABILITIES,
)

__all__ = [
    "EXTENSIONS",
    "SERVER_NAME",
    "IndexEntry",
    "ModelConfig",
    "ModelMetadata",
    "ServerMetadata",
    "TensorMetadata",
    "config_of",
    "metadata_of",
]

SERVER_NAME = "petroserve"
# Names of Triton for what is beyond the protocol.
EXTENSIONS = ("binary_tensor_data", "model_configuration", "model_repository", "statistics")
PLATFORM = "onnx_onnxv1"
BACKEND = "onnxruntime"
Datatype = Literal["UINT8", "FP32"]


@dataclass(frozen=True)
class ServerMetadata:
    """What the service is: its name, its version and what it does beyond the protocol."""

    name: str
    version: str
    extensions: tuple[str, ...]


@dataclass(frozen=True)
class TensorMetadata:
    """One input or output; -1 stands for any side, the first for the images of a request."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    optional: bool = False


@dataclass(frozen=True)
class ModelMetadata:
    """What a model takes and gives, and in which versions it is served."""

    name: str
    versions: tuple[str, ...]
    platform: str
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]


@dataclass(frozen=True)
class ModelConfig:
    """The configuration of a model as Triton writes it.

    Attributes
    ----------
    name, version : str
        Of the model.
    platform, backend : str
        What it is and what runs it.
    max_batch_size : int
        Images of one request.
    inputs, outputs : tuple of TensorMetadata
        As in the metadata; Triton leaves the side of the images out.
    parameters : dict of str to str
        What a client may want to know of the card: ``classes``, ``symbols``, ``channels``,
        ``tile_px``, ``tile_multiple_px`` and, where they are known, ``um_per_px`` and
        ``um_per_px_estimate``.
    """

    name: str
    version: str
    platform: str
    backend: str
    max_batch_size: int
    inputs: tuple[TensorMetadata, ...]
    outputs: tuple[TensorMetadata, ...]
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class IndexEntry:
    """One version of a model in the index: its state is READY, or says with a reason why not."""

    name: str
    version: str
    state: str
    reason: str = ""


def metadata_of(card: ModelCard, versions: tuple[str, ...]) -> ModelMetadata:
    """Describe a model.

    Parameters
    ----------
    card : ModelCard
        Of the version that is described.
    versions : tuple of str
        All that are served.
    """
    return ModelMetadata(card.name, versions, PLATFORM, _inputs(card), _outputs(card))


def config_of(card: ModelCard) -> ModelConfig:
    """Give the configuration of a model."""
    parameters = {
        "classes": ",".join(map(str, card.classes)),
        "symbols": ",".join(MINERALS[code].symbol for code in card.classes),
        "channels": ",".join(card.channels),
        "tile_px": str(card.tile.size_px),
        "tile_multiple_px": str(card.tile.multiple_px),
    }
    for name in ("um_per_px", "um_per_px_estimate"):
        value = getattr(card, name)
        if value is not None:
            parameters[name] = f"{value:g}"
    return ModelConfig(
        card.name,
        str(card.version),
        PLATFORM,
        BACKEND,
        MAX_IMAGES,
        _inputs(card),
        _outputs(card),
        parameters,
    )


def _inputs(card: ModelCard) -> tuple[TensorMetadata, ...]:
    return (
        TensorMetadata(IMAGE, "UINT8", (-1, -1, -1, len(card.channels))),
        TensorMetadata(POSSIBLE, "UINT8", (-1, -1), optional=True),
    )


def _outputs(card: ModelCard) -> tuple[TensorMetadata, ...]:
    return (
        TensorMetadata(LABELS, "UINT8", (-1, -1, -1)),
        TensorMetadata(CONFIDENCE, "UINT8", (-1, -1, -1)),
        TensorMetadata(PROBABILITIES, "FP32", (-1, len(card.classes), -1, -1)),
    )
