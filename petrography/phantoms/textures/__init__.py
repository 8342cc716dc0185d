"""Where a phase grows: scores over the canvas, whose highest values the phase takes.

A texture turns chance into a score. How much area is taken is not its business: the arrangement
cuts the score at the level that gives the wanted fraction. Lengths are in image pixels; the canvas
is finer by `OVERSAMPLING`. A `Texture` needs nothing but the canvas, an `Alteration` also the rock
that it changes.
"""

from __future__ import annotations

from typing import TypeAlias

from petrography.phantoms.textures.alteration import GrowthZones, ReplacementRims
from petrography.phantoms.textures.canvas import OVERSAMPLING, Canvas, Score
from petrography.phantoms.textures.euhedra import Crystals
from petrography.phantoms.textures.grains import Blocks, Cracks, GrainEdges, WholeGrains
from petrography.phantoms.textures.inclusions import CleavagePits, Discs, Disease, Flames
from petrography.phantoms.textures.lamellae import Lamellae
from petrography.phantoms.textures.level_sets import Blebs, Facies, Patches, Veinlets

__all__ = [
    "OVERSAMPLING",
    "Alteration",
    "Blebs",
    "Blocks",
    "Canvas",
    "CleavagePits",
    "Cracks",
    "Crystals",
    "Discs",
    "Disease",
    "Facies",
    "Flames",
    "GrainEdges",
    "GrowthZones",
    "Lamellae",
    "Patches",
    "ReplacementRims",
    "Score",
    "Texture",
    "Veinlets",
    "WholeGrains",
]

Texture: TypeAlias = (
    Patches
    | Facies
    | Blebs
    | Veinlets
    | Crystals
    | Blocks
    | WholeGrains
    | GrainEdges
    | Cracks
    | Discs
    | Disease
    | Flames
    | CleavagePits
    | Lamellae
)
Alteration: TypeAlias = ReplacementRims | GrowthZones
