"""What result.json says of textures and liberation."""

from __future__ import annotations

from typing import Literal

from petrography.field_types import Code, Count, Finite, NotNegative, Percent
from petrography.stored_documents import Document

__all__ = [
    "GrainLockingEntry",
    "IntergrowthEntry",
    "Liberation",
    "LiberationPotential",
    "LockingPercent",
    "ParticleLiberation",
    "ParticleMineral",
    "PotentialOfMineral",
    "Textures",
]


class LockingPercent(Document):
    """Area of a mineral by the number of other minerals that it is locked with."""

    liberated: Percent
    """None."""
    binary: Percent
    ternary: Percent
    complex: Percent
    """Three or more."""


class GrainLockingEntry(Document):
    """How the grains of one mineral are locked."""

    code: Code
    grains: Count
    locking_percent: LockingPercent | None
    """Of the area of the grains that something annotated touches; none where there is none."""
    enclosed_grains: Count
    """Inside one other grain."""
    enclosed_percent: Percent
    """Of the area of the grains."""


class IntergrowthEntry(Document):
    """How two minerals are grown together."""

    host: str
    guest: str
    kind: Literal["rimmed", "lamellar", "net", "graphic", "vein", "disseminated", "simple"]
    rule: str
    """The rule that decided; the numbers that it asks for are in features."""
    features: dict[str, Finite | None]


class Textures(Document):
    """How minerals sit among each other."""

    locking: dict[str, GrainLockingEntry]
    """By mineral symbol."""
    intergrowths: tuple[IntergrowthEntry, ...]


class PotentialOfMineral(Document):
    """Liberation potential of one mineral of intact ore."""

    liberated_percent: dict[str, tuple[Percent, ...]]
    """By the least share of a cell (80, 90, 95 %): area in such cells, for each size."""
    liberation_size_px: NotNegative | None
    """Cell size at which 80 % of the area is in cells of at least 90 %; null outside the sizes."""
    liberation_size_um: NotNegative | None


class LiberationPotential(Document):
    """Liberation potential of intact ore, by virtual comminution."""

    cells: Literal["squares", "voronoi"]
    sizes_px: tuple[NotNegative, ...]
    sizes_um: tuple[NotNegative, ...] | None
    cell_counts: tuple[Count, ...]
    minerals: dict[str, PotentialOfMineral]
    """By symbol."""


class ParticleMineral(Document):
    """Liberation of one mineral in particles."""

    composition_percent: tuple[Percent, ...]
    """Area by its share of the particle: 0-10, 10-20, ... 90-100 %."""
    free_surface_percent: tuple[Percent, ...]
    """Area by the share of its boundary that is against resin: 0-10, ... 90-100 %."""
    liberated_percent: dict[str, Percent]
    """Area in particles of at least 80, 90 and 95 % of it."""
    locking_percent: LockingPercent


class ParticleLiberation(Document):
    """Liberation of particles in resin."""

    particles: Count
    below_minimum: Count
    minerals: dict[str, ParticleMineral]
    """By symbol."""


class Liberation(Document):
    """Liberation of particles where there is resin, else the potential of intact ore."""

    particles: ParticleLiberation | None
    intact_ore_potential: LiberationPotential | None
