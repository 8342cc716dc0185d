"""The section ``[card]`` of a configuration."""

from __future__ import annotations

from pydantic import Field

from training.config_section import Factor, Positive, Section, Share

__all__ = ["CardConfig"]


class CardConfig(Section):
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
    phantom_fraction : float or None
        Share of the training patches that are phantoms: known of a run, which may leave it out and
        cannot state another; stated for foreign weights.
    """

    description: str = Field(min_length=1)
    data: str = Field(min_length=1)
    data_terms: str = Field(min_length=1)
    weight_terms: str = Field(min_length=1)
    um_per_px: Positive | None = None
    um_per_px_estimate: Positive | None = None
    default_resampling_factor: Factor = 1.0
    phantom_fraction: Share | None = None
