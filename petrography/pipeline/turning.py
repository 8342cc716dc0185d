"""Other views of the analysed place: laid over it, and what crossed polars say of each phase."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.calibration import Corrections
from petrography.image_codec import ImageLimits, decode_image
from petrography.images import Image, Labels
from petrography.minerals import UNLABELLED_CODE, mineral
from petrography.pipeline.named_parts import PartReaders
from petrography.pipeline.request import AnalysisRequest
from petrography.pipeline.stop_watch import StopWatch
from petrography.registration import (
    AnisotropyMap,
    Overlay,
    StageView,
    overlay_views,
    register_views,
)
from petrography.report import PhaseAnisotropy

__all__ = ["IMAGE_NAME", "lay_over", "phase_anisotropy"]

# What reports call the analysed image.
IMAGE_NAME = "image"


def lay_over(
    image: Image,
    request: AnalysisRequest,
    parts: PartReaders,
    limits: ImageLimits,
    corrections: Corrections,
    watch: StopWatch,
    *,
    on_crossed: Callable[[Image, NDArray[np.bool_]], None] | None = None,
    on_decoded: Callable[[str, Image], None] | None = None,
) -> Overlay | None:
    """Lay the views of a request over the analysed image; None without views.

    `corrections` take shading and distortion of the microscope from a view, as from the image.
    `on_crossed` takes the views between crossed polars, see `petrography.registration.overlay_views`.
    `on_decoded` takes every view as its file holds it, whenever it is decoded.

    Raises
    ------
    ImageError
        If a view is no image that can be read, or has over 150 million pixels.
    RegistrationError
        If a view does not fit with certainty.
    """
    if not request.views:
        return None

    within = limits.of_whole()

    def pixels(part: str) -> Image:
        decoded = decode_image(parts[part](), limits=within, name=part).pixels
        if on_decoded is not None:
            on_decoded(part, decoded)
        return corrections.evened(decoded)

    valid = corrections.photographed()
    moving = [
        StageView(view.part, partial(pixels, view.part), view.light, view.stage_angle_deg, valid)
        for view in request.views
    ]
    reference = StageView(IMAGE_NAME, image, "PPL", 0.0)
    with watch.stage("registration"):
        report = register_views(reference, moving)
        return overlay_views(reference, moving, report, on_crossed=on_crossed)


def phase_anisotropy(labels: Labels, found: AnisotropyMap) -> tuple[PhaseAnisotropy, ...]:
    """Tell for every phase of a mineral map how it changes with the stage.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes.
    found : AnisotropyMap
        Of the same field; a smaller map is compared with every so-manieth label.
    """
    height_px, width_px = found.tested.shape
    seen = np.asarray(
        cv2.resize(labels, (width_px, height_px), interpolation=cv2.INTER_NEAREST_EXACT)
    )
    return tuple(
        _of_phase(int(code), seen == code, found)
        for code in np.unique(seen)
        if code != UNLABELLED_CODE
    )


def _of_phase(code: int, here: NDArray[np.bool_], found: AnisotropyMap) -> PhaseAnisotropy:
    tested = here & found.tested
    tested_px = int(tested.sum())
    phase = mineral(code)
    return PhaseAnisotropy(
        code=code,
        symbol=phase.symbol,
        name=phase.name,
        tested_px=tested_px,
        anisotropic_percent=(
            round(100.0 * int(found.anisotropic[tested].sum()) / tested_px, 4)
            if tested_px
            else None
        ),
        median_amplitude=round(float(np.median(found.amplitude[tested])), 6) if tested_px else None,
    )
