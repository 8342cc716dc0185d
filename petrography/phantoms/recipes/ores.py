"""Polished sections of ore after the subsets of LumenStone."""

from __future__ import annotations

from petrography.minerals import BACKGROUND_CODE
from petrography.phantoms.grain_laws import GrainLaw
from petrography.phantoms.recipes.ingredients import (
    VOID,
    Body,
    CameraSpread,
    Damage,
    Inclusion,
    Recipe,
    by_percent,
)
from petrography.phantoms.textures import (
    Blebs,
    Blocks,
    CleavagePits,
    Cracks,
    Crystals,
    Discs,
    Disease,
    Facies,
    Flames,
    GrainEdges,
    GrowthZones,
    Lamellae,
    Patches,
    ReplacementRims,
    Veinlets,
)

__all__ = ["S1", "S2", "S3"]

# Copper sulphides tarnish in air within days, pyrite and arsenopyrite hardly.
_TARNISH = {4: 1.6, 1: 1.5, 12: 1.4, 2: 1.3, 6: 0.4, 9: 0.4}

_S1_FACIES = (380.0, 100.0, 32.0, 10.0), (1.0, 0.35, 0.1, 0.03)
_S1_ORE = (6, 8, 2, 11, 1, 4)

S1 = Recipe(
    name="S1",
    area_fractions=by_percent({0: 30.9, 8: 26.0, 6: 24.3, 2: 7.3, 11: 4.0, 1: 3.8, 4: 3.8}),
    concentration=3.0,
    bodies=(
        Body(6, Crystals("cube", spacing_px=480.0, size_spread=0.7, corrosion=0.11)),
        Body(BACKGROUND_CODE, Patches((400.0, 110.0, 35.0, 11.0), (1.0, 0.42, 0.12, 0.04))),
        Body(2, Patches((300.0, 80.0, 26.0, 9.0), (1.0, 0.4, 0.12, 0.04))),
        Body(4, Facies("first", "high", *_S1_FACIES)),
        Body(1, Facies("first", "high", *_S1_FACIES)),
        Body(11, Facies("second", "high", *_S1_FACIES, correlation=0.4)),
        Body(8, Patches((500.0,), (1.0,))),
    ),
    inclusions=(
        Inclusion(
            1, 1, (8,), (0.0, 0.25), Disease(13.0, 2.4, plane_spacing_px=20.0, swarm_px=200.0)
        ),
        Inclusion(1, 1, (4,), (0.0, 0.15), Lamellae(24.0, directions=2)),
        Inclusion(1, 1, (6,), (0.0, 0.10), Discs(90.0, 8.0, elongation=1.4)),
        Inclusion(8, 8, (6,), (0.0, 0.04), Discs(150.0, 16.0, elongation=1.3)),
        Inclusion(2, 2, (6, 8), (0.0, 0.15), Veinlets(240.0)),
        Inclusion(11, 11, (1, 8), (0.0, 0.2), ReplacementRims((6, 0), 1.0, unevenness_px=150.0)),
        Inclusion(VOID, 0, (0,), (0.0, 0.7), Patches((220.0, 60.0, 20.0), (1.0, 0.5, 0.2))),
        Inclusion(VOID, 0, (6,), (0.0, 0.05), GrowthZones((6,), 90.0)),
        Inclusion(VOID, 0, (2,), (0.01, 0.06), CleavagePits(55.0, 13.0)),
        Inclusion(VOID, 0, _S1_ORE, (0.004, 0.04), Cracks(220.0, 7.0, swarming=1.1)),
        Inclusion(VOID, 0, _S1_ORE, (0.002, 0.02), Blebs(4.0, 150.0, swarming=0.8)),
        Inclusion(VOID, 0, _S1_ORE, (0.005, 0.05), Blebs(13.0, 350.0, swarming=0.8)),
    ),
    damage=(
        Damage(_S1_ORE, (0.005, 0.08), Blebs(2.0, 90.0, swarming=0.8)),
        Damage(_S1_ORE, (0.003, 0.03), Cracks(90.0, 5.0, swarming=0.9)),
        # Soft phases polish badly.
        Damage((2,), (0.05, 0.30), Blebs(2.6, 60.0, swarming=0.6)),
        Damage((1, 4), (0.02, 0.15), Blebs(2.3, 60.0, swarming=0.6)),
    ),
    grains=GrainLaw(300.0),
    gangue_grains=GrainLaw(160.0, "johnson-mehl", spread=1.0),
    camera=CameraSpread(
        exposure_median=0.95,
        exposure=0.30,
        white_balance=(0.05, 0.065),
        phase_shade=0.25,
        phase_tint=0.09,
        flare_percent=(0.1, 0.5),
        gangue_polish=(0.15, 0.8),
    ),
    tarnish=_TARNISH,
)

