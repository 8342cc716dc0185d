"""From tallies of images to the figures of metrics.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from petrography.accuracy.confusion import Confusion
from petrography.accuracy.metrics import (
    BaselineMetrics,
    ClassMetrics,
    ImageMetrics,
    ReliabilityPoint,
    SetMetrics,
    Spread,
)
from petrography.accuracy.ranking import RankCounts
from petrography.accuracy.scoring import Scores, scores_of_present
from petrography.accuracy.tally import Tally, sum_of
from petrography.minerals import mineral

__all__ = ["measure_set"]


def measure_set(
    name: str,
    tallies: Mapping[str, Tally],
    codes: Sequence[int],
    *,
    association: str | None,
    possible: Sequence[int],
    border_px: int,
    ranks: RankCounts | None = None,
    baseline: Confusion | None = None,
) -> SetMetrics:
    """Measure a set of images from their tallies.

    Parameters
    ----------
    name : str
        Of the set.
    tallies : mapping of str to Tally
        By image, one or more.
    codes : sequence of int
        The K classes of the tallies.
    association : str or None
        What the model was told.
    possible : sequence of int
        Classes that might occur: those without a true pixel are named as absent.
    border_px : int
        The distance that the tallies were made with.
    ranks : RankCounts, optional
        Probabilities, pooled over the set, for ROC curves.
    baseline : ndarray of int64, shape (K, K), optional
        Confusion of the nearest-colour baseline, pooled over the set.

    Raises
    ------
    InvalidParameterError
        If no pixel was counted.
    """
    pooled = sum_of(tallies.values())
    found = scores_of_present(pooled.confusion, codes)
    inner = (
        scores_of_present(pooled.inner_confusion, codes) if pooled.inner_confusion.any() else None
    )
    theirs = None if baseline is None else scores_of_present(baseline, codes)
    classes = _classes(found, inner, theirs, pooled, _ranked(ranks, codes))
    images = tuple(_image(image, tally, codes, possible) for image, tally in tallies.items())
    return SetMetrics(
        name=name,
        association=association,
        images=tuple(tallies),
        absent=tuple(code for code in possible if code not in found.codes),
        pixels=found.pixels,
        pixel_accuracy=found.pixel_accuracy,
        mean_iou=found.mean_iou,
        macro={**found.macro, **_means(classes)},
        border_px=border_px,
        void_border_pixels=int(pooled.inner_confusion.sum()),
        void_border_pixel_accuracy=None if inner is None else inner.pixel_accuracy,
        void_border_mean_iou=None if inner is None else inner.mean_iou,
        ece=_ece(pooled),
        reliability=_reliability(pooled),
        classes=classes,
        baseline=_baseline(theirs),
        spread=_spreads(images),
        per_image=images,
        confusion_codes=tuple(codes),
        confusion=_rows(pooled.confusion),
    )


def _ranked(
    ranks: RankCounts | None, codes: Sequence[int]
) -> dict[int, tuple[tuple[float, float] | None, float | None]]:
    if ranks is None:
        return {}
    figures = zip(ranks.areas(), ranks.calibration_errors(), strict=True)
    return dict(zip(codes, figures, strict=True))


def _classes(
    found: Scores,
    inner: Scores | None,
    theirs: Scores | None,
    pooled: Tally,
    ranked: Mapping[int, tuple[tuple[float, float] | None, float | None]],
) -> tuple[ClassMetrics, ...]:
    boundary_f1, boundary_iou = pooled.borders.f1(), pooled.borders.iou()
    measured = []
    for code in found.codes:
        area, class_ece = ranked.get(code, (None, None))
        measured.append(
            ClassMetrics(
                code=code,
                symbol=mineral(code).symbol,
                truth_px=found.truth_px[code],
                predicted_px=found.predicted_px[code],
                iou=found.iou[code],
                precision=found.precision.get(code),
                recall=found.recall[code],
                specificity=found.specificity.get(code),
                f1=found.f1[code],
                accuracy=found.accuracy[code],
                balanced_accuracy=found.balanced_accuracy.get(code),
                roc_auc=None if area is None else area[0],
                roc_auc_bound=None if area is None else area[1],
                void_border_iou=None if inner is None else inner.iou.get(code),
                boundary_f1=boundary_f1.get(code),
                boundary_iou=boundary_iou.get(code),
                class_ece=class_ece,
                modal_error_pp=found.modal_error_pp[code],
                baseline_iou=None if theirs is None else theirs.iou.get(code),
            )
        )
    return tuple(measured)


def _means(classes: Sequence[ClassMetrics]) -> dict[str, float]:
    """Means over classes of what the confusion matrix does not tell."""
    means = {}
    for name in ("roc_auc", "boundary_f1", "boundary_iou", "class_ece"):
        figures = [figure for one in classes if (figure := getattr(one, name)) is not None]
        if figures:
            means[name] = sum(figures) / len(figures)
    return means


def _image(name: str, tally: Tally, codes: Sequence[int], possible: Sequence[int]) -> ImageMetrics:
    found = scores_of_present(tally.confusion, codes)
    inner = tally.inner_confusion
    boundary = [figure for code, figure in tally.borders.f1().items() if code in found.codes]
    error = dict(zip(codes, _modal_error(tally.confusion), strict=True))
    errors = {code: error[code] for code in possible}
    return ImageMetrics(
        name=name,
        pixels=found.pixels,
        pixel_accuracy=found.pixel_accuracy,
        mean_iou=found.mean_iou,
        void_border_mean_iou=scores_of_present(inner, codes).mean_iou if inner.any() else None,
        boundary_f1=sum(boundary) / len(boundary) if boundary else None,
        ece=_ece(tally),
        mean_modal_error_pp=sum(map(abs, errors.values())) / len(errors),
        modal_error_pp=errors,
        iou=found.iou,
        confusion=_rows(tally.confusion),
    )


def _modal_error(confusion: Confusion) -> list[float]:
    error: list[float] = (
        100.0 * (confusion.sum(axis=0) - confusion.sum(axis=1)) / confusion.sum()
    ).tolist()
    return error


def _ece(tally: Tally) -> float | None:
    return None if tally.reliability is None else tally.reliability.expected_calibration_error()


def _reliability(tally: Tally) -> tuple[ReliabilityPoint, ...]:
    if tally.reliability is None:
        return ()
    return tuple(
        ReliabilityPoint(
            low=one.low,
            high=one.high,
            pixels=one.pixels,
            confidence=one.confidence,
            accuracy=one.accuracy,
        )
        for one in tally.reliability.bins()
    )


def _baseline(found: Scores | None) -> BaselineMetrics | None:
    if found is None:
        return None
    return BaselineMetrics(pixel_accuracy=found.pixel_accuracy, mean_iou=found.mean_iou)


def _spreads(images: Sequence[ImageMetrics]) -> dict[str, Spread]:
    # An accuracy is worst where it is lowest, an error where it is highest.
    return {
        "pixel_accuracy": _spread([(one.pixel_accuracy, one.name) for one in images], min),
        "mean_iou": _spread([(one.mean_iou, one.name) for one in images], min),
        "mean_modal_error_pp": _spread(
            [(one.mean_modal_error_pp, one.name) for one in images], max
        ),
    }


def _spread(
    figures: Sequence[tuple[float, str]],
    worst_of: Callable[[Sequence[tuple[float, str]]], tuple[float, str]],
) -> Spread:
    low, median, high = np.quantile([figure for figure, _ in figures], [0.25, 0.5, 0.75]).tolist()
    worst, worst_image = worst_of(figures)
    return Spread(
        median=median, quartile_25=low, quartile_75=high, worst=worst, worst_image=worst_image
    )


def _rows(confusion: Confusion) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in confusion.tolist())
