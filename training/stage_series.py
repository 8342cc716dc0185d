"""Painted sections on a turning stage as training fields: with the views that they have, or without.

Sections are painted when a run starts, several at a time, and kept in memory. Every field is shown
several times, each time with other views of it, from none to all, so that one network learns to
serve any number. Everything is a function of the configuration.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from petrography.fusion import MAX_VIEWS, fused_from_views
from petrography.images import Image
from petrography.phantoms import StageSeries, stage_series
from petrography.registration import warp_to_reference
from training.config import StageSeriesConfig
from training.lumenstone import Field

__all__ = [
    "VALIDATION_SEED_OFFSET",
    "SectionViews",
    "fields_sha256",
    "paint_section",
    "paint_series",
]

VALIDATION_SEED_OFFSET = 1_000_000


@dataclass(frozen=True, eq=False)
class SectionViews:
    """A painted field with its views laid over it by their true matrices.

    Attributes
    ----------
    ppl : ndarray of uint8, shape (height, width, 3)
        In plane-polarised light.
    xpl : tuple of ndarray of uint8, shape (height, width, 3)
        Between crossed polars, on `ppl`.
    valid : tuple of ndarray of bool, shape (height, width)
        Where each shows the field.
    turns_deg : tuple of float
        Of each.
    truth : ndarray of uint8, shape (height, width)
        Mineral codes.
    """

    ppl: Image
    xpl: tuple[Image, ...]
    valid: tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], ...]
    turns_deg: tuple[float, ...]
    truth: Image

    def fused(self, chosen: Sequence[int]) -> Image:
        """Fuse some of the views; see `petrography.fusion`."""
        return fused_from_views(
            self.ppl,
            [self.xpl[one] for one in chosen],
            [self.turns_deg[one] for one in chosen],
            [self.valid[one] for one in chosen],
        )


def paint_section(
    recipe: str, seed: int, size_px: int, views: int = MAX_VIEWS, *, crossed: bool = True
) -> SectionViews:
    """Paint a field and its views between crossed polars.

    Parameters
    ----------
    recipe : str
        What it is made of.
    seed : int
        The same arguments give the same field.
    size_px : int
        Side of the field.
    views : int
        Turns of the stage, 15 degrees apart.
    crossed : bool
        Whether the views are painted; the field is the same without.
    """
    series: StageSeries = stage_series(
        recipe, seed, size_px, size_px, views=views, partners=False, crossed=crossed
    )
    shape = (size_px, size_px)
    laid = [warp_to_reference(view.image, view.matrix, shape) for view in series.xpl]
    return SectionViews(
        ppl=series.ppl[0].image,
        xpl=tuple(pixels for pixels, _ in laid),
        valid=tuple(valid for _, valid in laid),
        turns_deg=tuple(view.stage_angle_deg for view in series.xpl),
        truth=series.labels,
    )


def paint_series(
    config: StageSeriesConfig, *, fused: bool
) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    """Paint the fields of a run, behind a progress bar.

    Parameters
    ----------
    config : StageSeriesConfig
        What to paint.
    fused : bool
        Whether fields have the channels of `petrography.fusion`, and several variants, or the
        colours in plane-polarised light alone.

    Returns
    -------
    tuple of Field, tuple of Field
        To train on and to validate on.
    """
    first = config.first_seed
    seeds = [*range(first, first + config.fields)]
    first += VALIDATION_SEED_OFFSET
    seeds += range(first, first + config.validation_fields)
    jobs = [(config, seed, fused) for seed in seeds]
    bar = tqdm(_each(jobs, config.workers), total=len(jobs), desc="painting", disable=None)
    painted = list(bar)
    train, validation = painted[: config.fields], painted[config.fields :]
    return _flat(train), _flat(validation)


Job = tuple[StageSeriesConfig, int, bool]


def _each(jobs: Sequence[Job], workers: int) -> Iterator[list[Field]]:
    if not workers:
        yield from map(_paint, jobs)
        return
    # Forking a process that runs torch's threads can lock up.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(_paint, jobs)


def _paint(job: Job) -> list[Field]:
    """Paint one section in all its variants."""
    config, seed, fused = job
    recipe = config.recipe
    # The section that is painted depends on the turns: with all of them even where none is shown,
    # so that networks with and without views learn from the same fields.
    section = paint_section(recipe, seed, config.size_px, config.views, crossed=fused)
    if not fused:
        return [Field(f"{recipe}/{seed}", section.ppl, section.truth, config.codes)]
    fields = []
    for variant in range(config.variants):
        chosen = _chosen_views(seed, variant, config.views)
        name = f"{recipe}/{seed} variant {variant}, {len(chosen)} views"
        fields.append(Field(name, section.fused(chosen), section.truth, config.codes))
    return fields


def _chosen_views(seed: int, variant: int, views: int) -> list[int]:
    rng = np.random.default_rng([seed, variant])
    count = int(rng.integers(views + 1))
    return sorted(rng.permutation(views)[:count].tolist())


def _flat(painted: Sequence[Sequence[Field]]) -> tuple[Field, ...]:
    return tuple(field for variants in painted for field in variants)


def fields_sha256(fields: Sequence[Field]) -> str:
    """Digest of painted fields, for the model card."""
    digest = hashlib.sha256()
    for field in fields:
        digest.update(field.name.encode())
        digest.update(np.ascontiguousarray(field.image).data)
        digest.update(np.ascontiguousarray(field.truth).data)
    return digest.hexdigest()
