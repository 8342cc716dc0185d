"""A picture for people: the photograph with its minerals tinted and outlined, and a legend."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import LabelImageError
from petrography.images import Image, Labels, require_image, require_labels
from petrography.minerals import BACKGROUND_CODE, MINERALS, UNLABELLED_CODE, palette
from petrography.statistics.code_counts import code_counts

__all__ = ["overlay"]

_BAND_ROWS = 512
# Pixels of the longer side for each pixel of outline: two pixels on a full camera frame.
_SIDE_PER_OUTLINE_PX = 2000
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_PAPER_RGB, _INK_RGB = (250, 250, 250), (20, 20, 20)


def overlay(
    image: Image,
    labels: Labels,
    *,
    opacity: float = 0.35,
    legend: bool = True,
    counted: Labels | None = None,
) -> Image:
    """Paint the mineral map over the photograph.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The photograph; background and unannotated pixels stay as they are.
    labels : ndarray of uint8, shape (height, width)
        Mineral codes.
    opacity : float
        Strength of the tint, 0 to 1. Outlines of phases are opaque.
    legend : bool
        Whether to add a strip below with symbols, names and shares of the field.
    counted : ndarray of uint8, optional
        The map whose shares the legend tells, where `labels` is a smaller copy of it.

    Returns
    -------
    ndarray of uint8, shape (height + strip, width, 3)
        sRGB picture.

    Raises
    ------
    LabelImageError
        If the sizes differ.
    """
    if require_image(image).shape[:2] != require_labels(labels).shape:
        msg = f"labels are {labels.shape} px, image {image.shape[:2]}; wanted the same size"
        raise LabelImageError(msg)
    strip = np.empty((0, image.shape[1], 3), dtype=np.uint8)
    if legend:
        strip = _legend(labels.shape[1], _entries(labels if counted is None else counted))
    picture = np.empty((image.shape[0] + strip.shape[0], image.shape[1], 3), dtype=np.uint8)
    width_px = max(1, round(max(labels.shape) / _SIDE_PER_OUTLINE_PX))
    for top in range(0, image.shape[0], _BAND_ROWS):
        rows = slice(top, min(top + _BAND_ROWS, image.shape[0]))
        colours = _colours(labels[rows])
        band = _tinted(image[rows], labels[rows], colours, opacity)
        picture[rows] = cv2.copyTo(colours, _outlines(labels, rows, width_px), band)
    picture[image.shape[0] :] = strip
    return picture


def _colours(labels: Labels) -> Image:
    # OpenCV looks up, and copies under a mask, several times faster than indexing with an array.
    colours = cv2.LUT(cv2.merge([labels, labels, labels]), palette()[np.newaxis])
    return np.asarray(colours, dtype=np.uint8)


def _tinted(image: Image, labels: Labels, colours: Image, opacity: float) -> Image:
    mixed = cv2.addWeighted(image, 1.0 - opacity, colours, opacity, 0.0)
    bare = (labels == BACKGROUND_CODE) | (labels == UNLABELLED_CODE)
    return np.asarray(cv2.copyTo(image, bare.view(np.uint8), mixed), dtype=np.uint8)


def _outlines(labels: Labels, rows: slice, width_px: int) -> NDArray[np.uint8]:
    """Mask (0 or 1) of the pixels of minerals within `width_px` of another phase."""
    top, bottom = max(rows.start - width_px, 0), min(rows.stop + width_px, len(labels))
    around = labels[top:bottom]
    square = np.ones((2 * width_px + 1, 2 * width_px + 1), dtype=np.uint8)
    border = cv2.dilate(around, square) != cv2.erode(around, square)
    border &= (around != BACKGROUND_CODE) & (around != UNLABELLED_CODE)
    return np.asarray(border[rows.start - top : rows.stop - top], dtype=np.uint8)


@dataclass(frozen=True)
class _Entry:
    text: str
    colour_rgb: tuple[int, int, int]


def _legend(width_px: int, entries: list[_Entry]) -> Image:
    """Lay the entries out in rows, as many to a row as fit."""
    line_px = max(12, round(width_px / 45))
    scale = line_px * 0.55 / cv2.getTextSize("Hg", _FONT, 1.0, 1)[0][1]
    stroke_px = max(1, round(line_px / 18))
    entry_px = line_px * 2 + max(
        (cv2.getTextSize(entry.text, _FONT, scale, stroke_px)[0][0] for entry in entries),
        # Where nothing is labelled there is no legend.
        default=0,
    )
    columns = max(1, width_px // entry_px)
    strip = np.full(
        (-(-len(entries) // columns) * line_px * 3 // 2, width_px, 3), _PAPER_RGB, np.uint8
    )
    for k, entry in enumerate(entries):
        top, left = (
            k // columns * line_px * 3 // 2 + line_px // 4,
            k % columns * entry_px + line_px // 2,
        )
        swatch = (left, top), (left + line_px, top + line_px)
        cv2.rectangle(strip, *swatch, entry.colour_rgb, cv2.FILLED)
        cv2.rectangle(strip, *swatch, _INK_RGB, 1)
        origin = (left + line_px * 5 // 4, top + round(line_px * 0.78))
        cv2.putText(strip, entry.text, origin, _FONT, scale, _INK_RGB, stroke_px, cv2.LINE_AA)
    return strip


def _entries(labels: Labels) -> list[_Entry]:
    counts = code_counts(labels)
    counts[UNLABELLED_CODE] = 0
    share = 100.0 * counts / max(counts.sum(), 1)
    return [
        _Entry(f"{phase.symbol} {share[code]:.1f} %", phase.colour_rgb)
        for code, phase in MINERALS.items()
        if counts[code]
    ]
