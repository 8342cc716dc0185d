"""From a composition to a section: every phase claims its area where its texture scores highest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from petrography.images import Labels
from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.grain_laws import draw_grains
from petrography.phantoms.mosaics import Mosaic
from petrography.phantoms.orientations import Orientations, draw_orientations
from petrography.phantoms.phase_sets import any_of
from petrography.phantoms.recipes import VOID, Inclusion, Recipe
from petrography.phantoms.textures import (
    OVERSAMPLING,
    Canvas,
    Crystals,
    GrowthZones,
    ReplacementRims,
    Score,
)

__all__ = ["Section", "arrange", "claim_level", "majority_labels"]

# Levels are read from about so many pixels; the area is then right to about 0.05 %.
_LEVEL_SAMPLES = 1_000_000


@dataclass(frozen=True)
class Section:
    """A polished surface before it is lit.

    Attributes
    ----------
    phases : ndarray of uint8, shape (2 * height, 2 * width)
        What is seen: LumenStone codes, or `VOID`.
    named : ndarray of uint8, shape (2 * height, 2 * width)
        What a mask names: the same without damage that is too fine for a mask.
    ore_grains, gangue_grains : Mosaic
        Grains on the pixels of the image, for what differs between grains of one phase.
    ore_orientations, gangue_orientations : Orientations
        Optic axes of the grains: ``ore_orientations.in_plane_rad[ore_grains.cells]`` is a map.
    """

    phases: NDArray[np.uint8]
    named: NDArray[np.uint8]
    ore_grains: Mosaic
    gangue_grains: Mosaic
    ore_orientations: Orientations
    gangue_orientations: Orientations


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
        score = _inclusion_score(inclusion, phases, canvas)
        levels = np.full(256, np.inf, dtype=np.float32)
        for host, fraction in fraction_by_host.items():
            levels[host] = claim_level(score, phases == host, fraction)
        phases[score >= levels[phases]] = inclusion.code
    rng = canvas.chance.stream("gangue")
    gangue = draw_grains(recipe.gangue_grains, canvas.shape_px, canvas.coarseness, rng, step=2)
    gangue_axes = draw_orientations(
        len(gangue.seeds_px), canvas.chance.stream("gangue orientations")
    )
    ore, ore_axes = _grains_with_individuals(recipe, phases, canvas)
    seen = _damaged(recipe, phases, canvas)
    return Section(seen, phases, ore, gangue, ore_axes, gangue_axes)


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
        ``free & (score >= level)`` has the wanted area, or the nearest to it when many pixels
        have one score; minus infinity when `free` has no more than that, infinity when less than
        one sampled pixel is wanted.
    """
    stride = max(1, int(np.sqrt(score.size / _LEVEL_SAMPLES)))
    sampled = free[::stride, ::stride]
    values = score[::stride, ::stride][sampled]
    wanted = round(fraction * sampled.size)
    if wanted >= values.size:
        return -np.inf
    if wanted == 0:
        return np.inf
    level = np.partition(values, values.size - wanted)[values.size - wanted]
    too_many = np.count_nonzero(values >= level) - wanted
    too_few = wanted - np.count_nonzero(values > level)
    return float(level if too_many <= too_few else np.nextafter(level, np.float32(np.inf)))


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


def _damaged(recipe: Recipe, phases: NDArray[np.uint8], canvas: Canvas) -> NDArray[np.uint8]:
    """Phases with the damage that no mask names."""
    rng, seen = canvas.chance.stream("damage"), phases
    for damage in recipe.damage:
        part = rng.uniform(*damage.share)
        free = any_of(phases, damage.hosts)
        score = damage.texture.score(canvas, VOID)
        level = claim_level(score, free, part * float(free.mean()))
        seen = np.where(free & (score >= level), np.uint8(VOID), seen)
    return seen


def _inclusion_score(inclusion: Inclusion, phases: NDArray[np.uint8], canvas: Canvas) -> Score:
    texture = inclusion.texture
    if isinstance(texture, ReplacementRims | GrowthZones):
        return texture.score_in(phases, canvas, inclusion.code)
    return texture.score(canvas, inclusion.code)


def _grains_with_individuals(
    recipe: Recipe, phases: NDArray[np.uint8], canvas: Canvas
) -> tuple[Mosaic, Orientations]:
    """Ore grains with the crystals that are grains of their own set into them."""
    grains, axes = canvas.grains, canvas.orientations
    for body in recipe.bodies:
        inside = phases[::OVERSAMPLING, ::OVERSAMPLING] == body.code
        if not (body.individuals and isinstance(body.texture, Crystals) and inside.any()):
            continue
        owners, centres_px = body.texture.individuals(canvas, body.code)
        first = len(grains.seeds_px)
        cells = np.where(inside, owners + np.int32(first), grains.cells)
        grains = Mosaic(cells, grains.edge_distance_px, np.vstack([grains.seeds_px, centres_px]))
        added = draw_orientations(len(centres_px), canvas.chance.stream("axes", body.code))
        axes = axes.followed_by(added)
    return grains, axes


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
