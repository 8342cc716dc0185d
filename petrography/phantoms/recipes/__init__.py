"""What an ore or a rock is made of: phases with their shares, textures, damage, photographs.

Shares of ores are the class areas of LumenStone, renormalised inside each subset (Korshunov et al.
2025, table 1). Their spread from image to image, exposure and white balance were matched to the
images of the LumenStone training split; lengths were chosen by eye beside them. A Dirichlet law
keeps the mean at the shares while a phase that is rare on the whole is absent from most images.

References
----------
LumenStone: doi:10.5194/isprs-archives-XLIV-2-W1-2021-113-2021. Korshunov et al. 2025:
doi:10.17073/2500-0632-2025-05-416.
"""

from __future__ import annotations

from petrography.phantoms.recipes.composition import draw_composition
from petrography.phantoms.recipes.ingredients import (
    VOID,
    Body,
    CameraSpread,
    Damage,
    Inclusion,
    Recipe,
)
from petrography.phantoms.recipes.ores import S1, S2, S3
from petrography.phantoms.recipes.sandstones import QUARTZ

__all__ = [
    "RECIPES",
    "THIN_SECTIONS",
    "VOID",
    "Body",
    "CameraSpread",
    "Damage",
    "Inclusion",
    "Recipe",
    "draw_composition",
]

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (S1, S2, S3)}
THIN_SECTIONS: dict[str, Recipe] = {QUARTZ.name: QUARTZ}
