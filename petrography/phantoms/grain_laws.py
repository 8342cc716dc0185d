"""How large the grains of an aggregate are and how their boundaries run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from petrography.phantoms.coarse_grids import Shape
from petrography.phantoms.mosaics import (
    Mosaic,
    johnson_mehl_mosaic,
    laguerre_mosaic,
    voronoi_mosaic,
)

__all__ = ["GrainLaw", "GrainModel", "draw_grains"]

GrainModel: TypeAlias = Literal["voronoi", "laguerre", "johnson-mehl"]


@dataclass(frozen=True)
class GrainLaw:
    """Law of a mosaic.

    Attributes
    ----------
    diameter_px : float
        Square root of the mean area of a grain.
    model : {"voronoi", "laguerre", "johnson-mehl"}
        Grains of about one size; grains of a wide range of sizes; grains that were born one after
        the other and grew until they met, with bent boundaries.
    spread : float
        Of "laguerre": standard deviation of the logarithm of the radius of a grain. Of
        "johnson-mehl": time between the first birth and the last, in `diameter_px` of growth.
    """

    diameter_px: float
    model: GrainModel = "voronoi"
    spread: float = 0.0


def draw_grains(
    law: GrainLaw, shape: Shape, coarseness: float, rng: np.random.Generator, *, step: int
) -> Mosaic:
    """Tessellate an image by a law.

    Parameters
    ----------
    law : GrainLaw
        The law.
    shape : tuple of int
        Rows and columns.
    coarseness : float
        Factor on the diameter.
    rng : numpy.random.Generator
        Source of chance.
    step : int
        Power of two; cells are exact on a grid of this step.

    Returns
    -------
    Mosaic
        The grains.
    """
    diameter_px = law.diameter_px * coarseness
    if law.model == "laguerre":
        return laguerre_mosaic(shape, diameter_px, law.spread, rng, step=step)
    if law.model == "johnson-mehl":
        return johnson_mehl_mosaic(shape, diameter_px, law.spread, rng, step=step)
    return voronoi_mosaic(shape, diameter_px, rng, step=step)
