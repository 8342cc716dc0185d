"""Panoramas from overlapping fields, in the order of the files.

``fields`` loads and surveys, ``layout`` knows the grid, ``features``, ``matching`` and
``phase_correlation`` find overlaps (``linking`` leads them), ``refinement`` measures them at full
resolution, ``placement`` lays all fields at once and ``solving`` leaves out what contradicts
(``consistency``), ``flat_fielding`` and ``gains`` make the light equal from ``overlaps``, ``seams``
divides the panorama, ``mosaic`` and ``rendering`` draw it, ``report_making`` tells what happened.
"""

from petrography.stitching.fields import PanoramaField
from petrography.stitching.label_merging import merge_labels
from petrography.stitching.layout import GridLayout
from petrography.stitching.matching import Matcher, Matches
from petrography.stitching.panorama import Stitching, stitch
from petrography.stitching.progress import Progress
from petrography.stitching.report import StitchReport

__all__ = [
    "GridLayout",
    "Matcher",
    "Matches",
    "PanoramaField",
    "Progress",
    "StitchReport",
    "Stitching",
    "merge_labels",
    "stitch",
]
