"""How good a mineral map is: dataset-level confusion, IoU, void borders, a colour-only baseline.

Confusion matrices are summed over images first and scored once, so that a small image does not
weigh as much as a large one. Pixels that nobody annotated (255) are masked out, never counted as
right. A figure for a network means little without that of `NearestColour` on the same pixels.
"""

from petrography.accuracy.confusion import confusion_matrix, confusion_with_other
from petrography.accuracy.error_map import error_map
from petrography.accuracy.judging import classes_to_judge, confusion_csv
from petrography.accuracy.nearest_colour import NearestColour, fit_nearest_colour
from petrography.accuracy.scoring import Scores, scores, scores_table
from petrography.accuracy.void_border import void_border

__all__ = [
    "NearestColour",
    "Scores",
    "classes_to_judge",
    "confusion_csv",
    "confusion_matrix",
    "confusion_with_other",
    "error_map",
    "fit_nearest_colour",
    "scores",
    "scores_table",
    "void_border",
]
