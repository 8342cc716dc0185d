"""Two phases grown together in a known way: a texture of the phantoms painted into a host."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from petrography.phantoms.arrangement import claim_level, majority_labels
from petrography.phantoms.chance import Chance
from petrography.phantoms.grain_laws import GrainLaw
from petrography.phantoms.textures import (
    Alteration,
    Canvas,
    GrowthZones,
    Patches,
    ReplacementRims,
    Texture,
)

HOST, GUEST = 5, 1


def painted(
    texture: Texture | Alteration,
    guest_fraction: float,
    seed: int,
    *,
    host_fraction: float = 1.0,
    grain_px: float = 150.0,
    shape_px: tuple[int, int] = (500, 600),
) -> NDArray[np.uint8]:
    """A host of large patches (or everywhere) with a guest that takes a share of the image."""
    canvas = Canvas(shape_px, Chance("intergrowth", seed), GrainLaw(grain_px))
    canvas.__dict__["coarseness"] = 1.0
    phases = np.full(canvas.shape, HOST, dtype=np.uint8)
    if host_fraction < 1.0:
        score = Patches((120.0, 30.0), (1.0, 0.1)).score(canvas, HOST)
        phases[score < claim_level(score, np.ones(score.shape, dtype=bool), host_fraction)] = 0
    if isinstance(texture, ReplacementRims | GrowthZones):
        score = texture.score_in(phases, canvas, GUEST)
    else:
        score = texture.score(canvas, GUEST)
    phases[(phases == HOST) & (score >= claim_level(score, phases == HOST, guest_fraction))] = GUEST
    return majority_labels(phases)
