"""Painted textures are recognised as what they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from petrography.phantoms.textures import (
    Alteration,
    Blebs,
    Discs,
    Disease,
    Facies,
    Flames,
    GrainEdges,
    Lamellae,
    Patches,
    ReplacementRims,
    Texture,
    Veinlets,
    WholeGrains,
)
from petrography.statistics import measure_grains
from petrography.statistics.grain_contacts import measure_grain_contacts
from petrography.statistics.intergrowths import INTERGROWTH_RULES, Intergrowth, intergrowths
from tests.petrography.painted_textures import GUEST, HOST, painted

# Texture, share of the image that the guest takes, share that host and guest take together.
TEXTURES: dict[str, tuple[Texture | Alteration, float, float, str]] = {
    "plates": (Lamellae(24.0), 0.2, 1.0, "lamellar"),
    "plates in patches": (Lamellae(24.0), 0.12, 0.6, "lamellar"),
    "flames": (Flames(16.0, 60.0, 5.0, nearness_px=14.0), 0.08, 1.0, "lamellar"),
    # Plates of two directions grow together.
    "lattice": (Lamellae(30.0, directions=2), 0.2, 1.0, "net"),
    "grain boundaries": (GrainEdges(0.3, 150.0), 0.12, 1.0, "net"),
    "disease": (
        Disease(13.0, 2.4, plane_spacing_px=20.0, swarm_px=200.0),
        0.06,
        1.0,
        "disseminated",
    ),
    "discs": (Discs(60.0, 8.0), 0.08, 1.0, "disseminated"),
    "discs in patches": (Discs(60.0, 8.0), 0.06, 0.6, "disseminated"),
    "blebs": (Blebs(9.0, 200.0, swarming=0.3), 0.1, 1.0, "disseminated"),
    "veinlets": (Veinlets(150.0), 0.05, 1.0, "vein"),
    "rims": (ReplacementRims((0,), 0.3, unevenness_px=100.0), 0.10, 0.6, "rimmed"),
    "labyrinth": (Patches((6.0,), (1.0,), max_stretch=1.0), 0.45, 1.0, "graphic"),
    "labyrinth in patches": (Patches((6.0,), (1.0,), max_stretch=1.0), 0.25, 0.6, "graphic"),
    "patches": (Patches((60.0, 15.0), (1.0, 0.1)), 0.4, 1.0, "simple"),
    "facies": (Facies("first", "high", (60.0, 20.0), (1.0, 0.1)), 0.4, 1.0, "simple"),
    "whole grains": (WholeGrains(), 0.3, 1.0, "simple"),
}


def judged(labels: np.ndarray) -> tuple[Intergrowth, ...]:
    return intergrowths(measure_grain_contacts(labels, measure_grains(labels)))


# The thresholds were chosen with the seeds 1 to 3.
@pytest.mark.parametrize("seed", [10, 11])
@pytest.mark.parametrize("name", TEXTURES)
def test_painted_textures_are_recognised(name: str, seed: int) -> None:
    texture, guest_fraction, host_fraction, kind = TEXTURES[name]
    labels = painted(texture, guest_fraction, seed, host_fraction=host_fraction)
    (found,) = judged(labels)
    assert found.kind == kind
    assert (found.features.host, found.features.guest) == (HOST, GUEST)
    rule, holds = INTERGROWTH_RULES[found.kind]
    assert found.rule == rule
    assert holds(found.features)


def test_features_of_discs_by_hand() -> None:
    row, column = np.indices((300, 300)) % 60 - 29.5
    labels = np.where(np.hypot(row, column) < 12, GUEST, HOST).astype(np.uint8)
    (found,) = judged(labels)
    features = found.features
    assert found.kind == "disseminated"
    assert features.guests == 25
    assert features.enclosed_fraction == 1.0
    assert features.slenderness == pytest.approx(np.pi, rel=0.03)
    assert features.sinuosity == pytest.approx(1.0, abs=0.02)
    assert features.guest_width_px == pytest.approx(12.0, rel=0.03)
    assert features.guest_area_fraction == pytest.approx(np.pi * 144 / 3600, rel=0.01)
    assert (features.lath_fraction, features.coherence) == (0.0, None)
    assert features.guests_per_host_mpx == pytest.approx(
        25e6 / (90_000 - 25 * np.pi * 144), rel=0.01
    )


def test_straight_plates_of_one_direction_are_coherent() -> None:
    labels = np.full((400, 400), HOST, dtype=np.uint8)
    for k in range(9):
        labels[40 + 35 * k : 44 + 35 * k, 40:360] = GUEST
    (found,) = judged(labels)
    assert found.features.lath_fraction == 1.0
    assert found.features.coherence == pytest.approx(1.0, abs=1e-6)
    # Seven are too few to be called a set.
    labels[40 + 35 * 7 :] = HOST
    (few,) = judged(labels)
    assert few.features.coherence is None
    assert few.kind != "lamellar"


def test_pairs_that_hardly_touch_are_left_out() -> None:
    labels = np.zeros((200, 200), dtype=np.uint8)
    labels[20:100, 20:100] = HOST
    labels[60:90, 100:130] = GUEST
    assert judged(labels) == ()
    labels[20:100, 100:180] = GUEST
    assert [one.kind for one in judged(labels)] == ["simple"]


def test_background_is_no_partner_and_no_grain_no_intergrowth() -> None:
    assert judged(np.zeros((20, 20), dtype=np.uint8)) == ()
    labels = np.zeros((200, 200), dtype=np.uint8)
    labels[:100] = HOST
    assert judged(labels) == ()


def test_the_first_rule_that_holds_decides() -> None:
    (found,) = judged(painted(Discs(60.0, 8.0), 0.08, 10))
    both = replace(found.features, coating_fraction=1.0, rim_fraction=1.0, guest_width_px=1.0)
    holding = [kind for kind, (_, holds) in INTERGROWTH_RULES.items() if holds(both)]
    assert holding == ["rimmed", "disseminated", "simple"]