_S2_ORE = (5, 7, 1, 3)

S2 = Recipe(
    name="S2",
    area_fractions=by_percent({0: 39.8, 5: 36.2, 1: 12.6, 7: 9.8, 3: 1.6}),
    concentration=9.0,
    bodies=(
        Body(3, Crystals("octahedron", spacing_px=330.0, size_spread=0.5, corrosion=0.14)),
        Body(
            BACKGROUND_CODE,
            Patches((600.0, 150.0, 45.0, 14.0, 5.0), (1.0, 0.35, 0.11, 0.04, 0.015)),
        ),
        Body(1, Patches((420.0, 100.0, 32.0, 10.0), (1.0, 0.4, 0.12, 0.04))),
        Body(7, Blocks(45.0, gathering_px=250.0)),
        Body(5, Patches((500.0,), (1.0,))),
    ),
    inclusions=(
        Inclusion(7, 7, (5,), (0.05, 0.4), GrainEdges(waviness=1.6, waviness_px=150.0)),
        Inclusion(7, 7, (5,), (0.0, 0.12), Flames(16.0, 60.0, 5.0, nearness_px=14.0)),
        Inclusion(1, 1, (5,), (0.0, 0.12), Veinlets(300.0)),
        Inclusion(5, 5, (1,), (0.0, 0.05), Discs(80.0, 11.0, elongation=1.5)),
        Inclusion(1, 1, (0,), (0.0, 0.10), Blebs(9.0, 200.0, swarming=1.0)),
        Inclusion(3, 3, (0, 5), (0.0, 0.3), Veinlets(300.0, unevenness=1.0)),
        Inclusion(VOID, 0, (0,), (0.0, 0.12), Patches((40.0, 10.0), (1.0, 0.6))),
        Inclusion(VOID, 0, (*_S2_ORE, 0), (0.01, 0.06), Cracks(200.0, 7.0, swarming=1.0)),
        Inclusion(VOID, 0, (7,), (0.02, 0.12), Cracks(60.0, 4.0, swarming=0.7)),
        Inclusion(VOID, 0, _S2_ORE, (0.002, 0.02), Blebs(4.0, 150.0, swarming=0.8)),
        Inclusion(VOID, 0, _S2_ORE, (0.005, 0.05), Blebs(14.0, 350.0, swarming=0.8)),
    ),
    damage=(
        Damage(_S2_ORE, (0.003, 0.05), Blebs(2.0, 90.0, swarming=0.8)),
        Damage(_S2_ORE, (0.002, 0.02), Cracks(90.0, 5.0, swarming=0.9)),
    ),
    grains=GrainLaw(280.0, "laguerre", spread=0.35),
    gangue_grains=GrainLaw(220.0, "johnson-mehl", spread=1.0),
    camera=CameraSpread(
        exposure_median=1.0,
        exposure=0.12,
        white_balance=(0.04, 0.065),
        phase_shade=0.055,
        phase_tint=0.02,
        flare_percent=(0.4, 1.0),
        gangue_polish=(0.35, 0.8),
    ),
)

