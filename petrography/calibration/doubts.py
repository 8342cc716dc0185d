"""What can be wrong with anchors and with a fit: what is refused and what is warned of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from petrography.calibration.anchors import Anchor
from petrography.calibration.colour_calibration import FittedAnchor, Model
from petrography.calibration.colour_difference import ciede2000, lab_of_levels
from petrography.calibration.colour_matrix import AFFINE_ANCHORS, corrected_light
from petrography.calibration.reference import SATURATED_FRACTION, ColourReference
from petrography.calibration.tone_curve import levels_to_light
from petrography.errors import InvalidParameterError
from petrography.images import Image
from petrography.minerals import MINERALS

__all__ = [
    "require_different_colours",
    "require_light_in_every_channel",
    "usable_anchors",
    "warnings_about_fit",
    "warnings_about_pixels",
]

_Floats = NDArray[np.float64]
_CHANNELS = ("red", "green", "blue")

# Warned of above these: a condition number that leaves rounding errors three digits, a residual
# that the eye sees at once, a share of pixels that is more than specular specks.
_MAX_CONDITION = 1e3
_MAX_RESIDUAL = 3.0
_MAX_CLIPPED_FRACTION = 0.01
# Two colours nearer than this are one, as the noise of a photograph goes.
_ONE_COLOUR = 1.5
# A channel that nowhere rises above this level holds rounding and noise only.
_BLACK_CHANNEL_LEVEL = 4.0
# A mineral this dark says little about the gain: below it flare and offset are most of the light.
_DARK_LIGHT = 0.05


def usable_anchors(
    anchors: Sequence[Anchor], reference: ColourReference
) -> tuple[list[Anchor], tuple[str, ...]]:
    """Keep the anchors that have a reference and a measurable colour; say which were left out.

    Raises
    ------
    InvalidParameterError
        If none is left.
    """
    unknown = [one for one in anchors if reference.colour_of(one.code) is None]
    saturated = [
        one for one in anchors if one.clipped_fraction > SATURATED_FRACTION and one not in unknown
    ]
    kept = [one for one in anchors if one not in unknown and one not in saturated]
    left_out = []
    if unknown:
        left_out.append(f"{_names(unknown)} left out: no colour in reference {reference.name}")
    if saturated:
        left_out.append(f"{_names(saturated)} left out: mostly saturated, so of unknown colour")
    if kept:
        return kept, tuple(left_out)
    codes = [one.code for one in reference.colours]
    msg = (
        f"no labelled phase can be used ({'; '.join(left_out)}); wanted unsaturated phases with "
        f"codes of {codes}"
    )
    raise InvalidParameterError(msg)


def require_different_colours(
    anchors: Sequence[Anchor], seen: _Floats, wanted: _Floats
) -> tuple[str, ...]:
    """Check that labelled phases have different colours in the photograph.

    Returns
    -------
    tuple of str
        A warning where all are of one colour and the reference has them alike too: then only
        gains can be fitted. Empty where they differ.

    Raises
    ------
    InvalidParameterError
        If all are of one colour although the reference tells them apart.
    """
    if len(anchors) == 1 or _diameter(seen) > _ONE_COLOUR:
        return ()
    if _diameter(wanted) > 2 * _ONE_COLOUR:
        msg = (
            f"{_names(anchors)} all have one colour in the photograph, but differ by "
            f"{_diameter(wanted):.0f} CIEDE2000 units in the reference; the labels do not fit the "
            "photograph: label places where the minerals are seen to differ"
        )
        raise InvalidParameterError(msg)
    return (f"{_names(anchors)} have one colour: only a gain for each channel was fitted",)


def require_light_in_every_channel(seen: _Floats) -> None:
    """Check that red, green and blue of the labelled phases can be measured.

    Parameters
    ----------
    seen : ndarray of float64, shape (anchors, 3)
        Levels, 0-255.

    Raises
    ------
    InvalidParameterError
        If a channel is black in every labelled phase.
    """
    brightest = seen.max(axis=0)
    black = [name for k, name in enumerate(_CHANNELS) if brightest[k] <= _BLACK_CHANNEL_LEVEL]
    if black:
        msg = (
            f"{' and '.join(black)} is black in every labelled phase, and no correction brings "
            "back what was not recorded; take the filter out, or label a brighter phase"
        )
        raise InvalidParameterError(msg)


def warnings_about_fit(
    fitted: Sequence[FittedAnchor], model: Model, condition: float
) -> tuple[str, ...]:
    """Doubts about how well the anchors settle the model and how well it reaches them."""
    warnings = []
    if model == "affine" and condition > _MAX_CONDITION:
        warnings.append(
            f"the condition number is {condition:.0f}, above {_MAX_CONDITION:.0f}: the labelled "
            "phases are too alike to settle an affine matrix, it was held near the white balance"
        )
    if model != "affine":
        # So many phases allow less only where all have one colour.
        enough = len(fitted) >= AFFINE_ANCHORS
        remedy = "label phases of different colours" if enough else "label four or more"
        warnings.append(f"the {len(fitted)} labelled phase(s) allow a {model} model only; {remedy}")
    if levels_to_light(np.array([one.seen_rgb for one in fitted])).max() < _DARK_LIGHT:
        warnings.append("all labelled phases are dark: the gains are uncertain, label a bright one")
    far = [one for one in fitted if one.distance_after > _MAX_RESIDUAL]
    if far:
        residuals = ", ".join(f"{_symbol(one.code)} {one.distance_after:.1f}" for one in far)
        warnings.append(
            f"still more than {_MAX_RESIDUAL:.0f} CIEDE2000 units from the reference: {residuals}; "
            "check these labels"
        )
    return tuple(warnings)


def warnings_about_pixels(images: Sequence[Image], matrix: _Floats) -> tuple[str, ...]:
    """Doubts about pixels that are saturated before or leave the range after the correction."""
    shares = [_clipped_fractions(pixels, matrix) for pixels in images]
    before, after = np.mean(shares, axis=0)
    warnings = []
    if before > _MAX_CLIPPED_FRACTION:
        warnings.append(
            f"{before:.1%} of the pixels are saturated in the photograph: their colour cannot be "
            "brought back, photograph with less exposure"
        )
    if after > before + _MAX_CLIPPED_FRACTION:
        warnings.append(
            f"the correction pushes {after - before:.1%} of the pixels over the white: the "
            "photograph is brighter than the reference"
        )
    return tuple(warnings)


def _clipped_fractions(pixels: Image, matrix: _Floats) -> tuple[float, float]:
    sample = np.ascontiguousarray(pixels[::4, ::4]).reshape(-1, 3)
    light = corrected_light(levels_to_light(sample.astype(np.float64)), matrix)
    return float((sample == 255).any(axis=1).mean()), float((light > 1.0).any(axis=1).mean())


def _diameter(colours_rgb: _Floats) -> float:
    lab = lab_of_levels(colours_rgb)
    return float(ciede2000(lab[:, None], lab[None]).max())


def _symbol(code: int) -> str:
    return MINERALS[code].symbol if code in MINERALS else f"code {code}"


def _names(anchors: Sequence[Anchor]) -> str:
    return ", ".join(_symbol(one.code) for one in anchors)
