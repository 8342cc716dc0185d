"""From measured textures to their part of result.json."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrography.minerals import mineral
from petrography.report.texture_models import (
    GrainLockingEntry,
    IntergrowthEntry,
    Liberation,
    LiberationPotential,
    LockingPercent,
    ParticleLiberation,
    ParticleMineral,
    PotentialOfMineral,
    Textures,
)
from petrography.statistics.comminution import Comminution
from petrography.statistics.intergrowths import Intergrowth
from petrography.statistics.locking import LOCKING_CLASSES
from petrography.statistics.particles import Particles
from petrography.statistics.share_classes import LIBERATED_PERCENT, liberated_fraction
from petrography.statistics.textures import TextureStatistics

__all__ = ["liberation_entry", "texture_entry"]

_DIGITS = 4


def texture_entry(measured: TextureStatistics) -> Textures:
    """Write how minerals sit among each other.

    Parameters
    ----------
    measured : TextureStatistics
        Of a label image.
    """
    codes = np.unique(measured.contacts.code).tolist()
    return Textures(
        locking={mineral(code).symbol: _grain_locking(measured, code) for code in codes},
        intergrowths=tuple(_intergrowth(one) for one in measured.intergrowths),
    )


def _grain_locking(measured: TextureStatistics, code: int) -> GrainLockingEntry:
    chosen = measured.contacts.code == code
    area_px = measured.contacts.axes.area_px[chosen]
    enclosed = measured.locking.is_enclosed[chosen]
    # What touches nothing that is annotated is neither liberated nor locked, as far as is known.
    seen = measured.locking.is_seen[chosen]
    by_class = np.bincount(
        measured.locking.class_index[chosen][seen],
        weights=area_px[seen],
        minlength=len(LOCKING_CLASSES),
    )
    return GrainLockingEntry(
        code=code,
        grains=len(area_px),
        locking_percent=_locking_percent(by_class) if seen.any() else None,
        enclosed_grains=int(np.count_nonzero(enclosed)),
        enclosed_percent=_percent(float(area_px[enclosed].sum() / area_px.sum())),
    )


def _locking_percent(by_class: NDArray[Any]) -> LockingPercent:
    shares = by_class / max(float(by_class.sum()), 1.0)
    percents = [_percent(share) for share in shares.tolist()]
    return LockingPercent(**dict(zip(LOCKING_CLASSES, percents, strict=True)))


def _intergrowth(one: Intergrowth) -> IntergrowthEntry:
    numbers = {
        name: None if value is None else round(value, _DIGITS)
        for name, value in asdict(one.features).items()
        if name not in {"host", "guest"}
    }
    numbers["width_ratio"] = round(one.features.width_ratio, _DIGITS)
    return IntergrowthEntry(
        host=mineral(one.features.host).symbol,
        guest=mineral(one.features.guest).symbol,
        kind=one.kind,
        rule=one.rule,
        features=numbers,
    )


def liberation_entry(measured: TextureStatistics, *, um_per_px: float | None = None) -> Liberation:
    """Write the liberation of particles, or the potential of intact ore.

    Parameters
    ----------
    measured : TextureStatistics
        Of a label image.
    um_per_px : float, optional
        Pixel size; physical fields are null without it.
    """
    particles, broken = measured.particles, measured.comminution
    return Liberation(
        particles=None if particles is None else _particles(particles),
        intact_ore_potential=None if broken is None else _potential(broken, um_per_px),
    )


def _potential(broken: Comminution, um_per_px: float | None) -> LiberationPotential:
    liberated = {percent: broken.liberated_fraction(percent) for percent in LIBERATED_PERCENT}
    sizes = broken.liberation_size_px()
    return LiberationPotential(
        cells=broken.cells,
        sizes_px=broken.sizes_px,
        sizes_um=None if um_per_px is None else _scaled(broken.sizes_px, um_per_px),
        cell_counts=broken.cell_counts,
        minerals={
            mineral(code).symbol: PotentialOfMineral(
                liberated_percent={
                    str(percent): tuple(map(_percent, shares[:, k].tolist()))
                    for percent, shares in liberated.items()
                },
                liberation_size_px=None if size_px is None else round(size_px, _DIGITS),
                liberation_size_um=None
                if size_px is None or um_per_px is None
                else round(size_px * um_per_px, _DIGITS),
            )
            for k, (code, size_px) in enumerate(zip(broken.codes, sizes, strict=True))
        },
    )


def _scaled(sizes_px: tuple[int, ...], um_per_px: float) -> tuple[float, ...]:
    return tuple(round(size_px * um_per_px, _DIGITS) for size_px in sizes_px)


def _particles(measured: Particles) -> ParticleLiberation:
    by_composition, by_surface = measured.by_composition_px, measured.by_free_surface_px
    by_locking = measured.by_locking_px
    return ParticleLiberation(
        particles=len(measured),
        below_minimum=measured.small,
        minerals={
            mineral(code).symbol: ParticleMineral(
                composition_percent=_tenths(by_composition[k]),
                free_surface_percent=_tenths(by_surface[k]),
                liberated_percent={
                    str(percent): _percent(float(liberated_fraction(by_composition[k], percent)))
                    for percent in LIBERATED_PERCENT
                },
                locking_percent=_locking_percent(by_locking[k]),
            )
            for k, code in enumerate(measured.codes)
        },
    )


def _tenths(by_class_px: NDArray[np.int64]) -> tuple[float, ...]:
    tenths = by_class_px.reshape(-1, 2).sum(axis=1)
    return tuple(map(_percent, (tenths / max(int(tenths.sum()), 1)).tolist()))


def _percent(fraction: float) -> float:
    return round(100.0 * fraction, _DIGITS)
