"""The configuration of what a network is shown: channels of images, and painted stage series."""

from __future__ import annotations

from pydantic import Field, model_validator

from petrography.channels import RGB_CHANNELS
from petrography.fusion import MAX_VIEWS
from petrography.phantoms import RECIPE_NAMES
from petrography.phantoms.recipes import RECIPES, THIN_SECTIONS
from training.config_section import Positive, Section

__all__ = ["InputConfig", "StageSeriesConfig"]


class InputConfig(Section):
    """What the images hold; three channels are red, green and blue unless said otherwise.

    Attributes
    ----------
    channels : tuple of str
        Names of the channels in their order. Colours are R, G, B; anything else is a band.
    mean, std : tuple of float, optional
        Per channel, on the scale 0-255; by default 102 and 57 for R, G and B, and measured on the
        training images for every other channel.
    shown : tuple of str, optional
        The three channels that pictures for people show as red, green and blue.
    """

    channels: tuple[str, ...] = Field(min_length=1, max_length=512, default=RGB_CHANNELS)
    mean: tuple[float, ...] | None = None
    std: tuple[Positive, ...] | None = None
    shown: tuple[str, str, str] | None = None

    @model_validator(mode="after")
    def _fits(self) -> InputConfig:
        if len(set(self.channels)) != len(self.channels):
            msg = f"channels {self.channels} must have different names"
            raise ValueError(msg)
        if (self.mean is None) != (self.std is None):
            msg = "mean and std must be given together, or both be left out"
            raise ValueError(msg)
        for name, given in (("mean", self.mean), ("std", self.std)):
            if given is not None and len(given) != len(self.channels):
                msg = f"{name} has {len(given)} values; wanted one for each of {self.channels}"
                raise ValueError(msg)
        if not set(self.shown or ()) <= set(self.channels):
            msg = f"shown names {self.shown}; wanted three of {self.channels}"
            raise ValueError(msg)
        return self


class StageSeriesConfig(Section):
    """Painted sections on a rotating stage, in place of photographs; see `training.stage_series`.

    Attributes
    ----------
    recipe : str
        What they are made of.
    fields, validation_fields : int
        Sections to train on and to validate on.
    size_px : int
        Side of a field.
    views : int
        Turns of the stage between crossed polars, at most 12.
    variants : int
        How often a field is shown, each time with another number of its views, from none to all.
    bare_variants : int
        How many of these show no view at all, beside those that chance leaves without.
    first_seed : int
        Seeds of the training sections begin here, those of the validation sections a million on.
    workers : int
        Processes that paint; 0 paints in this one.
    """

    recipe: str
    fields: int = Field(ge=1, le=10_000)
    validation_fields: int = Field(ge=2, le=10_000)
    size_px: int = Field(ge=32, le=4096, default=384)
    views: int = Field(ge=1, le=MAX_VIEWS, default=MAX_VIEWS)
    variants: int = Field(ge=1, le=64, default=4)
    bare_variants: int = Field(ge=0, le=64, default=0)
    first_seed: int = Field(ge=0, le=900_000, default=0)
    workers: int = Field(ge=0, le=64, default=0)

    @model_validator(mode="after")
    def _known_recipe(self) -> StageSeriesConfig:
        if self.recipe not in RECIPE_NAMES:
            msg = f"recipe is {self.recipe!r}; wanted one of {list(RECIPE_NAMES)}"
            raise ValueError(msg)
        return self

    @property
    def codes(self) -> tuple[int, ...]:
        """Phases that the recipe holds, all of them annotated."""
        return tuple(sorted({**RECIPES, **THIN_SECTIONS}[self.recipe].area_fractions))
