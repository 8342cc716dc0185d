"""Label images whose boundaries are known, and false ribbons to plant along them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.gaussian_fields import gaussian_field

Labels = NDArray[np.uint8]


def disc(radius_px: float, *, shape: tuple[int, int] = (220, 240), inside: int = 1) -> Labels:
    """A disc in the middle, its centre between pixels."""
    row, column = np.indices(shape)
    distance = np.hypot(row - shape[0] / 2 + 0.3, column - shape[1] / 2 + 0.2)
    return np.where(distance < radius_px, inside, 0).astype(np.uint8)


def layers(
    angle_deg: float, edges_px: list[float], codes: list[int], shape: tuple[int, int] = (160, 200)
) -> Labels:
    """Straight layers; edges are distances from the middle along the normal of the layers."""
    row, column = np.indices(shape)
    angle = math.radians(angle_deg)
    across = (column - shape[1] / 2 + 0.37) * math.cos(angle)
    across += (row - shape[0] / 2 + 0.21) * math.sin(angle)
    return np.asarray(codes, dtype=np.uint8)[np.searchsorted(edges_px, across)]


def bodies(seed: int, length_px: float, codes: tuple[int, ...] = (0, 1, 6, 8)) -> Labels:
    """Rounded bodies of several phases: whichever of smooth random fields is highest."""
    fields = [
        gaussian_field((300, 400), [length_px], np.random.default_rng([seed, k]))
        for k in range(len(codes))
    ]
    return np.asarray(codes, dtype=np.uint8)[np.argmax(fields, axis=0)]


def with_halos(labels: Labels, code: int, *, both_sides: bool) -> Labels:
    """Ribbons of a phase along all boundaries: 1 px wide on one side, or on both sides 2 px."""
    planted = labels.copy()
    for axis in range(2):
        first, second = (
            np.moveaxis(planted, axis, 0)[part] for part in (slice(-1), slice(1, None))
        )
        truth = np.moveaxis(labels, axis, 0)
        unlike = truth[:-1] != truth[1:]
        first[unlike] = code
        if both_sides:
            second[unlike] = code
    return planted
