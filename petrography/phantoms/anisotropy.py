"""Optical anisotropy and internal reflections of the phases of polished ore.

Reflectances of the rays are published (see `reflectances`). Phase differences are not, for most
minerals: the values here are of the usual size and chosen so that colour and strength between
crossed polars come near the descriptions (chalcopyrite weak grey-blue, pyrrhotite strong yellowish
to bluish grey, arsenopyrite and marcasite strong blue-green to brown, covellite fiery orange). They
are parameters of the picture, not data. The same holds for internal reflections.

References
----------
Uytenbogaardt & Burke 1971, *Tables for Microscopic Identification of Ore Minerals* (descriptions).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.optics import linear_rgb

__all__ = ["ANISOTROPIES", "INTERNAL_REFLECTIONS", "Anisotropy", "InternalReflection"]


@dataclass(frozen=True)
class Anisotropy:
    """Two rays of one mineral.

    Attributes
    ----------
    across_name, along_name : str
        Reflectances across and along the optic axis, keys of `REFLECTANCES`.
    half_distance_percent : float
        Taken from the first and added to the second, where only their mean is known.
    phase_difference_deg : tuple of float
        Of the ray across against the ray along the axis, for red, green and blue.
    """

    across_name: str
    along_name: str
    phase_difference_deg: tuple[float, float, float]
    half_distance_percent: float = 0.0

    def across(self) -> NDArray[np.float64]:
        """Linear RGB of the ray across the axis."""
        return np.maximum(linear_rgb(self.across_name) - self.half_distance_percent / 100.0, 0.0)

    def along(self) -> NDArray[np.float64]:
        """Linear RGB of the ray along the axis."""
        return linear_rgb(self.along_name) + self.half_distance_percent / 100.0


@dataclass(frozen=True)
class InternalReflection:
    """Light that enters a translucent mineral and comes out again unpolarised.

    Attributes
    ----------
    rgb : tuple of float
        Fraction of the incident light where the mineral glows most, linear.
    coverage : float
        Share of the mineral that glows.
    """

    rgb: tuple[float, float, float]
    coverage: float


# By LumenStone code. What is not here is isotropic.
ANISOTROPIES: dict[int, Anisotropy] = {
    1: Anisotropy("chalcopyrite", "chalcopyrite", (2.5, 3.5, 4.0), half_distance_percent=0.6),
    4: Anisotropy("bornite R1", "bornite R2", (3.5, 2.5, 2.0)),
    5: Anisotropy("pyrrhotite Ro", "pyrrhotite Re", (6.5, 5.5, 4.5)),
    9: Anisotropy("arsenopyrite R1", "arsenopyrite R2", (5.0, 7.5, 9.0)),
    10: Anisotropy("hematite Ro", "hematite Re", (4.0, 4.5, 5.5)),
    12: Anisotropy("covellite Ro", "covellite Re", (22.0, 8.0, 4.0)),
    13: Anisotropy("marcasite R1", "marcasite R2", (5.0, 8.0, 9.5)),
}

INTERNAL_REFLECTIONS: dict[int, InternalReflection] = {
    0: InternalReflection((0.012, 0.011, 0.010), 0.8),
    8: InternalReflection((0.024, 0.013, 0.0045), 0.35),
    10: InternalReflection((0.016, 0.002, 0.001), 0.12),
    11: InternalReflection((0.008, 0.0025, 0.001), 0.04),
}
