"""The configuration of a training run: one TOML file, read once, saved in every checkpoint."""

from __future__ import annotations

import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from petrography.channels import RGB_CHANNELS
from petrography.errors import ConfigurationError, field_problems
from petrography.fusion import FUSED_CHANNELS
from petrography.minerals import BACKGROUND_CODE, mineral
from training.card_config import CardConfig
from training.config_section import Positive, Section, Seed, Share
from training.data_config import DataConfig, PhantomConfig
from training.foreign.config import ForeignConfig
from training.input_config import InputConfig, StageSeriesConfig
from training.network_config import NetworkConfig
from training.unknown_fields import unknown_fields

__all__ = [
    "AugmentationConfig",
    "CardConfig",
    "DataConfig",
    "InputConfig",
    "LossConfig",
    "NetworkConfig",
    "PhantomConfig",
    "SamplerConfig",
    "ScheduleConfig",
    "StageSeriesConfig",
    "TrainingConfig",
    "config_text",
    "read_config",
]


# Nobody waits for more; what asks for it is a slip of the pen.
_MOST = 1_000_000

PatchSide = Annotated[int, Field(ge=32, le=2048)]


class SamplerConfig(Section):
    """How patches are drawn; see `training.sampler`.

    Attributes
    ----------
    patch_px : int or tuple of int
        Side of a patch, or its rows and columns.
    batch : int
        Patches per step.
    grid_px : int
        Distance of the possible corners of patches.
    strength : float
        Share of the patches drawn for a class; the others are uniform over image and position.
    image_exponent : float
        Power of an image's content of the class by which it is chosen: 0 treats all images that
        have any alike, 1 follows the area.
    position_exponent : float
        The same for the positions within the image.
    workers : int
        Processes that cut and change patches; 0 does it between the steps.
    """

    patch_px: PatchSide | tuple[PatchSide, PatchSide] = 256
    batch: int = Field(ge=1, le=1024, default=8)
    grid_px: int = Field(ge=1, le=64, default=8)
    strength: Share = 0.8
    image_exponent: float = Field(ge=0.0, le=4.0, default=0.5)
    position_exponent: float = Field(ge=0.0, le=4.0, default=1.0)
    workers: int = Field(ge=0, le=64, default=0)

    @property
    def patch_shape_px(self) -> tuple[int, int]:
        """Rows and columns of a patch."""
        given = self.patch_px
        return (given, given) if isinstance(given, int) else given


class LossConfig(Section):
    """Weights of the losses that are added; see `training.losses`.

    Attributes
    ----------
    cross_entropy, focal, dice, lovasz : float
        Weights; 0 leaves a loss out.
    focal_gamma : float
        Power of ``1 - probability`` in the focal loss.
    label_smoothing : float
        Share of an even guess in the target of the cross-entropy.
    """

    cross_entropy: float = Field(ge=0.0, default=1.0)
    focal: float = Field(ge=0.0, default=0.0)
    dice: float = Field(ge=0.0, default=0.0)
    lovasz: float = Field(ge=0.0, default=0.0)
    focal_gamma: float = Field(ge=0.0, le=10.0, default=2.0)
    label_smoothing: float = Field(ge=0.0, lt=1.0, default=0.0)

    @model_validator(mode="after")
    def _something_to_lower(self) -> LossConfig:
        if not any((self.cross_entropy, self.focal, self.dice, self.lovasz)):
            msg = "all losses have weight 0; wanted at least one above"
            raise ValueError(msg)
        return self


class AugmentationConfig(Section):
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
    other_lamp_fraction : float
        Share of the patches that are taken under a lamp of another colour temperature.
    other_lamp : float
        Standard deviation of the logarithm by which such a lamp raises red and lowers blue.
    flare : float
        Standard deviation of the stray light that is added, or taken away, as a fraction of the
        light that fills the sensor: of red, green and blue only.
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
    other_lamp_fraction: float = Field(ge=0.0, le=1.0, default=0.0)
    other_lamp: float = Field(ge=0.0, le=1.0, default=0.2)
    flare: float = Field(ge=0.0, le=0.2, default=0.0)
    contrast: float = Field(ge=0.0, le=1.0, default=0.1)
    blur_px: float = Field(ge=0.0, le=5.0, default=0.7)
    noise: float = Field(ge=0.0, le=32.0, default=3.0)


class ScheduleConfig(Section):
    """Length, optimiser and learning rate of the run.

    Attributes
    ----------
    epochs, steps_per_epoch : int
        An epoch ends with a validation and a checkpoint.
    schedule : {"cosine", "plateau"}
        Cosine to zero with a linear warm-up, or division by ten after `patience` epochs without
        a better validation mean IoU.
    encoder_learning_rate_factor : float
        What the encoder's weights are trained with, as a factor of `learning_rate`: below 1 where
        the run starts from an encoder that has learnt already.
    average : float
        Decay per step of the exponential moving average of the weights that is validated and
        exported; 0 switches it off.
    gradient_clip : float
        Largest norm of the gradients of a step; ``inf`` leaves them as they are.
    mixed_precision : bool
        float16 with gradient scaling on CUDA, bfloat16 on a CPU.
    """

    epochs: int = Field(ge=1, le=_MOST, default=26)
    steps_per_epoch: int = Field(ge=1, le=_MOST, default=375)
    learning_rate: Positive = 1e-3
    encoder_learning_rate_factor: float = Field(gt=0.0, le=1.0, default=1.0)
    weight_decay: float = Field(ge=0.0, default=1e-4)
    schedule: Literal["cosine", "plateau"] = "cosine"
    warmup_steps: int = Field(ge=0, default=200)
    patience: int = Field(ge=1, default=3)
    average: float = Field(ge=0.0, lt=1.0, default=0.998)
    gradient_clip: float = Field(gt=0.0, allow_inf_nan=True, default=1.0)
    mixed_precision: bool = True


