"""From a composition to a section: every phase claims its area where its texture scores highest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels
from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.mosaics import Mosaic, voronoi_mosaic
from petrography.phantoms.recipes import VOID, Inclusion, Recipe
from petrography.phantoms.textures import OVERSAMPLING, Canvas, Score

__all__ = ["Section", "arrange", "claim_level", "majority_labels"]

# Levels are read from about so many pixels; the area is then right to about 0.05 %.
_LEVEL_SAMPLES = 1_000_000


@dataclass(frozen=True)
class Section:
    """A polished surface before it is lit.

    Attributes
    ----------
    phases : ndarray of uint8, shape (2 * height, 2 * width)
        LumenStone codes, or `VOID`.
    ore_grains, gangue_grains : Mosaic
        Grains on the pixels of the image, for what differs between grains of one phase.
    """

    phases: NDArray[np.uint8]
    ore_grains: Mosaic
    gangue_grains: Mosaic


def arrange(recipe: Recipe, composition: dict[int, float], canvas: Canvas) -> Section:
    """Fill a canvas with the phases of a recipe.

    Parameters
    ----------
    recipe : Recipe
        The ore.
    composition : dict of int to float
        Area fractions of the phases that are present, sum 1.
    canvas : Canvas
        Size and chance.

    Returns
    -------
    Section
        Phases on the canvas and the grains.
    """
    amounts = _inclusion_amounts(recipe, composition, canvas)
    phases = _solid_rock(recipe, _before_inclusions(composition, amounts), canvas)
    for inclusion, fraction_by_host in amounts:
        score = inclusion.texture.score(canvas, inclusion.code)
        levels = np.full(256, np.inf, dtype=np.float32)
        for host, fraction in fraction_by_host.items():
            levels[host] = claim_level(score, phases == host, fraction)
        phases[score >= levels[phases]] = inclusion.code
    gangue_px = recipe.gangue_diameter_px * canvas.coarseness
    gangue = voronoi_mosaic(canvas.shape_px, gangue_px, canvas.chance.stream("gangue"), step=2)
    return Section(phases, canvas.grains, gangue)


def claim_level(score: Score, free: NDArray[np.bool_], fraction: float) -> float:
    """Find the level above which the score covers a wanted part of the free area.

    Parameters
    ----------
    score : ndarray of float32, shape (H, W)
        Any finite values.
    free : ndarray of bool, shape (H, W)
        Where it is allowed.
    fraction : float
        Wanted area as a share of all H x W pixels.

    Returns
    -------
    float
        ``free & (score >= level)`` has the wanted area; minus infinity when `free` has no more
        than that, infinity when less than one sampled pixel is wanted.
    """
    stride = max(1, int(np.sqrt(score.size / _LEVEL_SAMPLES)))
    sampled = free[::stride, ::stride]
    values = score[::stride, ::stride][sampled]
    wanted = round(fraction * sampled.size)
    if wanted >= values.size:
        return -np.inf
    if wanted == 0:
        return np.inf
    return float(np.partition(values, values.size - wanted)[values.size - wanted])


def majority_labels(phases: NDArray[np.uint8]) -> Labels:
    """Give each image pixel the phase of most of its four subpixels.

    Parameters
    ----------
    phases : ndarray of uint8, shape (2 * height, 2 * width)
        Phases on the canvas; `VOID` counts as background.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        LumenStone codes; of two phases with two subpixels each, that of the upper left one.
    """
    codes = np.where(phases == VOID, np.uint8(BACKGROUND_CODE), phases)
    a, b = codes[::OVERSAMPLING, ::OVERSAMPLING], codes[::OVERSAMPLING, 1::OVERSAMPLING]
    c, d = codes[1::OVERSAMPLING, ::OVERSAMPLING], codes[1::OVERSAMPLING, 1::OVERSAMPLING]
    without_a = np.where((b == c) | (b == d), b, np.where(c == d, c, a))
    return np.where((a == b) | (a == c) | (a == d), a, without_a)


def _solid_rock(recipe: Recipe, fractions: dict[int, float], canvas: Canvas) -> NDArray[np.uint8]:
    present = [body for body in recipe.bodies if fractions.get(body.code, 0.0) > 0.0]
    phases = np.full(canvas.shape, present[-1].code, dtype=np.uint8)
    free = np.ones(canvas.shape, dtype=bool)
    for body in present[:-1]:
        score = body.texture.score(canvas, body.code)
        claimed = free & (score >= claim_level(score, free, fractions[body.code]))
        phases[claimed] = body.code
        free &= ~claimed
    return phases


def _inclusion_amounts(
    recipe: Recipe, composition: dict[int, float], canvas: Canvas
) -> list[tuple[Inclusion, dict[int, float]]]:
    """Area that each inclusion takes from each host, in proportion to the area of the host."""
    rng = canvas.chance.stream("inclusions")
    amounts = []
    for inclusion in recipe.inclusions:
        hosts = {code: composition[code] for code in inclusion.hosts if code in composition}
        total = sum(hosts.values())
        area = rng.uniform(*inclusion.share)
        area *= min(composition.get(inclusion.belongs_to, 0.0), total)
        if area > 0.0:
            amounts.append((inclusion, {code: area * part / total for code, part in hosts.items()}))
    return amounts


def _before_inclusions(
    composition: dict[int, float], amounts: list[tuple[Inclusion, dict[int, float]]]
) -> dict[int, float]:
    """Area of each phase as solid rock, so that the inclusions leave the composition behind."""
    fractions = dict(composition)
    for inclusion, fraction_by_host in amounts:
        for host, fraction in fraction_by_host.items():
            fractions[host] += fraction
            fractions[inclusion.belongs_to] -= fraction
    return fractions
