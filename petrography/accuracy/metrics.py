"""metrics.json: everything that is measured of models on sets of annotated images.

Numbers are those of the pooled pixels of a set, unless a name says otherwise. The JSON Schema is
that of `MetricsReport`.
"""

from __future__ import annotations

from typing import Literal

from petrography.errors import LabelImageError
from petrography.field_types import Fraction, PercentagePoints
from petrography.stored_documents import Document, parsed

__all__ = [
    "DEFINITIONS",
    "BaselineMetrics",
    "ClassMetrics",
    "ImageMetrics",
    "MetricsReport",
    "ModelMetrics",
    "ReliabilityPoint",
    "SetMetrics",
    "Spread",
    "parse_metrics",
]


DEFINITIONS: dict[str, str] = {
    "set": "pixels of all images of a set are counted together; 255 in the truth is not judged",
    "mean": (
        "means are over the classes that the truth of the set holds; pixels predicted as a class "
        "that it does not hold are wrong for the class that they are of"
    ),
    "iou": "TP / (TP + FP + FN)",
    "recall": "sensitivity, TP / (TP + FN)",
    "specificity": "TN / (TN + FP), the class against all others",
    "f1": "Dice, 2 TP / (2 TP + FP + FN)",
    "accuracy": "(TP + TN) / all, the class against all others",
    "balanced_accuracy": (
        "(recall + specificity) / 2 of the hard mask, printed as AUC in doi:10.1007/s12613-024-3048-8"
    ),
    "roc_auc": (
        "area under the ROC curve of the probability of the class, the class against all others, "
        "ties counted half, from 4096 bins of the logit; roc_auc_bound: how far the binning can "
        "have moved it"
    ),
    "void_border": (
        "truth within border_px of another class, and of the image edge, is masked out"
    ),
    "boundary_f1": (
        "F1 of border pixels that match within border_px (BF score); boundary_iou: IoU of the "
        "bands of border_px along the borders"
    ),
    "ece": (
        "expected calibration error of the confidence, 15 equal bins; class_ece: that of the "
        "probability of one class"
    ),
    "modal_error_pp": "predicted less true share of the annotated area, in percentage points",
    "spread": "over the images, each scored by itself",
    "nearest colour": "each pixel takes the class of the nearest mean colour of the training images",
}


class ClassMetrics(Document):
    """One class of one set; null where a figure has no defined value."""

    code: int
    symbol: str
    truth_px: int
    predicted_px: int
    iou: Fraction
    precision: Fraction | None
    recall: Fraction
    specificity: Fraction | None
    f1: Fraction
    accuracy: Fraction
    balanced_accuracy: Fraction | None
    roc_auc: Fraction | None
    roc_auc_bound: Fraction | None
    void_border_iou: Fraction | None
    boundary_f1: Fraction | None
    boundary_iou: Fraction | None
    class_ece: Fraction | None
    modal_error_pp: PercentagePoints
    baseline_iou: Fraction | None
    """Nearest colour."""


class ImageMetrics(Document):
    """One image, scored by itself."""

    name: str
    pixels: int
    pixel_accuracy: Fraction
    mean_iou: Fraction
    void_border_mean_iou: Fraction | None
    boundary_f1: Fraction | None
    """Mean over classes."""
    ece: Fraction | None
    mean_modal_error_pp: PercentagePoints
    """Mean over the classes of the set of absolute errors."""
    modal_error_pp: dict[int, PercentagePoints]
    iou: dict[int, Fraction]
    confusion: tuple[tuple[int, ...], ...]


class Spread(Document):
    """Distribution of a figure over the images of a set."""

    median: float
    quartile_25: float
    quartile_75: float
    worst: float
    worst_image: str


class ReliabilityPoint(Document):
    """One bin of the reliability diagram."""

    low: Fraction
    high: Fraction
    pixels: int
    confidence: Fraction
    accuracy: Fraction


class BaselineMetrics(Document):
    """The nearest-colour baseline on the same pixels."""

    pixel_accuracy: Fraction
    mean_iou: Fraction


class SetMetrics(Document):
    """A model on one set of images."""

    name: str
    association: str | None
    """What the model was told; null: all classes open."""
    images: tuple[str, ...]
    absent: tuple[int, ...]
    """Classes of the association (or of the model) without a true pixel: in no mean."""
    pixels: int
    pixel_accuracy: Fraction
    mean_iou: Fraction
    macro: dict[str, float]
    """Means over classes; of modal_error_pp that of absolute values."""
    border_px: int
    void_border_pixels: int
    void_border_pixel_accuracy: Fraction | None
    void_border_mean_iou: Fraction | None
    ece: Fraction | None
    reliability: tuple[ReliabilityPoint, ...]
    classes: tuple[ClassMetrics, ...]
    baseline: BaselineMetrics | None
    spread: dict[str, Spread]
    """Of pixel_accuracy, mean_iou and mean_modal_error_pp over the images."""
    per_image: tuple[ImageMetrics, ...]
    confusion_codes: tuple[int, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows are the truth."""


class ModelMetrics(Document):
    """One model on all sets."""

    name: str
    version: int
    sha256: str
    resampling_factor: float
    """Model pixels per image pixel."""
    sets: tuple[SetMetrics, ...]

    @property
    def full_name(self) -> str:
        """Name and version."""
        return f"{self.name}:{self.version}"


class MetricsReport(Document):
    """The content of metrics.json."""

    schema_version: Literal[1] = 1
    data: str
    models: tuple[ModelMetrics, ...]
    definitions: dict[str, str] = DEFINITIONS


def parse_metrics(data: bytes, *, source: str) -> MetricsReport:
    """Read metrics.json.

    Parameters
    ----------
    data : bytes
        Its content.
    source : str
        What the bytes are, for the message.

    Raises
    ------
    LabelImageError
        If it is no such file.
    """
    what = "metrics.json of test-model"
    return parsed(MetricsReport, data, what=what, source=source, refusal=LabelImageError)
