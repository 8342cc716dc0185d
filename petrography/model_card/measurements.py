"""What was measured of a model when it was exported: accuracy, calibration, parity, training."""

from __future__ import annotations

from pydantic import Field

from petrography.field_types import Fraction, Percent, Positive, Sha256
from petrography.model_card.card_fields import Name
from petrography.stored_documents import Document

__all__ = ["Calibration", "Evaluation", "ImageScores", "JudgedBy", "Parity", "TrainingRecord"]


class ImageScores(Document):
    """Accuracy on one image of an evaluation; rows of the confusion are the truth."""

    name: str
    pixel_accuracy: Fraction
    mean_iou: Fraction
    mean_modal_error_pp: Percent
    confusion: tuple[tuple[int, ...], ...]


class Evaluation(Document):
    """Accuracy on one set of images that the weights were not fitted to.

    Confusion is pooled over the images of the set; see `petrography.accuracy`. The nearest-colour
    baseline, fitted on the training images, is judged on the same pixels. Cards of older exports
    have no figures beyond `confusion_codes`.

    Attributes
    ----------
    absent : tuple of int
        Classes without a true pixel in the set; they have no part in the means.
    balanced_accuracy, boundary_f1 : dict of int to float
        By class: mean of recall and specificity; F1 of border pixels within `border_px`.
    void_border_mean_iou : float or None
        Without pixels within `border_px` of a border.
    ece : float or None
        Expected calibration error of the confidence.
    modal_error_pp : dict of int to float
        Predicted less true share of the pooled area, in percentage points.
    mean_modal_error_pp : float or None
        Mean over images and classes of absolute errors of the share.
    per_image : tuple of ImageScores
        From these the service knows how much confusions differ between images.
    """

    data: str
    images: tuple[str, ...]
    association: str | None
    resampling: str
    mean_iou: Fraction
    pixel_accuracy: Fraction
    iou: dict[int, Fraction]
    baseline_mean_iou: Fraction
    baseline_pixel_accuracy: Fraction
    baseline_iou: dict[int, Fraction]
    confusion: tuple[tuple[int, ...], ...]
    confusion_codes: tuple[int, ...]
    absent: tuple[int, ...] = ()
    balanced_accuracy: dict[int, Fraction] = Field(default_factory=dict)
    border_px: int | None = None
    void_border_mean_iou: Fraction | None = None
    boundary_f1: dict[int, Fraction] = Field(default_factory=dict)
    ece: Fraction | None = None
    modal_error_pp: dict[int, float] = Field(default_factory=dict)
    mean_modal_error_pp: Percent | None = None
    per_image: tuple[ImageScores, ...] = ()


class JudgedBy(Document):
    """The earlier version that stood in for one whose training saw all images.

    It is the same network, trained without the validation images, so what was measured on them is
    its own: accuracy, confusion, temperature and the agreement of blended tiles.

    Attributes
    ----------
    differences : tuple of str
        Where its configuration is another, folders and `train_on_all` aside: ``field: its value,
        not the other's``. None are known on cards of before this was kept.
    """

    name: Name
    version: int = Field(ge=1)
    onnx_sha256: Sha256
    differences: tuple[str, ...] = ()


class Calibration(Document):
    """Temperature scaling on validation images: doi:10.48550/arXiv.1706.04599."""

    temperature: Positive
    bins: int
    ece_before: Fraction
    ece_after: Fraction
    data: str


class Parity(Document):
    """Proof that the ONNX file computes what the checkpoint computed, at one tile size.

    Labels differ where another class is more probable; ties, which rounding decides, aside.
    """

    height_px: int
    width_px: int
    max_probability_difference: float
    differing_label_fraction: Fraction


class TrainingRecord(Document):
    """Where the weights come from.

    Attributes
    ----------
    started_from : str or None
        The earlier runs that were gone on with, and what could not be found out about them.
    git_commit : str or None
        Commit of the code that wrote the checkpoint; that of the card is the export's. None on
        cards of before this was kept.
    """

    data: str
    data_terms: str
    data_sha256: Sha256
    train_images: int
    validation_images: int
    phantom_fraction: Fraction
    steps: int
    config_toml: str
    started_from: str | None = None
    git_commit: str | None = None