_S3_FACIES = (300.0, 80.0, 26.0, 9.0), (1.0, 0.4, 0.1, 0.03)
_S3_ORE = (9, 6, 12, 2, 1, 4, 8, 3)

# Copper minerals in the order of supergene alteration: bornite inside chalcopyrite inside
# covellite, which also eats into both from cracks.
S3 = Recipe(
    name="S3",
    area_fractions=by_percent(
        {0: 51.6, 9: 17.6, 6: 8.6, 12: 8.1, 2: 5.0, 1: 4.1, 4: 2.3, 8: 2.3, 3: 0.5}
    ),
    concentration=6.0,
    bodies=(
        Body(3, Crystals("octahedron", spacing_px=260.0, size_spread=0.4, corrosion=0.08)),
        Body(9, Crystals("prism", spacing_px=300.0, size_spread=0.6, corrosion=0.05), True),
        Body(6, Crystals("cube", spacing_px=380.0, size_spread=0.6, corrosion=0.09)),
        Body(BACKGROUND_CODE, Patches((450.0, 120.0, 38.0, 12.0), (1.0, 0.4, 0.11, 0.04))),
        Body(4, Facies("first", "high", *_S3_FACIES)),
        Body(1, Facies("first", "high", *_S3_FACIES)),
        Body(2, Facies("second", "high", *_S3_FACIES, correlation=-0.3)),
        Body(8, Facies("second", "low", *_S3_FACIES, correlation=-0.3)),
        Body(12, Patches((300.0,), (1.0,))),
    ),
    inclusions=(
        Inclusion(1, 1, (4,), (0.0, 0.15), Lamellae(24.0, directions=2)),
        Inclusion(
            1, 1, (8,), (0.0, 0.15), Disease(13.0, 2.4, plane_spacing_px=20.0, swarm_px=150.0)
        ),
        Inclusion(2, 2, (9, 6), (0.0, 0.2), Veinlets(200.0)),
        Inclusion(VOID, 0, _S3_ORE, (0.004, 0.03), Cracks(180.0, 6.0, swarming=1.1)),
        Inclusion(
            12, 12, (1, 4, 8), (0.0, 0.4), ReplacementRims((0, VOID), 0.9, unevenness_px=120.0)
        ),
        Inclusion(12, 12, (1, 4), (0.0, 0.1), Flames(40.0, 45.0, 5.0, nearness_px=30.0)),
        Inclusion(VOID, 0, (0,), (0.0, 0.5), Patches((220.0, 60.0, 20.0), (1.0, 0.5, 0.2))),
        Inclusion(VOID, 0, (9,), (0.0, 0.05), GrowthZones((9,), 60.0)),
        Inclusion(VOID, 0, (2,), (0.01, 0.06), CleavagePits(55.0, 13.0)),
        Inclusion(VOID, 0, _S3_ORE, (0.002, 0.02), Blebs(4.0, 150.0, swarming=0.8)),
        Inclusion(VOID, 0, _S3_ORE, (0.005, 0.03), Blebs(13.0, 350.0, swarming=0.8)),
    ),
    damage=(
        Damage(_S3_ORE, (0.003, 0.05), Blebs(2.0, 90.0, swarming=0.8)),
        Damage(_S3_ORE, (0.002, 0.02), Cracks(90.0, 5.0, swarming=0.9)),
    ),
    grains=GrainLaw(90.0, "laguerre", spread=0.4),
    gangue_grains=GrainLaw(160.0, "johnson-mehl", spread=1.0),
    camera=CameraSpread(
        exposure_median=0.98,
        exposure=0.25,
        white_balance=(0.045, 0.065),
        phase_shade=0.10,
        phase_tint=0.03,
        flare_percent=(0.2, 0.8),
        gangue_polish=(0.2, 0.8),
    ),
    tarnish=_TARNISH,
)
