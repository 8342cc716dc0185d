"""How the grains of an aggregate are turned: what bireflectance, extinction and lamellae follow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Orientations", "draw_orientations"]


@dataclass(frozen=True)
class Orientations:
    """Direction of the optic axis of each grain of a mosaic.

    Attributes
    ----------
    in_plane_rad : ndarray of float32, shape (N,)
        Direction of the axis as the section shows it, from the column axis towards the row axis,
        in [0, π): an axis has no sign. Row n belongs to cell n of the mosaic.
    polar_rad : ndarray of float32, shape (N,)
        Angle between the axis and the normal of the section, in [0, π/2].
    """

    in_plane_rad: NDArray[np.float32]
    polar_rad: NDArray[np.float32]

    def followed_by(self, more: Orientations) -> Orientations:
        """Orientations of these grains and then of others."""
        return Orientations(
            np.concatenate([self.in_plane_rad, more.in_plane_rad]),
            np.concatenate([self.polar_rad, more.polar_rad]),
        )


def draw_orientations(count: int, rng: np.random.Generator) -> Orientations:
    """Turn every grain at random, all directions in space being alike.

    Parameters
    ----------
    count : int
        Number of grains, the rows of `Mosaic.seeds_px`.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Orientations
        One direction for each grain.
    """
    in_plane = np.minimum(rng.uniform(0.0, math.pi, count), np.nextafter(math.pi, 0.0))
    # Equal areas of the sphere lie between equal steps of the cosine.
    polar = np.arccos(rng.uniform(0.0, 1.0, count))
    return Orientations(in_plane.astype(np.float32), polar.astype(np.float32))
