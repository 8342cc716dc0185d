"""Painted sections as training fields: truth exact to the pixel, and complete.

Nothing else is in a phantom than what its recipe painted, so it annotates every class.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from tqdm import tqdm

from petrography.errors import ConfigurationError
from petrography.phantoms import RECIPE_NAMES, phantom
from training.config import PhantomConfig
from training.lumenstone import Field

__all__ = ["paint_fields"]


def paint_fields(config: PhantomConfig, classes: Sequence[int]) -> tuple[Field, ...]:
    """Paint the phantoms of a run, several at a time.

    Parameters
    ----------
    config : PhantomConfig
        Recipes, number, size and seeds.
    classes : sequence of int
        Codes of the network outputs.

    Returns
    -------
    tuple of Field
        By recipe and seed.

    Raises
    ------
    ConfigurationError
        If a recipe is unknown or paints a phase that is no class.
    """
    unknown = sorted(set(config.recipes) - set(RECIPE_NAMES))
    if unknown:
        msg = f"phantoms.recipes names {unknown}; wanted some of {list(RECIPE_NAMES)}"
        raise ConfigurationError(msg)
    wanted = [
        (recipe, config.first_seed + number)
        for recipe in config.recipes
        for number in range(config.fields)
    ]
    paint = partial(_painted, config=config, classes=tuple(classes))
    # Spawned: torch's threads do not survive a fork.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        painted = pool.map(paint, wanted)
        return tuple(tqdm(painted, total=len(wanted), desc="phantoms", disable=None))


def _painted(
    recipe_and_seed: tuple[str, int], config: PhantomConfig, classes: tuple[int, ...]
) -> Field:
    recipe, seed = recipe_and_seed
    one = phantom(recipe, seed, config.height_px, config.width_px)
    foreign = sorted(set(np.unique(one.labels).tolist()) - set(classes))
    if foreign:
        msg = (
            f"phantoms of recipe {recipe} hold codes {foreign}, which are no classes of the network"
        )
        raise ConfigurationError(msg)
    return Field(f"phantom {recipe}/{seed}", one.image, one.labels, classes, phantom=True)
