"""Halos: false ribbons of a third phase, one or two pixels wide, along boundaries.

Where a bright and a dark phase meet, the pixels between them are as bright as a third phase, and a
model may name them so. Such a ribbon hides the true contact behind two false ones. Here it is
taken out before contacts are measured; the mineral map and its areas stay as they are.

A pixel is thin where no square of 3 x 3 pixels less one corner, all of its phase, covers it. That
square fits into ribbons of 3 px in every direction and into none of 2 px: a straight ribbon must
be wider than 2 to 2.24 px to hold its nine less one pixel centres. Its middle lies in the image, and
beyond the edge every phase goes on. A thin pixel is a halo where pixels of two other phases that
are not thin lie within three rows and columns of it; it takes the phase of the nearest, of equally
near ones that of the upper, then of the left one. A thin vein with the same phase on both sides is
none, nor is a ribbon along a body that is thin itself. Resin is never a halo: a gap between two
particles, however thin, is what divides them.

Where ribbons meet, at the corners of three bodies, they leave knots: pixels that no octagon of
5 x 5 pixels covers, with a halo of their phase within two pixels. They go the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from petrography.errors import LabelImageError
from petrography.images import Labels
from petrography.minerals import RESIN_CODE, UNLABELLED_CODE
from petrography.statistics.neighbour_pairs import Strip

__all__ = ["HALO_WIDTH_PX", "FoundHalos", "HaloFilter", "remove_halos"]

# Ribbons up to this wide are halos; from 3 px on they are real.
HALO_WIDTH_PX = 2
_BODY_REACH = 3
_KNOT_REACH = 2
# What a knot becomes depends on bodies three rows on. Whether these are knots themselves depends on
# whether the pixels two rows further are halos, which depends on bodies three rows further, which
# are bodies by two more.
_REACH_ROWS = _BODY_REACH + _KNOT_REACH + _BODY_REACH + 2
_FRAME = 3
# Halos are kept for who filters the same labels again, up to so many: 64 MB. A map of 100
# megapixels has about as many.
_MOST_KEPT_PX = 4_000_000


def _nearest_first(reach: int) -> list[tuple[int, int]]:
    side = range(-reach, reach + 1)
    places = [(row, column) for row in side for column in side if (row, column) != (0, 0)]
    return sorted(places, key=lambda place: (place[0] ** 2 + place[1] ** 2, place))


def _without_corners(side: int, corners: list[tuple[int, int]]) -> NDArray[np.uint8]:
    shape = np.ones((side, side), dtype=np.uint8)
    for row, column in corners:
        shape[row, column] = 0
    return shape


_CORNERS = [(0, 0), (0, -1), (-1, 0), (-1, -1)]
_NOTCHED_SQUARES = tuple(_without_corners(3, [corner]) for corner in _CORNERS)
_OCTAGON = (_without_corners(5, _CORNERS),)


@dataclass(frozen=True, eq=False)
class FoundHalos:
    """The halo pixels of an image, from top to bottom.

    Attributes
    ----------
    place, source : ndarray of int64, shape (n,)
        Flat indices of halo pixels, rising, and of the pixels whose phase they take.
    """

    place: NDArray[np.int64]
    source: NDArray[np.int64]

    def within(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Those from one flat index to before another, counted from there."""
        some = slice(*np.searchsorted(self.place, (first, last)).tolist())
        return self.place[some] - first, self.source[some] - first


