"""From encoded bytes to a mineral map: decode, find the scale, resample, segment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from petrography.calibration import ColourCalibration, apply_calibration
from petrography.image_codec import DecodedImage, ImageLimits, decode_image
from petrography.images import Image, resample_image
from petrography.minerals import parse_association
from petrography.model_card import ModelCard
from petrography.model_input import Resampling, choose_resampling
from petrography.pipeline.request import AnalysisRequest
from petrography.pipeline.stop_watch import StopWatch
from petrography.pipeline.turning import ViewReaders, lay_over
from petrography.registration import Overlay
from petrography.report import Scale
from petrography.segmentation import Predictor, Segmentation, segment

__all__ = ["OnProgress", "PredictorFor", "Seen", "see"]

OnProgress: TypeAlias = Callable[[int, int], None]
PredictorFor: TypeAlias = Callable[[tuple[int, ...]], Predictor]


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known once the image is segmented.

    `pixels` are those of the image, calibrated; `overlay` is what other views show.
    """

    image: DecodedImage
    pixels: Image
    calibration: ColourCalibration | None
    scale: Scale | None
    resampling: Resampling
    allowed: tuple[int, ...]
    segmentation: Segmentation
    overlay: Overlay | None


def see(
    data: bytes,
    request: AnalysisRequest,
    card: ModelCard,
    predictor_for: PredictorFor,
    limits: ImageLimits,
    calibration: ColourCalibration | None,
    views: ViewReaders,
    watch: StopWatch,
    on_progress: OnProgress | None,
) -> Seen:
    """Decode an image and segment it.

    Raises
    ------
    InputError
        If the image or a parameter of the request cannot be used.
    """
    # The request first: it is cheap to refuse.
    allowed = card.classes
    if request.association is not None:
        allowed = parse_association(request.association, classes=card.classes)
    with watch.stage("decode"):
        image = decode_image(data, limits=limits)
    pixels = image.pixels
    # Views are matched by structure, so the colours of the camera do as well as calibrated ones.
    overlay = lay_over(pixels, request, views, limits, watch)
    if calibration is not None:
        with watch.stage("calibration"):
            pixels = apply_calibration(pixels, calibration)
    scale = _scale(request, image)
    resampling = choose_resampling(
        card,
        um_per_px=None if scale is None else scale.um_per_px,
        factor=request.resampling_factor,
    )
    with watch.stage("segmentation"):
        segmentation = segment(
            resample_image(pixels, resampling.factor),
            predictor_for(allowed),
            geometry=card.tile,
            codes=card.classes,
            output_shape=(pixels.shape[0], pixels.shape[1]),
            on_progress=on_progress,
        )
    return Seen(image, pixels, calibration, scale, resampling, allowed, segmentation, overlay)


def _scale(request: AnalysisRequest, image: DecodedImage) -> Scale | None:
    if request.um_per_px is not None:
        return Scale(um_per_px=request.um_per_px, source="request")
    if image.um_per_px is not None:
        return Scale(um_per_px=image.um_per_px, source=image.scale_source or "image file")
    return None
