"""The configuration of a training run: one TOML file, read once, saved in every checkpoint."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from petrography.errors import ConfigurationError, field_problems
from petrography.minerals import MINERALS

__all__ = [
    "AugmentationConfig",
    "CardConfig",
    "DataConfig",
    "NetworkConfig",
    "SamplerConfig",
    "ScheduleConfig",
    "TrainingConfig",
    "read_config",
]

Positive = Annotated[float, Field(gt=0.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(_Section):
    """Where the images are and how they are split.

    Attributes
    ----------
    root : Path
        Folder in the LumenStone layout (`training.lumenstone`).
    subsets : tuple of str
        Names of sub-folders and of the associations that they annotate.
    classes : tuple of int
        Mineral codes of the network outputs, in order.
    resampling_factor : float
        Applied to every image and mask when loaded.
    validation_fraction : float
        Share of the images of every association that is kept for validation.
    split_seed : int
        Chooses which groups of images are kept.
    same_ore : tuple of tuple of str
        Images that show the same ore, ``subset/stem``; a group is never divided by the split.
    """

    root: Path
    subsets: dict[str, str]
    classes: tuple[int, ...] = Field(min_length=2)
    resampling_factor: Positive = 1.0
    validation_fraction: float = Field(gt=0.0, lt=1.0, default=0.2)
    split_seed: int = Field(ge=0, default=0)
    same_ore: tuple[tuple[str, ...], ...] = ()

    @model_validator(mode="after")
    def _known_codes(self) -> DataConfig:
        unknown = [code for code in self.classes if code not in MINERALS]
        if unknown:
            msg = f"classes holds codes {unknown} that petrography.minerals does not name"
            raise ValueError(msg)
        return self


class NetworkConfig(_Section):
    """Which network; `filters` and `order` concern the ResUNet, `encoder` the PSPNet.

    `initial_weights` names a checkpoint whose averaged weights the run starts from.
    """

    architecture: Literal["resunet", "pspnet"]
    filters: int = Field(ge=1, le=128, default=16)
    order: Literal["conv-relu-bn", "conv-bn-relu"] = "conv-bn-relu"
    encoder: str = "resnet18"
    initial_weights: Path | None = None


class SamplerConfig(_Section):
    """How patches are drawn; see `training.sampler`."""

    patch_px: int = Field(ge=32, le=2048, default=256)
    batch: int = Field(ge=1, le=1024, default=8)
    grid_px: int = Field(ge=1, le=64, default=8)
    strength: Share = 0.8
    workers: int = Field(ge=0, le=64, default=0)


class AugmentationConfig(_Section):
    """Ranges of the random changes; see `training.augmentation`.

    Attributes
    ----------
    rotation_deg : float
        Largest angle to either side, uniform.
    flip : bool
        Whether half of the patches are mirrored.
    scale : float
        0.25 draws from 1/1.25 to 1.25 times the size, uniform in the logarithm.
    exposure, white_balance : float
        Standard deviation of the logarithm of the light, of all channels and of each.
    contrast : float
        Standard deviation of the logarithm of the exponent of the tone curve.
    blur_px : float
        Standard deviation of the width of the Gaussian blur, in pixels of the patch.
    noise : float
        Standard deviation of the standard deviation of the sensor noise, in grey levels of 255.
    """

    rotation_deg: float = Field(ge=0.0, le=180.0, default=180.0)
    flip: bool = True
    scale: float = Field(ge=0.0, lt=1.0, default=0.25)
    exposure: float = Field(ge=0.0, le=2.0, default=0.2)
    white_balance: float = Field(ge=0.0, le=1.0, default=0.04)
    contrast: float = Field(ge=0.0, le=1.0, default=0.1)
    blur_px: float = Field(ge=0.0, le=5.0, default=0.7)
    noise: float = Field(ge=0.0, le=32.0, default=3.0)


class ScheduleConfig(_Section):
    """Length, optimiser and learning rate of the run.

    Attributes
    ----------
    epochs, steps_per_epoch : int
        An epoch ends with a validation and a checkpoint.
    schedule : {"cosine", "plateau"}
        Cosine to zero with a linear warm-up, or division by ten after `patience` epochs without
        a better validation mean IoU.
    average : float
        Decay per step of the exponential moving average of the weights that is validated and
        exported; 0 switches it off.
    mixed_precision : bool
        float16 with gradient scaling on CUDA, bfloat16 on a CPU.
    """

    epochs: int = Field(ge=1, default=26)
    steps_per_epoch: int = Field(ge=1, default=375)
    learning_rate: Positive = 1e-3
    weight_decay: float = Field(ge=0.0, default=1e-4)
    schedule: Literal["cosine", "plateau"] = "cosine"
    warmup_steps: int = Field(ge=0, default=200)
    patience: int = Field(ge=1, default=3)
    average: float = Field(ge=0.0, lt=1.0, default=0.998)
    gradient_clip: Positive = 1.0
    mixed_precision: bool = True


class CardConfig(_Section):
    """What the model card says that no measurement can tell.

    Attributes
    ----------
    description : str
        One or two sentences on what the model is for.
    data, data_terms, weight_terms : str
        The training images with their citation, their terms of use, and those of the weights.
    um_per_px : float or None
        Pixel size after `DataConfig.resampling_factor`, where it is known.
    um_per_px_estimate : float or None
        Best estimate of it where it is not.
    default_resampling_factor : float
        From a photograph as it leaves the training images' camera to the pixel of the model.
    phantom_fraction : float
        Share of the training patches that are phantoms.
    """

    description: str = Field(min_length=1)
    data: str = Field(min_length=1)
    data_terms: str = Field(min_length=1)
    weight_terms: str = Field(min_length=1)
    um_per_px: Positive | None = None
    um_per_px_estimate: Positive | None = None
    default_resampling_factor: Positive = 1.0
    phantom_fraction: Share = 0.0


class TrainingConfig(_Section):
    """A whole run."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    seed: int = Field(ge=0, default=0)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    output: Path = Path("runs")
    data: DataConfig
    network: NetworkConfig
    card: CardConfig
    sampler: SamplerConfig = SamplerConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    schedule: ScheduleConfig = ScheduleConfig()


def read_config(text: str, *, source: str) -> TrainingConfig:
    """Read a run's TOML.

    Raises
    ------
    ConfigurationError
        If it is no TOML or a field is missing, unknown or impossible; the message names all.
    """
    try:
        return TrainingConfig.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        msg = f"{source} is no TOML: {error}"
        raise ConfigurationError(msg) from None
    except ValidationError as error:
        msg = f"{source} is no valid configuration: {field_problems(error)}"
        raise ConfigurationError(msg) from None
