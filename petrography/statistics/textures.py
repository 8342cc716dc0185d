"""Everything that is measured on how minerals sit among each other, in one go."""

from __future__ import annotations

from dataclasses import dataclass

from petrography.images import Labels
from petrography.statistics.comminution import (
    CellKind,
    Comminution,
    comminute_grid,
    comminute_voronoi,
)
from petrography.statistics.grain_contacts import GrainContacts, measure_grain_contacts
from petrography.statistics.grains import Grains
from petrography.statistics.halos import FoundHalos
from petrography.statistics.intergrowths import Intergrowth, intergrowths
from petrography.statistics.locking import GrainLocking, grain_locking
from petrography.statistics.particles import Particles, measure_particles
from petrography.workspace import IN_MEMORY, Workspace

__all__ = ["TextureStatistics", "measure_textures"]


@dataclass(frozen=True, eq=False)
class TextureStatistics:
    """How the minerals of a label image sit among each other.

    Attributes
    ----------
    contacts : GrainContacts
        Contacts grain by grain.
    locking : GrainLocking
        How each grain is locked.
    intergrowths : tuple of Intergrowth
        How each two minerals are grown together.
    particles : Particles or None
        Particles, where there is resin.
    comminution : Comminution or None
        The liberation potential of intact ore, where there are no particles.
    """

    contacts: GrainContacts
    locking: GrainLocking
    intergrowths: tuple[Intergrowth, ...]
    particles: Particles | None
    comminution: Comminution | None


def measure_textures(
    labels: Labels,
    grains: Grains,
    *,
    cells: CellKind = "squares",
    squares: Comminution | None = None,
    halos: FoundHalos | None = None,
    workspace: Workspace = IN_MEMORY,
) -> TextureStatistics:
    """Measure how minerals sit among each other.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated.
    grains : Grains
        Measured on the same labels.
    cells : {"squares", "voronoi"}
        What intact ore is broken into.
    squares : Comminution, optional
        The same labels broken into squares, where that was done while they came.
    halos : FoundHalos, optional
        The ribbons in them, where they were looked for while they came.
    workspace : Workspace, optional
        Gives the array of the numbers of particles in resin.

    Returns
    -------
    TextureStatistics
        Ribbons of 1 or 2 px between two other phases are taken out first, where boundaries count.

    Raises
    ------
    LabelImageError
        If a code names no mineral, or labels and grains have different sizes.
    """
    contacts = measure_grain_contacts(labels, grains, halos=halos)
    particles = measure_particles(labels, workspace=workspace)
    return TextureStatistics(
        contacts=contacts,
        locking=grain_locking(contacts),
        intergrowths=intergrowths(contacts),
        particles=particles,
        comminution=_broken(labels, cells, squares) if particles is None else None,
    )


def _broken(labels: Labels, cells: CellKind, squares: Comminution | None) -> Comminution:
    if cells == "voronoi":
        return comminute_voronoi(labels)
    return comminute_grid(labels) if squares is None else squares
