"""From encoded bytes to a mineral map: decode, find the scale, resample, segment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from petrography.calibration import Corrections
from petrography.channels import picture
from petrography.fusion import CrossedColour, fused_input
from petrography.image_codec import DecodedImage, ImageLimits
from petrography.images import Image, resample_image
from petrography.minerals import parse_association
from petrography.model_card import ModelCard
from petrography.model_input import Resampling, choose_resampling
from petrography.pipeline.model_view import CrossedViews, decode_for, is_fusion, sees_bands
from petrography.pipeline.request import AnalysisRequest
from petrography.pipeline.stop_watch import StopWatch
from petrography.pipeline.turning import ViewReaders, lay_over
from petrography.registration import Overlay
from petrography.report import Scale
from petrography.segmentation import Predictor, Segmentation, segment

__all__ = ["Given", "InParts", "OnProgress", "PredictorFor", "Seen", "SegmentImage", "see"]

OnProgress: TypeAlias = Callable[[int, int], None]
SegmentImage: TypeAlias = Callable[[Image], Segmentation]
# Makes the map of an image from the maps of its parts, such as the fields of a panorama, which it
# has segmented as they were photographed.
InParts: TypeAlias = Callable[[SegmentImage], Segmentation]
PredictorFor: TypeAlias = Callable[[tuple[int, ...]], Predictor]


@dataclass(frozen=True, eq=False)
class Given:
    """What an analysis is made of; see `petrography.pipeline.analyse`."""

    data: bytes
    request: AnalysisRequest
    limits: ImageLimits
    corrections: Corrections
    views: ViewReaders
    in_parts: InParts | None


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known once the image is segmented.

    `pixels` are those of the image, corrected; `shown` makes a picture of them for people;
    `in_parts` says whether the map was joined from those of parts; `overlay` is what other views
    show, `crossed` what a model of XPL fusion saw of them.
    """

    image: DecodedImage
    pixels: Image
    corrections: Corrections
    scale: Scale | None
    resampling: Resampling
    allowed: tuple[int, ...]
    segmentation: Segmentation
    in_parts: bool
    overlay: Overlay | None
    shown: Image
    crossed: CrossedViews | None


def see(
    given: Given,
    card: ModelCard,
    predictor_for: PredictorFor,
    watch: StopWatch,
    on_progress: OnProgress | None,
) -> Seen:
    """Decode an image and segment it.

    Raises
    ------
    InputError
        If the image or a parameter of the request cannot be used.
    """
    request, corrections = given.request, given.corrections
    # The request first: it is cheap to refuse.
    allowed = card.classes
    if request.association is not None:
        allowed = parse_association(request.association, classes=card.classes)
    with watch.stage("decode"):
        image = decode_for(card, given.data, given.limits)
    pixels = image.pixels
    if corrections != Corrections():
        with watch.stage("calibration"):
            pixels = corrections.evened(pixels)
    # Views are matched by structure, so the colours of the camera do as well as calibrated ones.
    overlay, crossed = _views_over(pixels, given, card, watch)
    pixels = corrections.coloured(pixels)
    scale = _scale(request, image)
    resampling = choose_resampling(
        card,
        um_per_px=None if scale is None else scale.um_per_px,
        factor=request.resampling_factor,
    )
    segmented = _segmenter(card, predictor_for(allowed), resampling, on_progress)
    with watch.stage("segmentation"):
        if given.in_parts is None:
            segmentation = segmented(pixels if crossed is None else crossed.fused(pixels))
        else:
            segmentation = given.in_parts(
                lambda part: segmented(_alone(corrections.coloured(part), card))
            )
    in_parts = given.in_parts is not None
    return Seen(
        image=image,
        pixels=pixels,
        corrections=corrections,
        scale=scale,
        resampling=resampling,
        allowed=allowed,
        segmentation=segmentation,
        in_parts=in_parts,
        overlay=overlay,
        shown=picture(pixels, card.channels, card.shown_channels) if sees_bands(card) else pixels,
        crossed=crossed,
    )


def _views_over(
    pixels: Image, given: Given, card: ModelCard, watch: StopWatch
) -> tuple[Overlay | None, CrossedViews | None]:
    """Lay the views over the image, and gather what a model of XPL fusion sees of them."""
    colour, request = CrossedColour(), given.request
    gather = colour.add if is_fusion(card) else None
    even = given.corrections.evened
    overlay = lay_over(pixels, request, given.views, given.limits, even, watch, gather)
    return overlay, None if gather is None else CrossedViews.of(card, request, colour, overlay)


def _alone(photograph: Image, card: ModelCard) -> Image:
    """What a model sees of a photograph over which no views lie."""
    return fused_input(photograph) if is_fusion(card) else photograph


def _segmenter(
    card: ModelCard, predictor: Predictor, resampling: Resampling, on_progress: OnProgress | None
) -> SegmentImage:
    """Make what brings an image to the pixel of the model, and its map back to the image."""

    def segmented(pixels: Image) -> Segmentation:
        return segment(
            resample_image(pixels, resampling.factor),
            predictor,
            geometry=card.tile,
            codes=card.classes,
            output_shape=(pixels.shape[0], pixels.shape[1]),
            # A predictor that fills batches says how many tiles it wants to have at hand.
            batch_size=getattr(predictor, "tiles_at_once", 1),
            on_progress=on_progress,
        )

    return segmented


def _scale(request: AnalysisRequest, image: DecodedImage) -> Scale | None:
    if request.um_per_px is not None:
        return Scale(um_per_px=request.um_per_px, source="request")
    if image.um_per_px is not None:
        return Scale(um_per_px=image.um_per_px, source=image.scale_source or "image file")
    return None
