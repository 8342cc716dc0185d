"""Figures of merit from a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from petrography.accuracy.confusion import Confusion
from petrography.errors import InvalidParameterError
from petrography.minerals import mineral

__all__ = ["Scores", "scores", "scores_of_present", "scores_table"]


@dataclass(frozen=True)
class Scores:
    """Figures of merit; a class without an entry has no defined value.

    Attributes
    ----------
    codes : tuple of int
        The classes that were counted.
    pixels : int
        Annotated pixels.
    pixel_accuracy : float
        Share of them predicted rightly, in [0, 1].
    mean_iou : float
        Mean of `iou`: over the classes present in truth or prediction.
    iou : dict of int to float
        Intersection over union, by code.
    precision : dict of int to float
        Right pixels over predicted pixels, for classes that were predicted.
    recall : dict of int to float
        Right pixels over true pixels (sensitivity), for classes present in the truth.
    specificity : dict of int to float
        Of the pixels of other classes, the share that is not predicted as this one.
    f1 : dict of int to float
        Harmonic mean of precision and recall (Dice), for classes present in truth or prediction.
    accuracy : dict of int to float
        Share of all pixels that are rightly told to be of the class or not.
    balanced_accuracy : dict of int to float
        Mean of recall and specificity. Some papers print it as "AUC" of a hard mask; the area
        under a ROC curve needs probabilities, see `petrography.accuracy.RankCounts`.
    modal_error_pp : dict of int to float
        Predicted less true share of all pixels, in percentage points.
    macro : dict of str to float
        Means over the classes that have a value: precision, recall, specificity, f1, accuracy,
        balanced_accuracy, and modal_error_pp of absolute values.
    truth_px, predicted_px : dict of int to int
        Pixels of each class.
    other_px : int
        Pixels predicted as a class outside `codes`; all wrong.
    """

    codes: tuple[int, ...]
    pixels: int
    pixel_accuracy: float
    mean_iou: float
    iou: dict[int, float]
    precision: dict[int, float]
    recall: dict[int, float]
    specificity: dict[int, float]
    f1: dict[int, float]
    accuracy: dict[int, float]
    balanced_accuracy: dict[int, float]
    modal_error_pp: dict[int, float]
    macro: dict[str, float]
    truth_px: dict[int, int]
    predicted_px: dict[int, int]
    other_px: int

    def as_json(self) -> dict[str, object]:
        """Return the scores as what JSON can hold: keys are text, all numbers finite."""
        return {
            name: {str(code): figure for code, figure in value.items()}
            if isinstance(value, dict)
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in asdict(self).items()
        }


def scores(confusion: Confusion, codes: Sequence[int]) -> Scores:
    """Score a confusion matrix summed over a set of images.

    Parameters
    ----------
    confusion : ndarray of int64, shape (K, K) or (K, K + 1)
        Rows are the truth; a column beyond the classes counts other predictions.
    codes : sequence of int
        The K classes.

    Returns
    -------
    Scores
        The figures.

    Raises
    ------
    InvalidParameterError
        If the shape does not fit `codes` or no pixel was counted.

    Examples
    --------
    >>> scores(np.array([[8, 2], [0, 10]]), (0, 1)).iou
    {0: 0.8, 1: 0.833...}
    """
    classes = len(codes)
    if confusion.shape not in {(classes, classes), (classes, classes + 1)} or not confusion.any():
        msg = (
            f"confusion matrix has shape {confusion.shape} and {int(confusion.sum())} pixels; "
            f"wanted ({classes}, {classes}) or ({classes}, {classes + 1}) and at least one pixel"
        )
        raise InvalidParameterError(msg)
    hits, truth_px = np.diagonal(confusion), confusion.sum(axis=1)
    predicted_px = confusion[:, :classes].sum(axis=0)
    either_px = truth_px + predicted_px - hits
    by_class = _one_against_rest(codes, hits, truth_px, predicted_px, int(confusion.sum()))
    iou = _ratios(codes, hits, either_px)
    return Scores(
        codes=tuple(codes),
        pixels=int(confusion.sum()),
        pixel_accuracy=float(hits.sum() / confusion.sum()),
        mean_iou=sum(iou.values()) / len(iou),
        iou=iou,
        **by_class,
        macro={name: _mean(figures) for name, figures in by_class.items() if figures},
        truth_px=dict(zip(codes, truth_px.tolist(), strict=True)),
        predicted_px=dict(zip(codes, predicted_px.tolist(), strict=True)),
        other_px=int(confusion[:, classes:].sum()),
    )


def scores_of_present(confusion: Confusion, codes: Sequence[int]) -> Scores:
    """Score only the classes that the truth holds.

    A class absent from a set of images has no accuracy there and no part in the means; pixels
    predicted as it are counted as `other_px`, wrong for the class that they are of.

    Parameters
    ----------
    confusion : ndarray of int64, shape (K, K)
        Rows are the truth.
    codes : sequence of int
        The K classes.

    Raises
    ------
    InvalidParameterError
        If the shape does not fit `codes` or no pixel was counted.

    Examples
    --------
    >>> scores_of_present(np.array([[8, 2], [0, 0]]), (0, 1)).mean_iou
    0.8
    """
    present = [k for k, row in enumerate(confusion) if row.any()]
    chosen = confusion[present][:, present]
    other = confusion[present].sum(axis=1) - chosen.sum(axis=1)
    return scores(np.column_stack([chosen, other]), [codes[k] for k in present])


def _one_against_rest(
    codes: Sequence[int], hits: Confusion, truth_px: Confusion, predicted_px: Confusion, total: int
) -> dict[str, dict[int, float]]:
    false_px = truth_px + predicted_px - 2 * hits
    recall = _ratios(codes, hits, truth_px)
    specificity = _ratios(codes, total - truth_px - predicted_px + hits, total - truth_px)
    whole = np.full_like(hits, total)
    modal_error = zip(codes, 100.0 * (predicted_px - truth_px) / total, strict=True)
    return {
        "precision": _ratios(codes, hits, predicted_px),
        "recall": recall,
        "specificity": specificity,
        "f1": _ratios(codes, 2 * hits, truth_px + predicted_px),
        "accuracy": _ratios(codes, total - false_px, whole),
        "balanced_accuracy": {
            code: (share + specificity[code]) / 2
            for code, share in recall.items()
            if code in specificity
        },
        "modal_error_pp": {code: float(error) for code, error in modal_error},
    }


def _mean(figures: dict[int, float]) -> float:
    """Mean over classes; of errors, which have a sign, that of their sizes."""
    return sum(abs(figure) for figure in figures.values()) / len(figures)


def _ratios(codes: Sequence[int], part: Confusion, whole: Confusion) -> dict[int, float]:
    return {
        code: float(some / all_)
        for code, some, all_ in zip(codes, part, whole, strict=True)
        if all_ > 0
    }


def scores_table(result: Scores) -> str:
    """Write scores as aligned text, one class a line.

    Parameters
    ----------
    result : Scores
        The scores.

    Returns
    -------
    str
        Lines without a line break at the end; a dash where a figure is not defined.
    """
    head = f"{'class':<10}{'IoU':>8}{'precision':>11}{'recall':>8}{'truth px':>12}"
    lines = [
        f"{mineral(code).symbol:<10}{_figure(result.iou, code):>8}"
        f"{_figure(result.precision, code):>11}{_figure(result.recall, code):>8}"
        f"{result.truth_px[code]:>12}"
        for code in result.codes
    ]
    other = [f"{result.other_px} px predicted as another class"] if result.other_px else []
    foot = f"mean IoU {result.mean_iou:.4f}, pixel accuracy {result.pixel_accuracy:.4f}"
    return "\n".join([head, *lines, *other, foot])


def _figure(figures: dict[int, float], code: int) -> str:
    return f"{figures[code]:.4f}" if code in figures else "–"
