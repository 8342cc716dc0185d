"""The section ``[network]`` of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["NetworkConfig"]

LibraryArchitecture = Literal[
    "pspnet",
    "unet",
    "unetplusplus",
    "manet",
    "linknet",
    "fpn",
    "pan",
    "upernet",
    "deeplabv3",
    "deeplabv3plus",
    "segformer",
]
OwnArchitecture = Literal[
    "resunet", "xpl-fusion", "resnet-resunet", "pyramid-resunet", "full-pspnet", "hrnet-ocr"
]
NetworkOption = bool | int | float | str | tuple[int, ...]
# Networks of the library whose head enlarges logits; the others end at the size of the image.
_ENLARGING = ("pspnet", "fpn", "pan", "upernet", "deeplabv3", "deeplabv3plus", "segformer")
# What a field changes nothing of must not carry it: whoever wrote it expected a change.
_FIELDS_OF_SOME_NETWORKS = {
    "dilated": ("resunet", "xpl-fusion", "resnet-resunet", "full-pspnet"),
    "encoder_depth": ("pyramid-resunet", *get_args(LibraryArchitecture)),
    "options": ("hrnet-ocr", *get_args(LibraryArchitecture)),
    "object_regions": ("hrnet-ocr",),
    "half_pixel_centres": _ENLARGING,
    "guided_filter": (*_ENLARGING, "pyramid-resunet", "full-pspnet", "hrnet-ocr"),
    "initial_colours": ("xpl-fusion",),
    "initial_shallower": (
        "resnet-resunet",
        "pyramid-resunet",
        "full-pspnet",
        *get_args(LibraryArchitecture),
    ),
}


class NetworkConfig(BaseModel):
    """Which network; docs/training.md compares them.

    Attributes
    ----------
    architecture : str
        ``resunet``, ``xpl-fusion`` (a ResUNet over the channels of `petrography.fusion`),
        ``resnet-resunet``, ``pyramid-resunet``, ``full-pspnet`` and ``hrnet-ocr`` are of this
        project, the others of segmentation-models-pytorch.
    filters : int
        Filters of the first level of the ``resunet``, of the last of the ``resnet-resunet`` and the
        ``pyramid-resunet``.
    order : {"conv-relu-bn", "conv-bn-relu"}
        Blocks of the ``resunet``.
    dilated : bool
        Holes in the convolutions of the deep stages: of the ``resunet``, where nothing else
        changes; of ``resnet-resunet`` and ``full-pspnet``, whose output stride is then 8.
    encoder : str
        Encoder of all but the ``resunet``, by its name in segmentation-models-pytorch.
    encoder_depth : int or None
        Stages of the encoder that are used; None is the library's choice (3 for ``pspnet``), and 3
        for the ``pyramid-resunet``.
    options : dict
        Further arguments of the library's network, such as ``decoder_channels``, or
        ``middle_channels`` of the ``hrnet-ocr``.
    object_regions : int or None
        Regions of the ``hrnet-ocr``; None is one for each class.
    half_pixel_centres : bool
        Whether the library's head lays every feature upon the middle of the pixels that it stands
        for. As the library does it, corners lie upon corners: at an output stride of 8 the map is
        3.5 px off at one rim of a tile, right in its middle and 3.5 px off the other way at the
        other rim. Weights that come from elsewhere were trained so; new ones need not be.
    guided_filter : bool
        Whether a `training.networks.guided_filter.GuidedFilter` behind the network draws borders
        where the colours change. It has no weights: a trained network can be given one.
    initial_weights : Path or None
        A checkpoint whose averaged weights the run starts from.
    initial_encoder : Path or None
        One of the same encoder, whatever its classes, whose encoder alone is taken.
    initial_colours : Path or None
        One of the same ``resunet`` in plane-polarised light alone. Its averaged weights are taken,
        and what else the ``xpl-fusion`` sees has weight 0: it begins as that network.
    initial_shallower : Path or None
        One of the same network over a ResNet of fewer blocks, such as resnet18 for resnet34. Its
        averaged weights are taken, and the further blocks add nothing: it begins as that network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: OwnArchitecture | LibraryArchitecture
    filters: int = Field(ge=1, le=128, default=16)
    order: Literal["conv-relu-bn", "conv-bn-relu"] = "conv-bn-relu"
    dilated: bool = False
    encoder: str = "resnet18"
    encoder_depth: int | None = Field(ge=1, le=5, default=None)
    options: dict[str, NetworkOption] = Field(default_factory=dict)
    object_regions: int | None = Field(ge=2, le=1024, default=None)
    half_pixel_centres: bool = False
    guided_filter: bool = False
    initial_weights: Path | None = None
    initial_encoder: Path | None = None
    initial_colours: Path | None = None
    initial_shallower: Path | None = None

    STARTS: ClassVar = (
        "initial_weights",
        "initial_encoder",
        "initial_colours",
        "initial_shallower",
    )

    @model_validator(mode="after")
    def _nothing_without_effect(self) -> NetworkConfig:
        for field, networks in _FIELDS_OF_SOME_NETWORKS.items():
            if getattr(self, field) and self.architecture not in networks:
                msg = f"{field} means nothing to {self.architecture}, only to {', '.join(networks)}"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _one_start_of_all_weights(self) -> NetworkConfig:
        named = [field for field in self.STARTS if getattr(self, field) is not None]
        whole = [field for field in named if field != "initial_encoder"]
        if len(whole) > 1:
            msg = f"{' and '.join(whole)} name all weights; leave all but one of them out"
            raise ValueError(msg)
        return self

    @property
    def starts(self) -> tuple[Path, ...]:
        """Checkpoints that the run starts from."""
        named = (getattr(self, field) for field in self.STARTS)
        return tuple(path for path in named if path is not None)

    @property
    def normalised_start(self) -> Path | None:
        """The checkpoint that mean and deviation come from, with all weights, if one is named."""
        return self.initial_weights or self.initial_shallower

    def without_starts(self) -> str:
        """Write what is built, wherever its weights come from, as JSON."""
        return self.model_dump_json(exclude={*self.STARTS})
