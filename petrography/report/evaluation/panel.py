"""Image, truth, prediction and errors of one field side by side."""

from __future__ import annotations

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from petrography.accuracy import error_map
from petrography.errors import LabelImageError
from petrography.images import Image, Labels
from petrography.minerals import MINERALS, UNLABELLED_CODE, palette

__all__ = ["panel"]

# Larger than it is shown at 110 dots an inch, so that nothing is drawn from too few pixels.
_LONG_SIDE_PX = 640
_LONGEST_SHAPE = 4.0


def panel(image: Image | None, truth: Labels, prediction: Labels, *, title: str) -> Figure:
    """Draw a field, its truth, its prediction and where they differ.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3), or None
        The photograph; left out when None.
    truth, prediction : ndarray of uint8, shape (height, width)
        Codes; 255 in the truth is not annotated.
    title : str
        Written above.

    Raises
    ------
    LabelImageError
        If the shapes differ.
    """
    if image is not None and image.shape[:2] != truth.shape:
        msg = f"image is {image.shape[:2]} px, truth {truth.shape}; wanted the same size"
        raise LabelImageError(msg)
    colours = palette()
    pictures = {
        "truth": colours[_smaller(truth)],
        "prediction": colours[_smaller(prediction)],
        "errors": error_map(_smaller(truth), _smaller(prediction)),
    }
    if image is not None:
        pictures = {"image": _smaller(image, cv2.INTER_AREA), **pictures}
    height, width = truth.shape
    tile_inch = 3.6
    # A field of one row or one column has no other room for its titles, and is no endless page.
    shape = min(max(height / width, 1 / _LONGEST_SHAPE), _LONGEST_SHAPE)
    figure = Figure(
        figsize=(tile_inch * len(pictures), tile_inch * shape + 1.1), layout="constrained"
    )
    figure.suptitle(title)
    for axes, (name, picture) in zip(
        figure.subplots(1, len(pictures)), pictures.items(), strict=True
    ):
        axes.imshow(picture, interpolation="nearest")
        axes.set_title(name, fontsize=10)
        axes.set_axis_off()
    figure.legend(
        handles=_legend(truth, prediction), loc="outside lower center", ncols=8, fontsize=8
    )
    return figure


def _smaller(pixels: Image | Labels, interpolation: int = cv2.INTER_NEAREST) -> Image | Labels:
    height, width = pixels.shape[:2]
    factor = min(1.0, _LONG_SIDE_PX / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return cv2.resize(pixels, size, interpolation=interpolation).view(np.uint8)


def _legend(truth: Labels, prediction: Labels) -> list[Patch]:
    colours = palette() / 255.0
    codes = sorted({*np.unique(truth).tolist(), *np.unique(prediction).tolist()})
    minerals = [
        Patch(
            facecolor=colours[code], edgecolor="black", linewidth=0.5, label=MINERALS[code].symbol
        )
        for code in codes
        if code in MINERALS
    ]
    ends = error_map(
        np.array([[0, 0, UNLABELLED_CODE]], dtype=np.uint8), np.array([[0, 1, 0]], dtype=np.uint8)
    )
    verdicts = [
        Patch(facecolor=colour, edgecolor="black", linewidth=0.5, label=label)
        for colour, label in zip(ends[0] / 255.0, ("right", "wrong", "not annotated"), strict=True)
    ]
    return [*minerals, *verdicts]
