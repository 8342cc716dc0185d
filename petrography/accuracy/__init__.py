"""How good a mineral map is: dataset-level confusion, IoU, void borders, a colour-only baseline.

Confusion matrices are summed over images first and scored once, so that a small image does not
weigh as much as a large one. Pixels that nobody annotated (255) are masked out, never counted as
right. A figure for a network means little without that of `NearestColour` on the same pixels.
"""

from petrography.accuracy.borders import BorderCounts, count_borders
from petrography.accuracy.confusion import (
    Confusion,
    confusion_matrix,
    confusion_with_other,
    normalised_confusion,
)
from petrography.accuracy.confusion_table import confusion_csv
from petrography.accuracy.error_map import error_map
from petrography.accuracy.label_metrics import (
    JudgedLabels,
    LabelMetrics,
    judged_labels,
    tally_labels,
)
from petrography.accuracy.measuring import measure_set
from petrography.accuracy.metrics import (
    DEFINITIONS,
    ClassMetrics,
    ImageMetrics,
    MetricsReport,
    ModelMetrics,
    SetMetrics,
    Spread,
    parse_metrics,
)
from petrography.accuracy.nearest_colour import NearestColour, fit_nearest_colour
from petrography.accuracy.ranking import RankCounts, roc_auc
from petrography.accuracy.reliability import ReliabilityBin, ReliabilityCounts, count_reliability
from petrography.accuracy.scoring import Scores, scores, scores_of_present, scores_table
from petrography.accuracy.tally import Tally, tally_image
from petrography.accuracy.void_border import void_border

__all__ = [
    "DEFINITIONS",
    "BorderCounts",
    "ClassMetrics",
    "Confusion",
    "ImageMetrics",
    "JudgedLabels",
    "LabelMetrics",
    "MetricsReport",
    "ModelMetrics",
    "NearestColour",
    "RankCounts",
    "ReliabilityBin",
    "ReliabilityCounts",
    "Scores",
    "SetMetrics",
    "Spread",
    "Tally",
    "confusion_csv",
    "confusion_matrix",
    "confusion_with_other",
    "count_borders",
    "count_reliability",
    "error_map",
    "fit_nearest_colour",
    "judged_labels",
    "measure_set",
    "normalised_confusion",
    "parse_metrics",
    "roc_auc",
    "scores",
    "scores_of_present",
    "scores_table",
    "tally_image",
    "tally_labels",
    "void_border",
]
