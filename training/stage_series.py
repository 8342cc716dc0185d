"""Painted sections on a rotating stage as training fields: with the views that they have, or without.

Sections are painted when a run starts, several at a time, and kept in memory, and beside the runs
for the next start. Every field is shown several times, each time with other views of it, from none
to all, so that one network learns to serve any number. Everything is a function of the
configuration.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.config import StageSeriesConfig
from training.lumenstone import Field
from training.painted_sections import kept_section

__all__ = ["VALIDATION_SEED_OFFSET", "fields_sha256", "paint_series"]

VALIDATION_SEED_OFFSET = 1_000_000


def paint_series(
    config: StageSeriesConfig, *, fused: bool, folder: Path | None = None
) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
    """Paint the fields of a run, behind a progress bar.

    Parameters
    ----------
    config : StageSeriesConfig
        What to paint.
    fused : bool
        Whether fields have the channels of `petrography.fusion`, and several variants, or the
        colours in plane-polarised light alone.
    folder : Path, optional
        Where sections are kept; without it none is.

    Returns
    -------
    tuple of Field, tuple of Field
        To train on and to validate on.
    """
    first = config.first_seed
    seeds = [*range(first, first + config.fields)]
    first += VALIDATION_SEED_OFFSET
    seeds += range(first, first + config.validation_fields)
    jobs = [(config, seed, fused, folder) for seed in seeds]
    bar = tqdm(_each(jobs, config.workers), total=len(jobs), desc="painting", disable=None)
    painted = list(bar)
    train, validation = painted[: config.fields], painted[config.fields :]
    return _flat(train), _flat(validation)


Job = tuple[StageSeriesConfig, int, bool, Path | None]


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
    config, seed, fused, folder = job
    recipe = config.recipe
    # The section that is painted depends on the turns: with all of them even where none is shown,
    # so that networks with and without views learn from the same fields.
    section = kept_section(folder, recipe, seed, config.size_px, config.views, crossed=fused)
    if not fused:
        return [Field(f"{recipe}/{seed}", section.ppl, section.truth, config.codes)]
    fields = []
    for variant in range(config.variants):
        bare = variant < config.bare_variants
        chosen = [] if bare else _chosen_views(seed, variant, config.views)
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
