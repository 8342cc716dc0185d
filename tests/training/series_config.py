"""Configuration of a small run on painted sections with their views."""

from __future__ import annotations


def series_toml(output, *, colours=None, **changes):
    fields = {
        "architecture": "xpl-fusion",
        "classes": [0, 1, 2, 4, 6, 8, 11],
        "fields": 14,
        "filters": 2,
    } | changes
    start = "" if colours is None else f"initial_colours = {str(colours)!r}"
    return f"""
name = "series"
device = "cpu"
output = {str(output)!r}

[data]
classes = {fields["classes"]}

[stage_series]
recipe = "S1"
fields = {fields["fields"]}
validation_fields = 2
size_px = 64
views = 3
variants = 2

[network]
architecture = "{fields["architecture"]}"
filters = {fields["filters"]}
{start}

[card]
description = "Painted sections."
data = "phantoms"
data_terms = "none"
weight_terms = "none"
phantom_fraction = 1.0

[sampler]
patch_px = 32
batch = 2
grid_px = 4

[schedule]
epochs = 1
steps_per_epoch = 2
warmup_steps = 1
mixed_precision = false
"""
