"""Annotation by strokes: a geologist draws lines, and they spread over superpixels of their colour.

The steps, each in a file: `strokes` (what is drawn, and which pixels that are), `preparation` (from
a photograph to `superpixels`, a tree of three levels), `ink` (what lies drawn where), `spreading`
(which superpixels strokes reach), `disputes` (pixels of superpixels that several labels cross),
`annotation` (all of it, step by step, with the way back) and `proposals` (where to annotate next).

A cluster in which all strokes have one label is labelled as a whole. Where strokes of several
labels meet, the cluster is split into the superpixels of the middle level, these into the finest;
what lies between goes to the nearest over the colours on the way. Superpixels whose colour is far
from that of the strokes are left alone. In a finest superpixel that several labels cross, each pixel
goes to the nearest stroke. Drawn pixels keep their label, until something is drawn over them.

An eraser is a stroke of the label "nothing": it takes away what is drawn under it, spreads and
disputes like any label, and so takes back what others had spread around it. Where a later stroke
touches a finest superpixel, what was erased in it counts no longer. An exact eraser empties the
pixels that it is drawn over, and no others.
"""

from petrography.annotation.annotation import Annotation, Origin
from petrography.annotation.preparation import prepare
from petrography.annotation.proposals import Proposal, propose
from petrography.annotation.region import Region
from petrography.annotation.strokes import MAX_POINTS, MAX_STROKES, MAX_WIDTH_PX, Stroke
from petrography.annotation.superpixels import Superpixels

__all__ = [
    "MAX_POINTS",
    "MAX_STROKES",
    "MAX_WIDTH_PX",
    "Annotation",
    "Origin",
    "Proposal",
    "Region",
    "Stroke",
    "Superpixels",
    "prepare",
    "propose",
]
