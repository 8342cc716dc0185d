"""From strokes to superpixels: which mineral each leaf of the tree gets.

A cluster whose strokes agree is theirs as a whole. Where they do not, its superpixels of the middle
level are asked, then their leaves. Leaves in between that no stroke touches go to the nearest that
is decided, over the colours on the way. The eraser is one more label, that of nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy
from numpy.typing import NDArray

from petrography.annotation.superpixels import Superpixels
from petrography.calibration import ciede2000
from petrography.minerals import UNLABELLED_CODE

__all__ = ["MAX_COLOUR_DISTANCE", "MAX_IN_DISPUTE", "LeafLabels", "spread"]

Codes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Indices: TypeAlias = NDArray[np.int32]

# CIEDE2000 from the strokes' own superpixels, beyond which a leaf is left alone: where strokes
# agree, and between strokes of several labels. Decision 0017.
MAX_COLOUR_DISTANCE, MAX_IN_DISPUTE = 9.0, 4.0
# What a step from leaf to leaf costs besides the difference of their colours, in CIELAB units.
_STEP_COST = 1.0
# Share of pixels that were right by their CIEDE2000 from the strokes, decision 0017.
_DISTANCES = (0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5)
_RIGHT = (0.999, 0.998, 0.996, 0.991, 0.983, 0.972, 0.918, 0.907, 0.907)
_RIGHT_IN_DISPUTE = (0.988, 0.971, 0.939, 0.882, 0.823, 0.748, 0.627, 0.542, 0.512)
_MOST_OF_SPREAD = 254


@dataclass(frozen=True, eq=False)
class LeafLabels:
    """What each leaf of the tree got.

    Attributes
    ----------
    codes : ndarray of uint8, shape (number of leaves,)
        255 where there is none.
    confidence : ndarray of uint8, shape (number of leaves,)
        0-254; 0 where there is no code.
    disputed : ndarray of bool, shape (number of leaves,)
        Leaves with strokes of several labels, whose pixels are told apart one by one.
    """

    codes: Codes
    confidence: Codes
    disputed: Flags


@dataclass(frozen=True, eq=False)
class _Decided:
    """Index of the label of each leaf, -1 for none, and the mean colour of the strokes behind it."""

    label: Indices
    colour_lab: Floats
    in_dispute: Flags

    @classmethod
    def nothing(cls, count: int) -> _Decided:
        none = np.full(count, -1, dtype=np.int32)
        return cls(none, np.zeros((count, 3)), np.zeros(count, dtype=np.bool_))


def spread(superpixels: Superpixels, seeds: NDArray[np.int32]) -> LeafLabels:
    """Label the leaves.

    Parameters
    ----------
    superpixels : Superpixels
        Of the photograph.
    seeds : ndarray of int32, shape (number of leaves, 256)
        Drawn pixels of each code in each leaf; under 255 those of the eraser.

    Returns
    -------
    LeafLabels
        A function of `seeds` alone.
    """
    codes = np.flatnonzero(seeds.any(axis=0))
    if not len(codes):
        nothing = np.zeros(len(seeds), dtype=np.uint8)
        return LeafLabels(nothing + np.uint8(UNLABELLED_CODE), nothing, nothing.astype(np.bool_))
    drawn = seeds[:, codes].astype(np.float64)
    decided = _descend(superpixels, drawn)
    _fill_between(superpixels, decided)
    return _as_codes(superpixels, decided, drawn, codes.astype(np.uint8))


def _descend(superpixels: Superpixels, drawn: Floats) -> _Decided:
    """Decide what one label alone has drawn in, from the coarsest level to the leaves."""
    decided = _Decided.nothing(len(drawn))
    in_dispute = np.ones(len(drawn), dtype=np.bool_)
    leaf = np.arange(len(drawn), dtype=np.int32)
    for level in (superpixels.top, superpixels.middle, leaf):
        of_node = _sums(drawn, level)
        labels_in = np.count_nonzero(of_node, axis=1)[level]
        # At the last level most pixels stand for a leaf that strokes still dispute.
        agreed = in_dispute & ((labels_in == 1) | ((labels_in > 1) & (level is leaf)))
        decided.label[agreed] = of_node.argmax(axis=1)[level][agreed]
        colours = _stroke_colours(superpixels, drawn, level)
        decided.colour_lab[agreed] = colours[level[agreed], decided.label[agreed]]
        if level is superpixels.top:
            in_dispute = labels_in > 1
            decided.in_dispute[:] = in_dispute
        else:
            in_dispute &= labels_in > 1
    return decided


def _sums(values: Floats, node: Indices) -> Floats:
    count = int(node.max()) + 1
    columns = [np.bincount(node, weights=one, minlength=count) for one in values.T]
    return np.stack(columns, axis=1)


def _stroke_colours(superpixels: Superpixels, drawn: Floats, level: Indices) -> Floats:
    """Mean colour of the leaves drawn in, by node and label, shape (nodes, labels, 3)."""
    pixels = np.maximum(_sums(drawn, level), 1.0)
    lab = superpixels.colour_lab.T.astype(np.float64)
    sums = [_sums(drawn * channel[:, None], level) for channel in lab]
    return np.stack(sums, axis=-1) / pixels[..., None]


def _fill_between(superpixels: Superpixels, decided: _Decided) -> None:
    """Give undecided leaves of disputed clusters to the nearest decided leaf of their cluster."""
    sources = np.flatnonzero(decided.in_dispute & (decided.label >= 0))
    wanting = np.flatnonzero(decided.in_dispute & (decided.label < 0))
    if not len(wanting):
        return
    edges = superpixels.edges
    one, other = edges[decided.in_dispute[edges[:, 0]]].T
    same = superpixels.top[one] == superpixels.top[other]
    one, other = one[same], other[same]
    lab = superpixels.colour_lab
    cost = _STEP_COST + np.linalg.norm(lab[one].astype(np.float64) - lab[other], axis=1)
    count = len(decided.label)
    graph = scipy.sparse.csr_array((cost, (one, other)), shape=(count, count))
    _, _, nearest = scipy.sparse.csgraph.dijkstra(
        graph, directed=False, indices=sources, min_only=True, return_predecessors=True
    )
    reached = wanting[nearest[wanting] >= 0]
    decided.label[reached] = decided.label[nearest[reached]]
    decided.colour_lab[reached] = decided.colour_lab[nearest[reached]]


def _as_codes(
    superpixels: Superpixels, decided: _Decided, drawn: Floats, of_label: Codes
) -> LeafLabels:
    """Leave out what has another colour than the strokes, and say how certain the rest is."""
    found = np.flatnonzero(decided.label >= 0)
    far = np.full(len(drawn), np.inf)
    far[found] = ciede2000(
        superpixels.colour_lab[found].astype(np.float64), decided.colour_lab[found]
    )
    limit = np.where(decided.in_dispute, MAX_IN_DISPUTE, MAX_COLOUR_DISTANCE)
    taken = (far <= limit) | drawn.any(axis=1)
    codes = np.full(len(drawn), UNLABELLED_CODE, dtype=np.uint8)
    codes[taken] = of_label[decided.label[taken]]
    right = np.interp(far, _DISTANCES, _RIGHT)
    right_in_dispute = np.interp(far, _DISTANCES, _RIGHT_IN_DISPUTE)
    certain = np.where(decided.in_dispute, right_in_dispute, right)
    confidence = np.rint(_MOST_OF_SPREAD * certain).astype(np.uint8)
    confidence[codes == UNLABELLED_CODE] = 0
    return LeafLabels(codes, confidence, np.count_nonzero(drawn, axis=1) > 1)
