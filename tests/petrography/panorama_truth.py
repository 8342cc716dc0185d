"""Fields of a painted section for stitching, and how far a panorama is from their truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from petrography.calibration.lens import LensModel, undistort_points
from petrography.images import Image
from petrography.phantoms import SectionFields
from petrography.registration import applied, fit_similarity
from petrography.stitching import PanoramaField, StitchReport
from petrography.stitching.report import Unplaced


def as_field(name: str, pixels: Image) -> PanoramaField:
    """A field that is in memory."""
    return PanoramaField(name, lambda: pixels, (pixels.shape[0], pixels.shape[1]))


def as_fields(section: SectionFields) -> list[PanoramaField]:
    return [as_field(field.name, field.image) for field in section.fields]


def error_px(report: StitchReport, section: SectionFields) -> float:
    """Root mean square distance of photographed places from the truth, after one similarity."""
    height, width = section.shape
    x, y = np.meshgrid(np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 7))
    lattice = np.stack([x.ravel(), y.ravel()], axis=1)
    given = LensModel(height_px=height, width_px=width, k1=section.lens.k1)
    found = report.lens.model if report.lens else LensModel(height_px=height, width_px=width)
    true = {field.name: field.matrix for field in section.fields}
    tiles = [tile for tile in report.tiles if tile.component == 0 and tile.name in true]
    straight = undistort_points(lattice, found)
    ours = np.concatenate([applied(np.array(tile.matrix), straight) for tile in tiles])
    straight = undistort_points(lattice, given)
    theirs = np.concatenate([applied(true[tile.name], straight) for tile in tiles])
    gaps = applied(fit_similarity(ours, theirs), ours) - theirs
    return float(np.sqrt((gaps**2).sum(axis=1).mean()))


def names(parts: Iterable[Unplaced]) -> list[str]:
    return [part.name for part in parts]


def drawn(rows: Iterable[Image]) -> Image:
    return np.concatenate(list(rows))


def shuffled(fields: Sequence[PanoramaField], seed: int) -> list[PanoramaField]:
    order = np.random.default_rng(seed).permutation(len(fields))
    return [fields[index] for index in order]
