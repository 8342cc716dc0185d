"""From a recipe to the area fractions of one image."""

from __future__ import annotations

import numpy as np

from petrography.phantoms.recipes.ingredients import Recipe

__all__ = ["draw_composition"]

# Below this share of the field a phase is left out: it would be a few specks.
_LEAST_FRACTION = 0.002


def draw_composition(recipe: Recipe, rng: np.random.Generator) -> dict[int, float]:
    """Draw the area fractions of one image.

    Parameters
    ----------
    recipe : Recipe
        The ore.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    dict of int to float
        Fractions by code of the phases that are present, sum 1; the mean over many draws is
        `recipe.area_fractions`.
    """
    codes = list(recipe.area_fractions)
    mean = np.array([recipe.area_fractions[code] for code in codes])
    drawn = rng.dirichlet(recipe.concentration * mean / mean.sum())
    drawn[drawn < _LEAST_FRACTION] = 0.0
    drawn /= drawn.sum()
    return {code: float(part) for code, part in zip(codes, drawn, strict=True) if part > 0.0}
