"""Where to annotate next: superpixels that a model doubts or that look like nothing annotated yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.annotation.annotation import Annotation
from petrography.annotation.region import Region
from petrography.annotation.superpixels import Superpixels
from petrography.calibration import ciede2000
from petrography.errors import InvalidParameterError, LabelImageError
from petrography.images import Confidence
from petrography.minerals import UNLABELLED_CODE

__all__ = ["Proposal", "propose"]

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int32]

# Within so many pixels of the border of a superpixel every model doubts: such pixels count less.
_BAND_PX, _BAND_WEIGHT = 3, 0.1
# CIEDE2000 from all that is annotated, from which on a colour counts as new.
_NEW_COLOUR = 20.0
# Of these many times the budget, the best by score, those are taken that differ most.
_CHOICE = 4.0
# More places than anybody visits; each is compared with all candidates.
_MOST = 500
# Superpixels below this share of the mean size are what a border left over: nothing to draw on.
_SLIVER = 0.25


class Proposal(NamedTuple):
    """A superpixel that is worth a stroke.

    Attributes
    ----------
    region : Region
        Smallest rectangle around it.
    score : float
        From 0, known well, to 1.
    centre : tuple of (row, column)
        Its pixel that is nearest to its centre of gravity.
    """

    region: Region
    score: float
    centre: tuple[int, int]


@dataclass(frozen=True, eq=False)
class _Units:
    """Superpixels of the middle level: pixels, those not annotated, mean colour, score."""

    of_pixel: Indices
    size_px: Floats
    open_px: Floats
    colour_lab: Floats
    score: Floats


def propose(
    superpixels: Superpixels,
    annotation: Annotation,
    *,
    budget_fraction: float,
    confidence: Confidence | None = None,
) -> list[Proposal]:
    """Choose superpixels of the middle level that are to be annotated next.

    Parameters
    ----------
    superpixels : Superpixels
        Of the photograph.
    annotation : Annotation
        What is annotated already; superpixels mostly annotated are not proposed.
    budget_fraction : float
        Share of the photograph that the proposals may cover, in (0, 1].
    confidence : ndarray of uint8, shape (height, width), optional
        Of a model, 255 is certain: scores are 1 minus its mean, pixels near borders of superpixels
        counting a tenth. Without it scores grow with the distance (CIEDE2000) from the nearest
        colour that is annotated.

    Returns
    -------
    list of Proposal
        The first has the highest score; each of the others has, among the best, the highest product
        of its score and the distance of its colour from those before it. At least one, unless all
        is annotated, and at most 500.

    Raises
    ------
    InvalidParameterError
        If the budget is no share.
    LabelImageError
        If `confidence` has another size or type.

    References
    ----------
    Gonzalez 1985, doi:10.1016/0304-3975(85)90224-5 (the farthest first).
    """
    _require(superpixels, budget_fraction, confidence)
    units = _units(superpixels, annotation, confidence)
    budget_px = budget_fraction * units.of_pixel.size
    chosen = _farthest_first(units, _candidates(units, budget_px), budget_px)
    return list(_proposals(units, chosen))


def _require(
    superpixels: Superpixels, budget_fraction: float, confidence: Confidence | None
) -> None:
    if not 0.0 < budget_fraction <= 1.0:
        msg = f"budget_fraction is {budget_fraction:g}; wanted a share above 0 and up to 1"
        raise InvalidParameterError(msg)
    if confidence is None:
        return
    if confidence.dtype != np.uint8 or confidence.shape != superpixels.shape:
        msg = (
            f"confidence is {confidence.dtype} {confidence.shape}; wanted uint8 "
            f"{superpixels.shape}, the size of the photograph"
        )
        raise LabelImageError(msg)


def _units(
    superpixels: Superpixels, annotation: Annotation, confidence: Confidence | None
) -> _Units:
    of_pixel = superpixels.middle[superpixels.leaves]
    size_px = _sum_over(of_pixel, None)
    unlabelled = annotation.labels == UNLABELLED_CODE
    leaf_px = np.bincount(superpixels.leaves.ravel()).astype(np.float64)
    colours = superpixels.colour_lab.astype(np.float64).T
    sums = [np.bincount(superpixels.middle, weights=leaf_px * one) for one in colours]
    colour_lab = np.stack(sums, axis=1) / size_px[:, None]
    if confidence is None:
        score = _newness(colour_lab, _annotated_colours(superpixels, annotation))
    else:
        score = _doubt(of_pixel, confidence)
    return _Units(of_pixel, size_px, _sum_over(of_pixel, unlabelled), colour_lab, score)


def _sum_over(of_pixel: Indices, weights: NDArray[np.generic] | None) -> Floats:
    flat = None if weights is None else weights.ravel()
    return np.bincount(of_pixel.ravel(), weights=flat).astype(np.float64)


def _doubt(of_pixel: Indices, confidence: Confidence) -> Floats:
    weight = np.where(_near_border(of_pixel), _BAND_WEIGHT, 1.0)
    doubted = weight * (1.0 - confidence / 255.0)
    return _sum_over(of_pixel, doubted) / _sum_over(of_pixel, weight)


def _near_border(of_pixel: Indices) -> NDArray[np.bool_]:
    border = np.zeros(of_pixel.shape, dtype=np.uint8)
    border[:, 1:] |= of_pixel[:, 1:] != of_pixel[:, :-1]
    border[1:] |= of_pixel[1:] != of_pixel[:-1]
    side = 2 * _BAND_PX + 1
    return cv2.dilate(border, np.ones((side, side), dtype=np.uint8)).astype(np.bool_)


def _annotated_colours(superpixels: Superpixels, annotation: Annotation) -> Floats:
    """Colours of the leaves that have labels."""
    labelled = superpixels.leaves[annotation.labels != UNLABELLED_CODE]
    reached = np.flatnonzero(np.bincount(labelled))
    return np.asarray(superpixels.colour_lab[reached], dtype=np.float64)


def _newness(colour_lab: Floats, annotated_lab: Floats) -> Floats:
    """CIEDE2000 from the annotated colour that is nearest in CIELAB, as a share of a new colour."""
    if not len(annotated_lab):
        return np.ones(len(colour_lab))
    nearest = scipy.spatial.cKDTree(annotated_lab).query(colour_lab)[1]
    distance = ciede2000(colour_lab, annotated_lab[nearest])
    return np.minimum(distance / _NEW_COLOUR, 1.0)


def _candidates(units: _Units, budget_px: float) -> NDArray[np.int64]:
    """Units mostly not annotated, and no slivers, best first, of some times the budget."""
    order = np.argsort(-units.score, kind="stable")
    wanted = units.open_px > units.size_px / 2
    wanted &= units.size_px >= _SLIVER * units.size_px.mean()
    order = order[wanted[order]]
    covered_px = np.cumsum(units.size_px[order]) - units.size_px[order]
    return order[covered_px < _CHOICE * budget_px]


def _farthest_first(units: _Units, candidates: NDArray[np.int64], budget_px: float) -> list[int]:
    """Units of high score whose colours are far from each other, until the budget is spent."""
    colours, score = units.colour_lab[candidates], units.score[candidates]
    distance = np.full(len(candidates), _NEW_COLOUR)
    is_open = np.ones(len(candidates), dtype=np.bool_)
    chosen: list[int] = []
    while len(chosen) < _MOST and is_open.any():
        index = int(np.argmax(np.where(is_open, score * distance, -1.0)))
        unit = int(candidates[index])
        budget_px -= float(units.size_px[unit])
        if chosen and budget_px < 0:
            break
        chosen.append(unit)
        distance = np.minimum(distance, np.linalg.norm(colours - colours[index], axis=1))
        is_open[index] = False
    return chosen


def _proposals(units: _Units, chosen: list[int]) -> Iterator[Proposal]:
    boxes = scipy.ndimage.find_objects(units.of_pixel + 1)
    for unit in chosen:
        rows, columns = boxes[unit]
        region = Region.of_slices(rows, columns)
        inside = units.of_pixel[rows, columns] == unit
        row, column = _centre(inside)
        yield Proposal(region, float(units.score[unit]), (region.row + row, region.column + column))


def _centre(inside: NDArray[np.bool_]) -> tuple[int, int]:
    rows, columns = np.nonzero(inside)
    off = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    nearest = int(off.argmin())
    return int(rows[nearest]), int(columns[nearest])
