"""From encoded bytes to a mineral map: decode, find the scale, resample, segment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.calibration import Corrections, InputQuality, judge_input
from petrography.channels import picture
from petrography.errors import ImageTooLargeError
from petrography.fusion import CrossedColour, fused_input
from petrography.image_codec import MAX_WHOLE_PX, DecodedImage, Encoded, ImageLimits
from petrography.images import Image, resample_image
from petrography.minerals import parse_association
from petrography.model_card import ModelCard, TileGeometry, sha256_hex
from petrography.model_input import Resampling, choose_resampling
from petrography.pipeline.alongside import Alongside
from petrography.pipeline.measurement import Measuring, MeasuringOptions
from petrography.pipeline.model_view import CrossedViews, decode_for, is_fusion, sees_bands
from petrography.pipeline.named_parts import PartReaders
from petrography.pipeline.region import Region, read_region, within
from petrography.pipeline.request import AnalysisRequest
from petrography.pipeline.stop_watch import StopWatch
from petrography.pipeline.turning import lay_over
from petrography.registration import Overlay
from petrography.report import Scale
from petrography.segmentation import (
    Band,
    Predictor,
    Segmentation,
    segment,
    with_fitting_tiles,
)
from petrography.workspace import IN_MEMORY, Workspace, row_strips

__all__ = [
    "Covered",
    "Given",
    "InParts",
    "OnProgress",
    "PredictorFor",
    "Seen",
    "SegmentImage",
    "see",
]

OnProgress: TypeAlias = Callable[[int, int], None]
SegmentImage: TypeAlias = Callable[[Image], Segmentation]
# Makes the map of an image from the maps of its parts, such as the fields of a panorama, which it
# has segmented as they were photographed, in arrays of the workspace.
InParts: TypeAlias = Callable[[SegmentImage, Workspace], Segmentation]
# Tells which pixels of an image that was put together show something, in an array of the workspace;
# None where all do.
Covered: TypeAlias = Callable[[Workspace], NDArray[np.bool_] | None]
OnBand: TypeAlias = Callable[[Band], None]
_SegmentBands: TypeAlias = Callable[[Image, OnBand | None, TileGeometry], Segmentation]
# The map, and what waits until all of it is measured.
_Made: TypeAlias = tuple[Segmentation, Callable[[], Measuring]]
PredictorFor: TypeAlias = Callable[[tuple[int, ...]], Predictor]


@dataclass(frozen=True, eq=False)
class Given:
    """What an analysis is made of; see `petrography.pipeline.analyse`."""

    data: Encoded
    request: AnalysisRequest
    limits: ImageLimits
    corrections: Corrections
    parts: PartReaders
    in_parts: InParts | None
    workspace: Workspace = IN_MEMORY
    covered: Covered | None = None


@dataclass(frozen=True, eq=False)
class Seen:
    """What is known once the image is segmented.

    Attributes
    ----------
    image : DecodedImage
        As the file holds it.
    pixels : ndarray of uint8 or uint16, shape (height, width, channels)
        Evened and with calibrated colours.
    picture : ndarray of uint8, shape (height, width, 3)
        The same for people, whatever the channels are.
    segmented : {"image", "panorama", "fields"}
        Whether the map is that of the image, of a panorama without what no field reaches, or joined
        from those of fields.
    overlay, crossed : optional
        What other views show, and what a model of XPL fusion saw of them.
    measuring : callable
        Waits until the whole map is taken, and gives what took it.
    fitness : InputQuality or None
        What the image is fit for; None for bands that no one sees as colours.
    view_pixels_sha256 : mapping of str to str
        Digests of views as they were decoded, by their parts.
    tile : TileGeometry
        How the image was cut.
    region : Region or None
        The part that is analysed; None where that is all of it.
    """

    image: DecodedImage
    pixels: Image
    corrections: Corrections
    scale: Scale | None
    resampling: Resampling
    allowed: tuple[int, ...]
    segmentation: Segmentation
    segmented: Literal["image", "panorama", "fields"]
    overlay: Overlay | None
    picture: Image
    crossed: CrossedViews | None
    measuring: Callable[[], Measuring]
    fitness: InputQuality | None
    view_pixels_sha256: Mapping[str, str]
    tile: TileGeometry
    region: Region | None


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
    allowed = _possible_codes(request, card)
    with watch.stage("decode"):
        image = decode_for(card, given.data, given.limits, given.workspace)
        region = _region(given, image.pixels)
    pixels = _evened(image.pixels, given, card, watch)
    # Views are matched by structure, so the colours of the camera do as well as calibrated ones.
    digests: dict[str, str] = {}
    overlay, crossed = _views_over(pixels, given, card, watch, digests)
    pixels = corrections.coloured(pixels, given.workspace)
    scale = _scale(request, image)
    resampling = choose_resampling(
        card,
        um_per_px=None if scale is None else scale.um_per_px,
        factor=request.resampling_factor,
    )
    covered = None if given.covered is None else given.covered(given.workspace)
    # A panorama was made straight already: no analysis of one names a lens.
    valid = within(region, corrections.photographed() if covered is None else covered)
    # Where fields are segmented, the map that is joined of theirs tells what they show.
    mapped = valid if given.in_parts is None else None
    predictor = predictor_for(allowed)
    segment_bands = _segmenter(card, predictor, resampling, given.workspace, on_progress, mapped)

    def made(tile: TileGeometry) -> _Made:
        return _map_of(pixels, crossed, given, card, segment_bands, allowed, tile)

    with watch.stage("segmentation"), _judged(pixels, card, valid) as judged:
        (segmentation, measured), tile = with_fitting_tiles(card.tile, made)
    return Seen(
        image=image,
        pixels=pixels,
        corrections=corrections,
        scale=scale,
        resampling=resampling,
        allowed=allowed,
        segmentation=segmentation,
        segmented="fields" if given.in_parts else "image" if covered is None else "panorama",
        overlay=overlay,
        picture=_picture(pixels, card, given.workspace),
        crossed=crossed,
        measuring=measured,
        fitness=judged(),
        view_pixels_sha256=digests,
        tile=tile,
        region=region,
    )


def _possible_codes(request: AnalysisRequest, card: ModelCard) -> tuple[int, ...]:
    if request.association is None:
        return card.classes
    return parse_association(request.association, classes=card.classes)


def _region(given: Given, pixels: Image) -> Region | None:
    part = given.request.region
    if part is None:
        return None
    shape = (pixels.shape[0], pixels.shape[1])
    lens = given.corrections.lens
    return read_region(given.parts[part](), shape, limits=given.limits, lens=lens, name=part)


def _evened(pixels: Image, given: Given, card: ModelCard, watch: StopWatch) -> Image:
    _require_small_enough(pixels, given.request, card)
    if given.corrections == Corrections():
        return pixels
    with watch.stage("calibration"):
        return given.corrections.evened(pixels)


def _require_small_enough(pixels: Image, request: AnalysisRequest, card: ModelCard) -> None:
    """Refuse what is laid over, or evened, as a whole and so would take as much memory."""
    whole = [name for name in ("views", "region", "flat_field", "lens") if getattr(request, name)]
    whole += [f"{card.name}, a model of crossed polars,"] if is_fusion(card) else []
    area_px = pixels.shape[0] * pixels.shape[1]
    if whole and area_px > MAX_WHOLE_PX:
        msg = (
            f"the image has {area_px} pixels and the request names {', '.join(whole)} for which an "
            f"image has at most {MAX_WHOLE_PX}; leave that out, send a crop, or stitch single "
            "fields, of which each is corrected by itself"
        )
        raise ImageTooLargeError(msg)


def _picture(pixels: Image, card: ModelCard, workspace: Workspace) -> Image:
    if not sees_bands(card):
        return pixels
    return picture(pixels, card.channels, card.shown_channels, workspace)


def _views_over(
    pixels: Image, given: Given, card: ModelCard, watch: StopWatch, digests: dict[str, str]
) -> tuple[Overlay | None, CrossedViews | None]:
    """Lay the views over the image, and gather what a model of XPL fusion sees of them."""

    def note(part: str, view: Image) -> None:
        # A view is decoded more than once, so that few are in memory.
        if part not in digests:
            digests[part] = sha256_hex(np.ascontiguousarray(view).data)

    colour, request = CrossedColour(), given.request
    gather = colour.add if is_fusion(card) else None
    overlay = lay_over(
        pixels,
        request,
        given.parts,
        given.limits,
        given.corrections,
        watch,
        on_crossed=gather,
        on_decoded=note,
    )
    return overlay, None if gather is None else CrossedViews.of(card, request, colour, overlay)


def _alone(photograph: Image, card: ModelCard) -> Image:
    """What a model sees of a photograph over which no views lie."""
    return fused_input(photograph) if is_fusion(card) else photograph


def _measuring(pixels: Image, given: Given, allowed: tuple[int, ...]) -> Measuring:
    """What takes the map of an image while it is being made."""
    request = given.request
    return Measuring(
        (pixels.shape[0], pixels.shape[1]),
        MeasuringOptions(
            min_grain_area_px=request.min_grain_area_px,
            touching_grains=request.touching_grains,
            not_analysed=request.modal.not_analysed,
            looked_for=allowed,
        ),
        given.workspace,
    )


def _map_of(
    pixels: Image,
    crossed: CrossedViews | None,
    given: Given,
    card: ModelCard,
    segment_bands: _SegmentBands,
    allowed: tuple[int, ...],
    tile: TileGeometry,
) -> _Made:
    """Make the map, and measure it on the way; the last rows may still be measured afterwards."""
    measuring = _measuring(pixels, given, allowed)
    if given.in_parts is None:
        with Alongside(measuring.add) as alongside:
            seen = pixels if crossed is None else crossed.fused(pixels)
            segmentation = segment_bands(seen, alongside.take, tile)

        def measured() -> Measuring:
            alongside.finish()
            return measuring

        return segmentation, measured

    def segment_part(part: Image) -> Segmentation:
        return segment_bands(_alone(given.corrections.coloured(part), card), None, tile)

    joined = given.in_parts(segment_part, given.workspace)
    for rows in row_strips(*joined.labels.shape):
        measuring.add(joined.labels[rows])
    return joined, lambda: measuring


@contextmanager
def _judged(
    pixels: Image, card: ModelCard, valid: NDArray[np.bool_] | None
) -> Iterator[Callable[[], InputQuality | None]]:
    """Judge an image in a thread beside the block; gives what waits for the verdict."""
    if sees_bands(card):
        yield lambda: None
        return
    with ThreadPoolExecutor(1, thread_name_prefix="judging") as pool:
        yield pool.submit(judge_input, pixels, card.training_colours_rgb, valid).result


def _segmenter(
    card: ModelCard,
    predictor: Predictor,
    resampling: Resampling,
    workspace: Workspace,
    on_progress: OnProgress | None,
    valid: NDArray[np.bool_] | None,
) -> _SegmentBands:
    """Make what brings an image to the pixel of the model, and its map back to the image."""

    def segment_bands(pixels: Image, on_band: OnBand | None, tile: TileGeometry) -> Segmentation:
        return segment(
            resample_image(pixels, resampling.factor, workspace),
            predictor,
            geometry=tile,
            codes=card.classes,
            output_shape=(pixels.shape[0], pixels.shape[1]),
            # A predictor that fills batches says how many tiles it wants to have at hand.
            batch_size=getattr(predictor, "tiles_at_once", 1),
            on_progress=on_progress,
            on_band=on_band,
            valid=valid,
            workspace=workspace,
        )

    return segment_bands


def _scale(request: AnalysisRequest, image: DecodedImage) -> Scale | None:
    if request.um_per_px is not None:
        return Scale(um_per_px=request.um_per_px, source="request")
    if image.um_per_px is not None:
        return Scale(um_per_px=image.um_per_px, source=image.scale_source or "image file")
    return None
