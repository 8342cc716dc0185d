"""One painted section with its views, kept on disk because painting takes longer than reading."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

import petrography
from petrography.fusion import MAX_VIEWS, fused_from_views
from petrography.images import Image
from petrography.phantoms import StageSeries, stage_series
from petrography.registration import warp_to_reference

__all__ = ["SectionViews", "kept_section", "paint_section"]

# What a painted section depends on: a section that other code painted is painted anew.
_PAINTERS = ("phantoms/**/*.py", "registration/geometry.py", "minerals.py")


@dataclass(frozen=True, eq=False)
class SectionViews:
    """A painted field with its views laid over it by their true matrices.

    Attributes
    ----------
    ppl : ndarray of uint8, shape (height, width, 3)
        In plane-polarised light.
    xpl : tuple of ndarray of uint8, shape (height, width, 3)
        Between crossed polars, on `ppl`.
    valid : tuple of ndarray of bool, shape (height, width)
        Where each shows the field.
    turns_deg : tuple of float
        Of each.
    truth : ndarray of uint8, shape (height, width)
        Mineral codes.
    """

    ppl: Image
    xpl: tuple[Image, ...]
    valid: tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], ...]
    turns_deg: tuple[float, ...]
    truth: Image

    def fused(self, chosen: Sequence[int]) -> Image:
        """Fuse some of the views; see `petrography.fusion`."""
        return fused_from_views(
            self.ppl,
            [self.xpl[one] for one in chosen],
            [self.turns_deg[one] for one in chosen],
            [self.valid[one] for one in chosen],
        )


def paint_section(
    recipe: str, seed: int, size_px: int, views: int = MAX_VIEWS, *, crossed: bool = True
) -> SectionViews:
    """Paint a field and its views between crossed polars.

    Parameters
    ----------
    recipe : str
        What it is made of.
    seed : int
        The same arguments give the same field.
    size_px : int
        Side of the field.
    views : int
        Turns of the stage, 15 degrees apart.
    crossed : bool
        Whether the views are painted; the field is the same without.
    """
    series: StageSeries = stage_series(
        recipe, seed, size_px, size_px, views=views, partners=False, crossed=crossed
    )
    shape = (size_px, size_px)
    laid = [warp_to_reference(view.image, view.matrix, shape) for view in series.xpl]
    return SectionViews(
        ppl=series.ppl[0].image,
        xpl=tuple(pixels for pixels, _ in laid),
        valid=tuple(valid for _, valid in laid),
        turns_deg=tuple(view.stage_angle_deg for view in series.xpl),
        truth=series.labels,
    )


def kept_section(
    folder: Path | None,
    recipe: str,
    seed: int,
    size_px: int,
    views: int = MAX_VIEWS,
    *,
    crossed: bool = True,
) -> SectionViews:
    """Read a section that was painted before with the same code, or paint it and keep it.

    Parameters
    ----------
    folder : Path or None
        Where sections are kept, about 40 bytes a pixel for each with twelve views; with None none
        is.
    recipe, seed, size_px, views, crossed
        See `paint_section`; a section with its views serves where none are asked for.
    """
    if folder is None:
        return paint_section(recipe, seed, size_px, views, crossed=crossed)
    with_views, without = (
        folder / f"{recipe}-{seed}-{size_px}-{views}-{name}-{_painter()}.npz"
        for name in ("xpl", "ppl")
    )
    for path in (with_views,) if crossed else (with_views, without):
        found = _read(path)
        if found is not None:
            return found
    section = paint_section(recipe, seed, size_px, views, crossed=crossed)
    _keep(section, with_views if crossed else without)
    return section


@cache
def _painter() -> str:
    """Digest of the code that paints."""
    digest = hashlib.sha256(f"numpy {np.__version__} opencv {cv2.__version__}".encode())
    root = Path(petrography.__file__).parent
    for pattern in _PAINTERS:
        for path in sorted(root.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _keep(section: SectionViews, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of this process alone: two runs may paint the same section.
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        np.savez(
            file,
            ppl=section.ppl,
            xpl=np.array(section.xpl),
            valid=np.array(section.valid),
            turns_deg=np.array(section.turns_deg),
            truth=section.truth,
        )
    temporary.replace(path)


def _read(path: Path) -> SectionViews | None:
    """Read a kept section; None where there is none that is whole."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return SectionViews(
                ppl=kept["ppl"],
                xpl=tuple(kept["xpl"]),
                valid=tuple(kept["valid"]),
                turns_deg=tuple(kept["turns_deg"].tolist()),
                truth=kept["truth"],
            )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
