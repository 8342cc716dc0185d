"""Paints a small folder of thin sections, each with a photograph between crossed polars."""

from __future__ import annotations

from pathlib import Path

from petrography.image_codec import encode_png
from petrography.phantoms import stage_series

RECIPE = "quartz"
HEIGHT_PX, WIDTH_PX = 96, 128


def paint_views(root: Path, fields: int = 4) -> Path:
    """Write ppl, xpl (angle 0) and masks of different sections."""
    for seed in range(fields):
        series = stage_series(RECIPE, seed, HEIGHT_PX, WIDTH_PX, views=1)
        named = {
            "ppl": series.ppl[0].image,
            "xpl": series.xpl[0].image,
            "masks": series.labels,
        }
        for folder, pixels in named.items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / f"{seed}.png").write_bytes(encode_png(pixels))
    return root


def views_toml(root: Path, output: Path) -> str:
    """A run of seconds on such a folder."""
    return f"""
name = "sections"
device = "cpu"
output = {str(output)!r}

[data]
root = {str(root)!r}
subsets = {{ sections = "0,35" }}
images = "ppl"
masks = "masks"
views = {{ "XPL:0" = "xpl" }}
mask_codes = {{ 0 = 0, 32 = 35, 33 = 35, 34 = 35, 35 = 35 }}   # so small a field has few phases
classes = [0, 35]
folds = 2
fold = 0

[network]
architecture = "xpl-fusion"
filters = 2

[card]
description = "Painted sections."
data = "phantoms"
data_terms = "none"
weight_terms = "none"
default_resampling_factor = 1.0

[sampler]
patch_px = 32
batch = 4
grid_px = 4

[schedule]
epochs = 1
steps_per_epoch = 12
warmup_steps = 1
learning_rate = 1e-2
average = 0.5
mixed_precision = false
"""