class TrainingConfig(Section):
    """A whole run."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    seed: Seed = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    output: Path = Path("runs")
    data: DataConfig
    network: NetworkConfig
    card: CardConfig
    input: InputConfig = InputConfig()
    stage_series: StageSeriesConfig | None = None
    phantoms: PhantomConfig | None = None
    sampler: SamplerConfig = SamplerConfig()
    loss: LossConfig = LossConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    foreign: ForeignConfig | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels of the network's input, in order."""
        fused = self.network.architecture == "xpl-fusion"
        return FUSED_CHANNELS if fused else self.input.channels

    @property
    def phantom_fraction(self) -> float:
        """Share of the patches that are painted; of foreign weights what the card states."""
        if self.foreign is not None:
            return self.card.phantom_fraction or 0.0
        if self.stage_series is not None:
            return 1.0
        return 0.0 if self.phantoms is None else self.phantoms.fraction

    @model_validator(mode="after")
    def _one_source(self) -> TrainingConfig:
        if bool(self.data.subsets) == (self.stage_series is not None):
            msg = "wanted either data.subsets (photographs) or stage_series (painted sections)"
            raise ValueError(msg)
        fused = self.network.architecture == "xpl-fusion"
        if fused and self.input != InputConfig():
            msg = "input is fixed for xpl-fusion; leave it out"
            raise ValueError(msg)
        if fused != bool(self.data.views or (fused and self.stage_series)):
            msg = (
                f"architecture is {self.network.architecture}, and data.views are "
                f"{list(self.data.views)}; wanted xpl-fusion with data.views (photographs between "
                "crossed polars) or stage_series (painted sections), and any other without"
            )
            raise ValueError(msg)
        if self.stage_series is not None and self.data.views:
            msg = "stage_series paints its views; leave data.views out"
            raise ValueError(msg)
        if self.stage_series is not None and self.input.channels != RGB_CHANNELS:
            msg = f"stage_series paints {RGB_CHANNELS}, not {self.input.channels}"
            raise ValueError(msg)
        if self.phantoms is not None and (self.stage_series or self.channels != RGB_CHANNELS):
            msg = f"phantoms are shown beside photographs of {RGB_CHANNELS}; leave them out here"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _background_among_the_classes(self) -> TrainingConfig:
        # Every loss needs it; weights of others may know none.
        if self.foreign is None and BACKGROUND_CODE not in self.data.classes:
            msg = f"data.classes are {list(self.data.classes)}; wanted {BACKGROUND_CODE} among them"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _classes_of_the_recipe(self) -> TrainingConfig:
        painted = () if self.stage_series is None else self.stage_series.codes
        strange = [mineral(code).symbol for code in painted if code not in self.data.classes]
        if self.stage_series is not None and strange:
            msg = (
                f"recipe {self.stage_series.recipe} holds {', '.join(strange)}, which are no "
                f"classes; wanted all of {sorted(painted)}"
            )
            raise ValueError(msg)
        return self


def config_text(path: Path) -> str:
    """Read the file of a run's TOML, which is UTF-8.

    Raises
    ------
    ConfigurationError
        If it has another encoding.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path} is not UTF-8, as TOML must be: {error.reason} at byte {error.start}"
        raise ConfigurationError(msg) from None


def read_config(text: str, *, source: str) -> TrainingConfig:
    """Read a run's TOML.

    Raises
    ------
    ConfigurationError
        If it is no TOML or a field is missing, unknown or impossible; the message names all. Where
        torch is installed, also if the network cannot be built or cannot take the patches.
    """
    try:
        config = TrainingConfig.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        msg = f"{source} is no TOML: {error}"
        raise ConfigurationError(msg) from None
    except ValidationError as error:
        hints = "".join(f"; {one}" for one in unknown_fields(error, TrainingConfig))
        msg = f"{source} is no valid configuration: {field_problems(error)}{hints}"
        raise ConfigurationError(msg) from None
    _require_buildable(config, source)
    return config


def _require_buildable(config: TrainingConfig, source: str) -> None:
    if find_spec("torch") is None:
        return  # a configuration can be read without the train extra, which would build it
    from training.networks.checking import network_problem

    problem = network_problem(
        config.network.without_starts(),
        patch_shape_px=config.sampler.patch_shape_px,
        batch=config.sampler.batch,
        channels=len(config.channels),
    )
    if problem is not None:
        msg = f"{source} is no valid configuration: network: {problem}"
        raise ConfigurationError(msg)
