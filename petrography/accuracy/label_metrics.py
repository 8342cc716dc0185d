"""How good label images are, in figures: one image against its truth, or a set pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydantic import BaseModel, ConfigDict

from petrography.accuracy.confusion import Confusion, require_same_shape
from petrography.accuracy.scoring import Scores, scores
from petrography.accuracy.tally import Tally, sum_of, tally_image
from petrography.errors import LabelImageError
from petrography.field_types import Fraction, PercentagePoints
from petrography.images import Labels
from petrography.minerals import MINERALS, UNLABELLED_CODE, parse_association

__all__ = ["JudgedLabels", "LabelMetrics", "judged_labels", "tally_labels"]

_KNOWN = tuple(sorted(MINERALS))


class LabelMetrics(BaseModel):
    """Figures of merit of label images; a class without an entry has no defined value."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    association: str | None
    """Which classes count; null: those of the truth, or of the prediction where it is judged."""
    codes: tuple[int, ...]
    """The classes that were counted."""
    pixels: int
    """Annotated pixels that are judged."""
    unmapped_px: int = 0
    """Annotated pixels that the prediction leaves open (255, as around the fields of a panorama):
    not judged, and not in `pixels`."""
    pixel_accuracy: Fraction
    """Share of them predicted rightly."""
    mean_iou: Fraction
    """Mean of `iou`, over the classes present in truth or prediction."""
    iou: dict[int, Fraction]
    """Intersection over union, by code."""
    precision: dict[int, Fraction]
    """Right pixels over predicted pixels."""
    recall: dict[int, Fraction]
    """Right pixels over true pixels."""
    specificity: dict[int, Fraction]
    """Of the pixels of other classes, the share that is not predicted as this one."""
    f1: dict[int, Fraction]
    """Harmonic mean of precision and recall."""
    accuracy: dict[int, Fraction]
    """Share of all pixels that are rightly told to be of the class or not."""
    balanced_accuracy: dict[int, Fraction]
    """Mean of recall and specificity."""
    modal_error_pp: dict[int, PercentagePoints]
    """Predicted less true share of all pixels, in percentage points."""
    macro: dict[str, float]
    """Means over the classes; of modal_error_pp that of its sizes."""
    truth_px: dict[int, int]
    """True pixels, by code."""
    predicted_px: dict[int, int]
    """Predicted pixels, by code."""
    other_px: int
    """Pixels predicted as a class outside `codes`; all wrong."""
    border_px: int
    """Tolerance of borders, and radius of the border that is left out, in pixels."""
    boundary_f1: dict[int, Fraction]
    """F1 of border pixels that match within `border_px`."""
    boundary_iou: dict[int, Fraction]
    """IoU of the bands of `border_px` along the borders."""
    void_border_mean_iou: Fraction | None
    """`mean_iou` away from the borders; null where nothing lies away from them."""
    void_border_pixel_accuracy: Fraction | None
    """`pixel_accuracy` away from the borders."""
    void_border_iou: dict[int, Fraction]
    """`iou` away from the borders."""


class JudgedLabels:
    """What was counted on label images, cut to the classes that count.

    Attributes
    ----------
    confusion : ndarray of int64, shape (K, K + 1)
        Rows are the truth; the last column is for predictions of other classes.
    scores : Scores
        Of the confusion.
    metrics : LabelMetrics
        Everything, as a document.
    """

    def __init__(self, tally: Tally, association: str | None, border_px: int) -> None:
        codes = _codes(tally.confusion, association)
        self.confusion = _cut(tally.confusion, codes)
        self.scores: Scores = scores(self.confusion, codes)
        inner = _cut(tally.inner_confusion, codes)
        without = scores(inner, codes) if inner.any() else None
        boundary_f1, boundary_iou = tally.borders.f1(), tally.borders.iou()
        self.metrics = LabelMetrics(
            association=association,
            **vars(self.scores),
            unmapped_px=tally.unmapped_px,
            border_px=border_px,
            boundary_f1={code: boundary_f1[code] for code in codes if code in boundary_f1},
            boundary_iou={code: boundary_iou[code] for code in codes if code in boundary_iou},
            void_border_mean_iou=None if without is None else without.mean_iou,
            void_border_pixel_accuracy=None if without is None else without.pixel_accuracy,
            void_border_iou={} if without is None else without.iou,
        )


def tally_labels(
    truth: Labels, prediction: Labels, *, border_px: int, association: str | None = None
) -> Tally:
    """Count a prediction against its truth, for all minerals that are known.

    Parameters
    ----------
    truth : ndarray of uint8, shape (height, width)
        Codes; 255 is not judged.
    prediction : ndarray of uint8, shape (height, width)
        Codes wherever the truth is annotated; 255, which maps of panoramas have around their
        fields, is counted as unmapped and not judged.
    border_px : int
        See `petrography.accuracy.tally_image`.
    association : str, optional
        Which classes the truth may hold, as of `petrography.minerals.parse_association`.

    Raises
    ------
    LabelImageError
        If the shapes differ, a code is unknown or not of the association, or nothing is annotated
        and mapped.
    InvalidParameterError
        If association or `border_px` are not possible.
    """
    require_same_shape(truth, prediction)
    wanted = _KNOWN if association is None else parse_association(association, classes=_KNOWN)
    annotated, mapped = truth != UNLABELLED_CODE, prediction != UNLABELLED_CODE
    if not annotated.any():
        msg = "no pixel of the truth is annotated (all are 255); wanted mineral codes"
        raise LabelImageError(msg)
    judged = annotated & mapped
    if not judged.any():
        msg = "the prediction is 255 wherever the truth is annotated; wanted mineral codes there"
        raise LabelImageError(msg)
    _require_codes("truth", truth[annotated], wanted)
    _require_codes("prediction", prediction[judged], _KNOWN)
    tally = tally_image(
        np.where(mapped, truth, np.uint8(UNLABELLED_CODE)), prediction, _KNOWN, border_px=border_px
    )
    return replace(tally, unmapped_px=int(np.count_nonzero(annotated & ~mapped)))


def judged_labels(
    tallies: Sequence[Tally], *, border_px: int, association: str | None = None
) -> JudgedLabels:
    """Judge what `tally_labels` counted on one image or more, pooled.

    Parameters
    ----------
    tallies : sequence of Tally
        One or more.
    border_px, association
        Those that they were counted with.
    """
    return JudgedLabels(sum_of(tallies), association, border_px)


def _require_codes(what: str, labels: Labels, wanted: Sequence[int]) -> None:
    strange = sorted(set(np.unique(labels).tolist()) - set(wanted))
    if strange:
        unjudged = " or 255 where nothing is annotated" if what == "truth" else ""
        msg = f"{what} holds codes {strange[:20]}; wanted {list(wanted)}{unjudged}"
        raise LabelImageError(msg)


def _codes(confusion: Confusion, association: str | None) -> tuple[int, ...]:
    if association is not None:
        return parse_association(association, classes=_KNOWN)
    counted = confusion.sum(axis=0) + confusion.sum(axis=1)
    return tuple(code for code, px in zip(_KNOWN, counted.tolist(), strict=True) if px)


def _cut(confusion: Confusion, codes: Sequence[int]) -> Confusion:
    """Keep some classes; what was predicted as another becomes the last column."""
    chosen = [_KNOWN.index(code) for code in codes]
    kept = confusion[np.ix_(chosen, chosen)]
    other = confusion[chosen].sum(axis=1) - kept.sum(axis=1)
    return np.column_stack([kept, other])
