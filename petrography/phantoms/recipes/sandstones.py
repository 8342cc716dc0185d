"""Thin sections of sandstone in transmitted light: grains in a matrix with pores."""

from __future__ import annotations

from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.grain_laws import GrainLaw
from petrography.phantoms.recipes.ingredients import (
    Body,
    CameraSpread,
    Inclusion,
    Recipe,
    by_percent,
)
from petrography.phantoms.textures import Cracks, Discs, GrainEdges, ReplacementRims, WholeGrains

__all__ = ["QUARTZ"]

# Mean shares and their spread from field to field are those of 13 annotated fields of a public
# set of lithic sandstones (jbardelli/Petrographic-Image-Segmentation).
QUARTZ = Recipe(
    name="quartz",
    area_fractions=by_percent({0: 36.0, 35: 27.2, 33: 15.0, 32: 13.2, 34: 8.7}),
    concentration=20.0,
    bodies=(
        Body(BACKGROUND_CODE, GrainEdges(waviness=0.9, waviness_px=70.0)),
        Body(35, WholeGrains()),
        Body(33, WholeGrains()),
        Body(34, WholeGrains()),
        Body(32, WholeGrains()),
    ),
    inclusions=(
        Inclusion(0, 0, (33, 34), (0.0, 0.06), ReplacementRims((0,), 1.0, unevenness_px=60.0)),
        Inclusion(0, 0, (35,), (0.0, 0.04), Discs(60.0, 4.0, elongation=1.6)),
        Inclusion(0, 0, (32, 33, 34), (0.0, 0.02), Cracks(90.0, 4.0, swarming=1.2)),
    ),
    damage=(),
    grains=GrainLaw(130.0, "laguerre", spread=0.5),
    # Inside lithic fragments and matrix: many small crystals.
    gangue_grains=GrainLaw(14.0),
    camera=CameraSpread(
        exposure_median=1.0,
        exposure=0.10,
        white_balance=(0.03, 0.05),
        phase_shade=0.03,
        phase_tint=0.02,
        flare_percent=(0.5, 1.5),
        gangue_polish=(0.8, 1.0),
    ),
)
