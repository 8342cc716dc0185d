"""Phantoms: synthetic photographs of polished ore with exact masks.

The way of a phantom: recipe and seed - composition - textures - arrangement (the section) - surface
or thin section (the light that it sends back or lets through, in any polarisation) - camera (the
photograph). `phantom` takes one photograph, `stage_series` a series on a rotating stage,
`section_fields` overlapping fields of one section; `filtered` puts a filter before a photograph.

Colours come from published reflectances through a camera fitted to LumenStone. A model trained on
phantoms has seen no ore: how it does on real images must be measured on real images.
"""

from __future__ import annotations

from petrography.phantoms.fields import Field, SectionFields, section_fields
from petrography.phantoms.filters import filtered
from petrography.phantoms.generation import Phantom, phantom
from petrography.phantoms.optics import rendered_srgb
from petrography.phantoms.recipes import RECIPES
from petrography.phantoms.specimen import RECIPE_NAMES
from petrography.phantoms.stage import StageSeries, View, stage_series

__all__ = [
    "RECIPES",
    "RECIPE_NAMES",
    "Field",
    "Phantom",
    "SectionFields",
    "StageSeries",
    "View",
    "filtered",
    "phantom",
    "rendered_srgb",
    "section_fields",
    "stage_series",
]
