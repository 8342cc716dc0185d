"""What a model sees of an image: photographs, photographs with crossed polars, or stacks of bands.

The channels of the card decide. A photograph is red, green and blue; a model of XPL fusion sees
what views between crossed polars say as well (`petrography.fusion`); any other channels are bands,
which have no colours: they are segmented as they are, and what judges or corrects colours is left
out, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from petrography.channels import RGB_CHANNELS
from petrography.errors import ImageChannelsError, InvalidParameterError
from petrography.fusion import (
    FUSED_CHANNELS,
    CrossedColour,
    CrossedSignal,
    crossed_signal,
    fused_input,
)
from petrography.image_codec import (
    DecodedImage,
    Encoded,
    ImageLimits,
    decode_bands,
    decode_image,
)
from petrography.images import Image
from petrography.model_card import ModelCard
from petrography.pipeline.request import AnalysisRequest
from petrography.registration import Overlay
from petrography.workspace import Workspace

__all__ = [
    "CrossedViews",
    "decode_for",
    "is_fusion",
    "require_fitting_request",
    "require_photographs",
    "sees_bands",
]

# Less than this of the image without a view is the play of the stage.
_WORTH_TELLING = 0.001


def is_fusion(card: ModelCard) -> bool:
    """Tell whether a model sees views between crossed polars."""
    return card.channels == FUSED_CHANNELS


def sees_bands(card: ModelCard) -> bool:
    """Tell whether a model sees bands that are no photograph."""
    return card.channels not in {RGB_CHANNELS, FUSED_CHANNELS}


def require_fitting_request(request: AnalysisRequest, card: ModelCard) -> None:
    """Check that nothing is asked of a stack of bands that only photographs can give.

    Raises
    ------
    InvalidParameterError
        If views or corrections are named for a model of bands.
    """
    named = ("views", "calibration", "flat_field", "lens")
    asked = [name for name in named if getattr(request, name)]
    if sees_bands(card) and asked:
        msg = (
            f"the request names {', '.join(asked)}, which belong to photographs; {card.name} sees "
            f"{len(card.channels)} bands, so leave them out"
        )
        raise InvalidParameterError(msg)


def require_photographs(card: ModelCard) -> None:
    """Check that a model can segment the photographs that a panorama is made of.

    Raises
    ------
    InvalidParameterError
        If it sees bands.
    """
    if sees_bands(card):
        msg = (
            f"a panorama is made of photographs, and {card.name} sees {len(card.channels)} bands; "
            "choose a model of photographs"
        )
        raise InvalidParameterError(msg)


def decode_for(
    card: ModelCard, data: Encoded, limits: ImageLimits, workspace: Workspace
) -> DecodedImage:
    """Decode what a model is to see, into an array of the workspace.

    Raises
    ------
    ImageChannelsError
        If a model of bands is given another number of them.
    InputError
        If the bytes cannot be decoded.
    """
    if not sees_bands(card):
        return decode_image(data, limits=limits, workspace=workspace)
    try:
        count = len(card.channels)
        return decode_bands(data, count=count, limits=limits, workspace=workspace)
    except ImageChannelsError as error:
        names = ", ".join(card.channels[:20]) + (", ..." if len(card.channels) > 20 else "")
        msg = f"{error}; {card.name} sees {names}"
        raise ImageChannelsError(msg) from None


@dataclass(frozen=True, eq=False)
class CrossedViews:
    """What the views of an analysis say between crossed polars.

    Attributes
    ----------
    signal : CrossedSignal or None
        None without views.
    count : int
        Views between crossed polars.
    degradations : tuple of str
        What the model had to do without.
    """

    signal: CrossedSignal | None
    count: int
    degradations: tuple[str, ...]

    @staticmethod
    def of(
        card: ModelCard, request: AnalysisRequest, colour: CrossedColour, overlay: Overlay | None
    ) -> CrossedViews:
        """Join what registration gathered."""
        count = sum(view.light == "XPL" for view in request.views)
        harmonics = None if overlay is None else overlay.harmonics
        signal = crossed_signal(colour, harmonics)
        if signal is None:
            missing = (
                f"no view between crossed polars was sent: {card.name} saw plane-polarised light "
                "alone, and tells anisotropic minerals apart less well"
            )
            return CrossedViews(None, 0, (missing,))
        return CrossedViews(signal, count, _what_is_missing(signal, count, overlay))

    def fused(self, ppl: Image) -> Image:
        """Give the channels of `petrography.fusion` of the image over which the views lie."""
        return fused_input(ppl, self.signal)


def _what_is_missing(signal: CrossedSignal, count: int, overlay: Overlay | None) -> tuple[str, ...]:
    found = []
    if overlay is None or overlay.harmonics is None:
        found.append(
            f"{count} views between crossed polars at these angles tell their mean colour only, "
            "not how brightness turns with the stage; send 6 over 180 degrees"
        )
    elif overlay.harmonics.model == "mean+4psi":
        found.append(
            "the stage angles tell 4 psi only; send 6 views over 180 degrees for 2 psi too"
        )
    uncovered = float((signal.parameters == 0).mean())
    if uncovered > _WORTH_TELLING:
        found.append(
            f"no view between crossed polars covers {uncovered:.1%} of the image: it was seen in "
            "plane-polarised light alone there"
        )
    partly = float((signal.parameters < signal.parameters.max()).mean()) - uncovered
    if partly > _WORTH_TELLING:
        found.append(
            f"in {partly:.1%} of the image too few views overlap, or they are white, to tell all "
            "that they tell elsewhere: only what is known there was used"
        )
    return tuple(found)
