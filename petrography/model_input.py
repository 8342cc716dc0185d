"""From an image as it comes to the pixels that a model wants: the one place that decides scale.

Training, evaluation and the service all resample through here.
"""

from __future__ import annotations

from dataclasses import dataclass

from petrography.errors import InvalidParameterError
from petrography.images import require_possible_scale
from petrography.model_card import ModelCard

__all__ = ["Resampling", "choose_resampling"]

# Beyond these the image and the model do not look at the same things any more.
MIN_FACTOR, MAX_FACTOR = 1 / 32, 8.0


@dataclass(frozen=True)
class Resampling:
    """How an image is brought to the pixel of the model.

    Attributes
    ----------
    factor : float
        Model pixels per image pixel, along one axis.
    reason : str
        What decided it, for the provenance.
    degradation : str or None
        Set when nothing in the request decided and the card's default was taken.
    """

    factor: float
    reason: str
    degradation: str | None = None


def choose_resampling(
    card: ModelCard, *, um_per_px: float | None = None, factor: float | None = None
) -> Resampling:
    """Choose the resampling factor from what a request states.

    Parameters
    ----------
    card : ModelCard
        The model.
    um_per_px : float, optional
        Pixel size of the image in micrometres.
    factor : float, optional
        Model pixels per image pixel; overrules `um_per_px` for the resampling.

    Returns
    -------
    Resampling
        The factor and why.

    Raises
    ------
    InvalidParameterError
        If a value is not a positive finite number or asks for a resampling outside 1/32 to 8.
    """
    if factor is not None:
        return Resampling(_within_limits(factor, "resampling_factor"), "factor of the request")
    if um_per_px is not None:
        return _from_scale(card, require_possible_scale(um_per_px))
    return Resampling(
        card.default_resampling_factor,
        "default of the model card",
        f"scale missing: resampled by {card.default_resampling_factor:g}, as if photographed with "
        f"the microscope and camera that {card.name} was trained on; state um_per_px or "
        "resampling_factor",
    )


def _from_scale(card: ModelCard, um_per_px: float) -> Resampling:
    model_um_per_px = card.um_per_px or card.um_per_px_estimate
    if model_um_per_px is None:
        return Resampling(
            1.0,
            "the model card states no pixel size",
            f"{card.name} states no pixel size: the image was not resampled",
        )
    kind = "pixel size" if card.um_per_px else "estimated pixel size"
    return Resampling(
        _within_limits(um_per_px / model_um_per_px, "um_per_px"),
        f"um_per_px {um_per_px:g} over the model's {kind} {model_um_per_px:g}",
    )


def _within_limits(factor: float, what: str) -> float:
    if MIN_FACTOR <= factor <= MAX_FACTOR:
        return factor
    msg = (
        f"{what} asks for a resampling by {factor:g}; wanted between {MIN_FACTOR:g} and "
        f"{MAX_FACTOR:g}"
    )
    raise InvalidParameterError(msg)
