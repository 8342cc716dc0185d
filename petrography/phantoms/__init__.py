"""Phantoms: synthetic photographs of polished ore with exact masks.

The way of a phantom: recipe and seed - composition - textures - arrangement (the section) - surface
(reflected light) - camera (the photograph). Colours come from published reflectances through a
camera fitted to LumenStone. A model trained on phantoms has seen no ore: how it does on real images
must be measured on real images.
"""

from __future__ import annotations

from petrography.phantoms.generation import Phantom, phantom
from petrography.phantoms.optics import rendered_srgb
from petrography.phantoms.recipes import RECIPES

__all__ = ["RECIPES", "Phantom", "phantom", "rendered_srgb"]
