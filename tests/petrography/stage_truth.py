"""Views of one section at known places, and how far a registration is from them."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.images import Image

Matrix = NDArray[np.float64]

# Of the section around the reference, so that turned views show ore in every corner.
MARGIN_PX = 140


def turn(
    angle_deg: float, shape: tuple[int, int], *, scale: float = 1.0, shift: tuple[float, float]
) -> Matrix:
    """Turn about the middle of a view, scale and shift: from the view to the reference."""
    angle = math.radians(angle_deg)
    linear = scale * np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    middle = np.array([shape[1] - 1, shape[0] - 1]) / 2.0
    return np.column_stack([linear, middle + shift - linear @ middle])


def reference_of(section: Image) -> Image:
    """Middle of a section."""
    return np.ascontiguousarray(section[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX])


def view_of(
    section: Image,
    to_reference: Matrix,
    shape: tuple[int, int],
    *,
    noise_levels: float = 0.0,
    seed: int = 0,
) -> Image:
    """What a camera sees of a section at a known place, with noise of its own."""
    to_section = to_reference + np.array([[0.0, 0.0, MARGIN_PX], [0.0, 0.0, MARGIN_PX]])
    view = cv2.warpAffine(
        section, to_section, shape[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    ).astype(np.float64)
    view += noise_levels * np.random.default_rng(seed).standard_normal(view.shape)
    return np.clip(np.rint(view), 0, 255).astype(np.uint8)


def error_px(found: Matrix, true: Matrix, shape: tuple[int, int]) -> float:
    """Root mean square distance over a lattice of points of a view."""
    x, y = np.meshgrid(np.linspace(0, shape[1] - 1, 9), np.linspace(0, shape[0] - 1, 9))
    points = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    return float(np.sqrt((((found - true) @ points) ** 2).sum(axis=0).mean()))
