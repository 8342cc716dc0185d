"""Streams of random numbers by name: a new step never changes the numbers of the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Chance"]


@dataclass(frozen=True)
class Chance:
    """All chance of one phantom.

    Attributes
    ----------
    recipe : str
        Name of the recipe.
    seed : int
        Not negative.
    """

    recipe: str
    seed: int

    def stream(self, *name: str | float) -> np.random.Generator:
        """Give the generator of a named step; the same name gives the same numbers.

        Examples
        --------
        >>> chance = Chance("S1", 3)
        >>> chance.stream("noise").random() == chance.stream("noise").random()
        True
        """
        label = "/".join((self.recipe, *map(str, name)))
        return np.random.default_rng(np.random.SeedSequence([self.seed, *label.encode()]))