class HaloFilter:
    """Takes halos out of label strips that are pushed from top to bottom.

    The rows that come out are those of the whole image filtered at once, for every cut into
    strips; they lag ten rows behind. Maps of the same shape, such as grain numbers, can travel
    along: where a pixel takes the phase of another it takes its values in them as well.

    Parameters
    ----------
    known : FoundHalos, optional
        What another filter found in the same labels; they are not looked for again.

    Attributes
    ----------
    changed_px : ndarray of int64, shape (256,)
        Pixels of each phase that became another in the rows given out.
    """

    def __init__(self, known: FoundHalos | None = None) -> None:
        self.changed_px = np.zeros(256, dtype=np.int64)
        self._known = known
        self._found: list[NDArray[np.int64]] = []
        self._found_px = 0
        self._pending: tuple[Strip, ...] = ()
        self._first_row = 0
        self._given_rows = 0

    def add(self, labels: Labels, *maps: Strip) -> tuple[Strip, ...]:
        """Push the next rows and get those that are done.

        Parameters
        ----------
        labels : ndarray of uint8, shape (rows, width)
            Mineral codes; 255 not annotated.
        *maps : ndarray, shape (rows, width)
            What travels along; the same maps in every call.

        Returns
        -------
        tuple of ndarray, shape (rows done, width)
            Labels and maps.
        """
        layers = (labels, *maps)
        if self._pending:
            pairs = zip(self._pending, layers, strict=True)
            layers = tuple(np.concatenate(pair) for pair in pairs)
        self._pending = layers
        return self._give(len(layers[0]) - _REACH_ROWS)

    def finish(self) -> tuple[Strip, ...]:
        """Get the last rows; the pushed rows must have been at least one."""
        return self._give(len(self._pending[0]))

    def _give(self, end: int) -> tuple[Strip, ...]:
        if end <= self._given_rows:
            return tuple(layer[:0] for layer in self._pending)
        labels = self._pending[0]
        halos, sources = self._halos_of(labels, end)
        self.changed_px += np.bincount(labels.ravel()[halos], minlength=256)
        rows = slice(self._given_rows, end)
        done = tuple(_replaced(layer, rows, halos, sources) for layer in self._pending)
        kept = max(0, end - _REACH_ROWS)
        self._pending = tuple(layer[kept:].copy() for layer in self._pending)
        self._first_row += kept
        self._given_rows = end - kept
        return done

    def found(self) -> FoundHalos | None:
        """What was found so far; None where it is too much to be kept."""
        if self._found_px > _MOST_KEPT_PX:
            return None
        nothing = np.zeros((2, 0), dtype=np.int64)
        place, source = np.concatenate([nothing, *self._found], axis=1)
        order = np.argsort(place)
        return FoundHalos(place[order], source[order])

    def _halos_of(self, labels: Labels, end: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Halo pixels in the rows that are given out, and where they take their phase from."""
        width = labels.shape[1]
        first, last = self._given_rows * width, end * width
        before = self._first_row * width
        if self._known is not None:
            halos, sources = self._known.within(before + first, before + last)
            return halos + first, sources + first
        halos, sources = _halo_sources(labels)
        given = (halos >= first) & (halos < last)
        halos, sources = halos[given], sources[given]
        self._keep(halos + before, sources + before)
        return halos, sources

    def _keep(self, halos: NDArray[np.int64], sources: NDArray[np.int64]) -> None:
        self._found_px += len(halos)
        if self._found_px > _MOST_KEPT_PX:
            self._found.clear()
        else:
            self._found.append(np.stack([halos, sources]))


def remove_halos(labels: Labels) -> tuple[Labels, int]:
    """Take the halos out of a label image.

    Parameters
    ----------
    labels : ndarray of uint8, shape (height, width)
        Mineral codes; 255 not annotated, never changed.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        The labels without ribbons of 1 or 2 px between two other phases.
    int
        Pixels that were changed.

    Raises
    ------
    LabelImageError
        If there is no pixel.

    Examples
    --------
    >>> labels = np.repeat(np.array([[1, 1, 1, 8, 8, 6, 6, 6]], dtype=np.uint8), 8, axis=0)
    >>> remove_halos(labels)[0][0].tolist()
    [1, 1, 1, 1, 6, 6, 6, 6]
    """
    if labels.size == 0:
        msg = f"label image has the shape {labels.shape}; wanted sides of at least 1 px"
        raise LabelImageError(msg)
    filtering = HaloFilter()
    first, last = filtering.add(labels), filtering.finish()
    return np.concatenate([first[0], last[0]]), int(filtering.changed_px.sum())


def _replaced(
    layer: Strip, rows: slice, halos: NDArray[np.int64], sources: NDArray[np.int64]
) -> Strip:
    """Some rows of a layer, where halos, flat indices in it, have the values of their sources."""
    changed = layer[rows].copy()
    changed.ravel()[halos - rows.start * layer.shape[1]] = layer.ravel()[sources]
    return changed


def _halo_sources(labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flat indices of halo pixels and of the pixels whose phase they take."""
    # 0 where covered and 255 elsewhere, which is the code of what nobody annotated.
    bodies = labels | (_is_covered(labels, _NOTCHED_SQUARES).view(np.uint8) - np.uint8(1))
    ribbons, of_ribbons = _between_bodies(labels, bodies, np.flatnonzero(bodies != labels))
    if len(ribbons) == 0:
        return ribbons, of_ribbons
    slight = (bodies == labels) & ~_is_covered(labels, _OCTAGON) & (labels != UNLABELLED_CODE)
    ends = _beside(labels, ribbons, np.flatnonzero(slight))
    bodies.ravel()[ends] = UNLABELLED_CODE
    knots, of_knots = _between_bodies(labels, bodies, ends)
    return np.concatenate([ribbons, knots]), np.concatenate([of_ribbons, of_knots])


def _between_bodies(
    labels: Labels, bodies: Labels, candidates: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Candidates with bodies of two other phases around them, and the nearest body pixel."""
    own = labels.ravel()[candidates]
    lowest = np.full(len(candidates), 255, dtype=np.uint8)
    highest = np.zeros(len(candidates), dtype=np.uint8)
    source = np.full(len(candidates), -1, dtype=np.int64)
    for step, seen in _around(bodies, candidates, _BODY_REACH):
        other = (seen != UNLABELLED_CODE) & (seen != own)
        np.minimum(lowest, seen, out=lowest, where=other)
        np.maximum(highest, seen, out=highest, where=other)
        first = other & (source < 0)
        source[first] = candidates[first] + step
    between = (lowest < highest) & (own != UNLABELLED_CODE) & (own != RESIN_CODE)
    return candidates[between], source[between]


def _beside(
    labels: Labels, ribbons: NDArray[np.int64], candidates: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Candidates with a ribbon of their own phase near by."""
    found = np.full(labels.shape, UNLABELLED_CODE, dtype=np.uint8)
    found.ravel()[ribbons] = labels.ravel()[ribbons]
    own = labels.ravel()[candidates]
    beside = np.zeros(len(candidates), dtype=bool)
    for _, seen in _around(found, candidates, _KNOT_REACH):
        beside |= seen == own
    return candidates[beside]


def _around(
    values: Labels, places: NDArray[np.int64], reach: int
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Go through the neighbours of flat places, the nearest first: step and values, 255 outside."""
    width = values.shape[1]
    frame = (_FRAME,) * 4
    framed = cv2.copyMakeBorder(values, *frame, cv2.BORDER_CONSTANT, value=UNLABELLED_CODE).ravel()
    wide = width + 2 * _FRAME
    at = (places // width + _FRAME) * wide + places % width + _FRAME
    for row, column in _nearest_first(reach):
        yield row * width + column, framed[at + (row * wide + column)]


def _is_covered(labels: Labels, shapes: tuple[NDArray[np.uint8], ...]) -> NDArray[np.bool_]:
    """Whether one of the shapes, laid somewhere over a pixel, sees its phase only."""
    covered = np.zeros(labels.shape, dtype=bool)
    for shape in shapes:
        # Beyond the edge of the image every phase goes on.
        of_one_phase = cv2.erode(labels, shape) == cv2.dilate(labels, shape)
        turned = np.ascontiguousarray(shape[::-1, ::-1])
        covered |= cv2.dilate(of_one_phase.view(np.uint8), turned).view(np.bool_)
    return covered
