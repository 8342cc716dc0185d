"""Patches of known colour, and what a known change of light makes of them."""

from __future__ import annotations

import numpy as np

from petrography.calibration import ColourReference, build_reference
from petrography.calibration.tone_curve import change_light
from petrography.images import Image, Labels

# Rounded means of six LumenStone phases.
COLOURS = {0: (44, 43, 40), 1: (184, 165, 130), 2: (156, 152, 145), 4: (137, 114, 99),
           6: (199, 185, 164), 8: (104, 101, 97)}  # fmt: skip


def patches(codes: tuple[int, ...] = tuple(COLOURS), side_px: int = 24) -> tuple[Image, Labels]:
    """One square a phase, side by side, with a rim of 12 unlabelled rows above and below."""
    labels = np.repeat(np.array(codes, dtype=np.uint8), side_px)[None].repeat(side_px, axis=0)
    pixels = np.zeros((256, 3), dtype=np.uint8)
    for code, colour in COLOURS.items():
        pixels[code] = colour
    unlabelled = np.full((12, labels.shape[1]), 255, dtype=np.uint8)
    framed = np.concatenate([unlabelled, labels, unlabelled])
    return pixels[np.concatenate([labels[:12], labels, labels[:12]])], framed


def behind(pixels: Image, matrix: np.ndarray, offset: float = 0.0) -> Image:
    """A photograph through an exactly known linear change (gamma 2.2, as is fitted)."""

    def change(light: np.ndarray, _: slice) -> np.ndarray:
        return (light @ matrix + offset).astype(np.float32)

    return change_light(pixels, change)


def reference_of(pixels: Image, labels: Labels) -> ColourReference:
    return build_reference([(pixels, labels)], "own", "the undistorted photograph")
