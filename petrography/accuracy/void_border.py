"""Truth without the borders of phases, where annotators do not agree either."""

from __future__ import annotations

import cv2
import numpy as np

from petrography.errors import InvalidParameterError
from petrography.images import Labels, require_labels
from petrography.minerals import UNLABELLED_CODE

__all__ = ["void_border"]


def void_border(truth: Labels, radius_px: int, *, frame_px: int | None = None) -> Labels:
    """Take out of the truth what no annotator draws to the pixel: the borders of phases.

    Parameters
    ----------
    truth : ndarray of uint8, shape (height, width)
        Codes, 255 where nothing is annotated.
    radius_px : int
        A pixel within this distance, centre to centre, of a pixel of another class becomes 255.
        0 changes nothing.
    frame_px : int, optional
        Width of the frame along the image edge that becomes 255 too; `radius_px` when omitted.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        A new label image.

    Raises
    ------
    InvalidParameterError
        If a width is negative.
    """
    frame_px = radius_px if frame_px is None else frame_px
    if radius_px < 0 or frame_px < 0:
        msg = f"radius_px is {radius_px}, frame_px {frame_px}; wanted 0 or more pixels"
        raise InvalidParameterError(msg)
    offsets = np.arange(-radius_px, radius_px + 1) ** 2
    disc = (offsets[:, None] + offsets[None, :] <= radius_px**2).astype(np.uint8)
    unlabelled = require_labels(truth) == UNLABELLED_CODE
    # 255 is above every class for the minimum; for the maximum it is put below them, so that
    # the rim of an unannotated area is no border between classes.
    highest = cv2.dilate(np.where(unlabelled, np.uint8(0), truth), disc)
    lowest = cv2.erode(truth, disc)
    void = np.where((highest != truth) | (lowest != truth), np.uint8(UNLABELLED_CODE), truth)
    inner = np.full_like(truth, UNLABELLED_CODE)
    core = (slice(frame_px, truth.shape[0] - frame_px), slice(frame_px, truth.shape[1] - frame_px))
    if min(truth.shape) > 2 * frame_px:
        inner[core] = void[core]
    return inner
