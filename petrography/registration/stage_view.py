"""One photograph of a place on a rotating stage."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from petrography.images import Image

__all__ = ["MAX_STAGE_ANGLE_DEG", "Light", "StageView"]

# Ten turns either way: more than any stage reads, and few enough that differences stay exact.
MAX_STAGE_ANGLE_DEG = 3600.0

Light: TypeAlias = Literal["PPL", "XPL"]


@dataclass(frozen=True)
class StageView:
    """One photograph of a place on a stage.

    Attributes
    ----------
    name : str
        What results and messages call it.
    pixels : ndarray of uint8, shape (height, width, 3), or a function that gives it
        sRGB. A function is called whenever the pixels are needed, so that only a few views are in
        memory at once.
    light : {"PPL", "XPL"}
        Plane-polarised, or between crossed polars.
    stage_angle_deg : float or None
        Reading of the stage, of either sense, -3600 to 3600; None if unknown.
    valid : ndarray of bool, shape (height, width), or None
        Which pixels show something, where a lens was corrected; None where all do.
    """

    name: str
    pixels: Image | Callable[[], Image]
    light: Light = "PPL"
    stage_angle_deg: float | None = None
    valid: NDArray[np.bool_] | None = None

    def read(self) -> Image:
        """Give the pixels."""
        return self.pixels() if callable(self.pixels) else self.pixels

    def turned_since_deg(self, reference: StageView) -> float | None:
        """Turn of the stage since the reference, whose own angle is 0 if unknown."""
        if self.stage_angle_deg is None:
            return None
        return self.stage_angle_deg - (reference.stage_angle_deg or 0.0)

    def is_turned_as(self, other: StageView) -> bool:
        """Tell whether the stage stood at one known angle for both."""
        if self.stage_angle_deg is None or other.stage_angle_deg is None:
            return False
        turn_deg = self.stage_angle_deg - other.stage_angle_deg
        return math.isclose(math.remainder(turn_deg, 360.0), 0.0, abs_tol=1e-6)
