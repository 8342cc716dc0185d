"""From a photograph with some labels, or a white, to a stored colour calibration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from petrography.calibration.anchors import (
    Anchor,
    Colour,
    colour_anchors,
    pixels_sha256,
    weight_of_area,
)
from petrography.calibration.colour_calibration import (
    CalibrationInput,
    ColourCalibration,
    FittedAnchor,
    Mode,
    Model,
)
from petrography.calibration.colour_difference import ciede2000, lab_of_levels
from petrography.calibration.colour_matrix import (
    condition_number,
    corrected_light,
    fit_matrix,
    model_for,
)
from petrography.calibration.doubts import (
    require_different_colours,
    require_light_in_every_channel,
    usable_anchors,
    warnings_about_fit,
    warnings_about_pixels,
)
from petrography.calibration.reference import ColourReference
from petrography.calibration.tone_curve import GAMMA, levels_to_light, light_to_levels
from petrography.errors import InvalidParameterError, MissingPartError
from petrography.images import Image, Labels, require_image

__all__ = ["fit_calibration", "fit_series_calibration"]

_Floats = NDArray[np.float64]

# Rec. ITU-R BT.709: a white reference changes the hue, the luminance stays.
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_WHITE_LEVELS = (20.0, 254.0)


def fit_calibration(
    pixels: Image,
    labels: Labels | None,
    reference: ColourReference,
    *,
    white_rgb: Colour | None = None,
) -> ColourCalibration:
    """Fit the colour correction of one photograph.

    With labels of four or more phases the model is an affine matrix, with two or three a gain and
    an offset for each channel (where one has twice the light of another), else a gain for each channel. Without labels a white gives the
    hue; the exposure then stays as it is.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        The photograph, sRGB.
    labels : ndarray of uint8, shape (height, width), or None
        Codes of the phases where they are known, 255 elsewhere.
    reference : ColourReference
        Colours to reach.
    white_rgb : tuple of float, optional
        Colour of a neutral mirror or white plate in the same light, 0-255, instead of labels.

    Returns
    -------
    ColourCalibration
        To be applied with `apply_calibration`, also to other photographs of the same set-up.

    Raises
    ------
    MissingPartError
        If neither labels nor a white is given.
    InvalidParameterError
        If both are given, the white is saturated or too dark, no labelled phase can be used, the
        labelled phases all have one colour, or a channel is black in all of them.
    LabelImageError
        If the labels have another size than the image or hold no phase.

    References
    ----------
    Indychko, Khvostikov, Korshunov & Boguslavskii 2022, doi:10.1007/s10598-023-09588-z.
    """
    require_image(pixels)
    if labels is None:
        if white_rgb is None:
            msg = (
                "neither labels nor a white is given; label some of each mineral in the "
                "photograph (255 elsewhere), or state the colour of a neutral white in its light"
            )
            raise MissingPartError(msg)
        return _from_white(pixels, white_rgb, reference)
    if white_rgb is not None:
        msg = "both labels and a white are given; labels tell more, so give only them"
        raise InvalidParameterError(msg)
    inputs = _input(pixels, labels)
    return _from_anchors(
        [colour_anchors(pixels, labels)], [pixels], (inputs,), reference, mode="individual"
    )


def fit_series_calibration(
    pairs: Iterable[tuple[Image, Labels]], reference: ColourReference
) -> ColourCalibration:
    """Fit one colour correction for all photographs of one microscope, lamp and camera setting.

    Parameters
    ----------
    pairs : iterable of (ndarray of uint8 (height, width, 3), ndarray of uint8 (height, width))
        Some photographs of the series with labels of some of their pixels, 255 elsewhere.
    reference : ColourReference
        Colours to reach.

    Returns
    -------
    ColourCalibration
        Fitted to the colours of the phases averaged over the photographs.

    Raises
    ------
    MissingPartError
        If there is no pair.
    InvalidParameterError, LabelImageError
        As `fit_calibration`.
    """
    anchors, samples, inputs = [], [], []
    for pixels, labels in pairs:
        anchors.append(colour_anchors(pixels, labels))
        samples.append(np.ascontiguousarray(pixels[::4, ::4]))
        inputs.append(_input(pixels, labels))
    if not anchors:
        msg = "a series of no photographs is given; give at least one with its labels"
        raise MissingPartError(msg)
    return _from_anchors(anchors, samples, tuple(inputs), reference, mode="series")


def _input(pixels: Image, labels: Labels) -> CalibrationInput:
    return CalibrationInput(image_sha256=pixels_sha256(pixels), labels_sha256=pixels_sha256(labels))


def _from_anchors(
    found: Sequence[Mapping[int, Anchor]],
    images: Sequence[Image],
    inputs: tuple[CalibrationInput, ...],
    reference: ColourReference,
    *,
    mode: Mode,
) -> ColourCalibration:
    anchors, left_out = usable_anchors(_pooled(found), reference)
    seen = np.array([one.colour_rgb for one in anchors])
    wanted = np.array([_known(reference, one.code) for one in anchors])
    require_light_in_every_channel(seen)
    one_colour = require_different_colours(anchors, seen, wanted)
    light = levels_to_light(seen)
    model = "white-balance" if one_colour else model_for(light)
    weights = np.array([weight_of_area(one.area_px) for one in anchors])
    matrix = fit_matrix(light, levels_to_light(wanted), weights, model)
    fitted = _fitted(anchors, wanted, weights, matrix)
    condition = condition_number(light)
    return ColourCalibration.of(
        mode=mode,
        model=model,
        gamma=GAMMA,
        matrix=matrix.tolist(),
        reference=reference.name,
        reference_sha256=reference.sha256,
        anchors=fitted,
        condition_number=round(condition, 1) if math.isfinite(condition) else None,
        inputs=inputs,
        warnings=(
            *left_out,
            *one_colour,
            *warnings_about_fit(fitted, model, condition),
            *warnings_about_pixels(images, matrix),
        ),
    )


def _known(reference: ColourReference, code: int) -> Colour:
    (colour,) = (one.colour_rgb for one in reference.colours if one.code == code)
    return colour


def _pooled(found: Sequence[Mapping[int, Anchor]]) -> list[Anchor]:
    """One anchor for each phase, averaged over images in linear light."""
    codes = sorted({code for anchors in found for code in anchors})
    return [_average([one[code] for one in found if code in one]) for code in codes]


def _average(anchors: Sequence[Anchor]) -> Anchor:
    if len(anchors) == 1:
        return anchors[0]
    weights = np.array([weight_of_area(one.area_px) for one in anchors])
    light = levels_to_light(np.array([one.colour_rgb for one in anchors]))
    areas = np.array([one.area_px for one in anchors])
    clipped = np.array([one.clipped_fraction for one in anchors])
    return Anchor(
        code=anchors[0].code,
        colour_rgb=_colour(light_to_levels(np.average(light, axis=0, weights=weights))),
        area_px=int(areas.sum()),
        clipped_fraction=float(np.average(clipped, weights=areas)),
    )


def _colour(levels: _Floats) -> Colour:
    red, green, blue = (round(float(one), 3) for one in levels)
    return red, green, blue


def _fitted(
    anchors: Sequence[Anchor], wanted: _Floats, weights: _Floats, matrix: _Floats
) -> tuple[FittedAnchor, ...]:
    seen = np.array([one.colour_rgb for one in anchors])
    corrected = light_to_levels(corrected_light(levels_to_light(seen), matrix))
    wanted_lab = lab_of_levels(wanted)
    before = ciede2000(lab_of_levels(seen), wanted_lab)
    after = ciede2000(lab_of_levels(corrected), wanted_lab)
    return tuple(
        FittedAnchor(
            code=one.code,
            seen_rgb=one.colour_rgb,
            corrected_rgb=_colour(corrected[k]),
            reference_rgb=_colour(wanted[k]),
            area_px=one.area_px,
            weight=round(float(weights[k]), 6),
            distance_before=round(float(before[k]), 3),
            distance_after=round(float(after[k]), 3),
        )
        for k, one in enumerate(anchors)
    )


def _from_white(pixels: Image, white_rgb: Colour, reference: ColourReference) -> ColourCalibration:
    low, high = _WHITE_LEVELS
    if not all(math.isfinite(one) and low <= one <= high for one in white_rgb):
        msg = (
            f"the white is {tuple(white_rgb)}; wanted three levels of {low:.0f}-{high:.0f}: a "
            "saturated or dark white has no measurable colour, photograph it with another exposure"
        )
        raise InvalidParameterError(msg)
    seen = levels_to_light(np.array(white_rgb))
    gains = levels_to_light(np.array(reference.white_rgb)) / seen
    gains *= (_LUMINANCE @ seen) / (_LUMINANCE @ (gains * seen))
    matrix = np.vstack([np.diag(gains), np.zeros(3)])
    model: Model = "white-balance"
    return ColourCalibration.of(
        mode="white-reference",
        model=model,
        gamma=GAMMA,
        matrix=matrix.tolist(),
        reference=reference.name,
        reference_sha256=reference.sha256,
        white_rgb=white_rgb,
        warnings=(
            "fitted to a white only: the hue is corrected, the exposure is not",
            *warnings_about_pixels([pixels], matrix),
        ),
    )
