"""Tables of metrics: Markdown for people, CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from petrography.accuracy import (
    ClassMetrics,
    MetricsReport,
    ModelMetrics,
    Scores,
    SetMetrics,
    Spread,
)
from petrography.minerals import mineral

__all__ = ["markdown_table", "per_image_csv", "report_markdown", "scores_markdown"]

_NONE = "–"
_CLASS_COLUMNS = (
    ("IoU", "iou"),
    ("nearest colour", "baseline_iou"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("specificity", "specificity"),
    ("F1", "f1"),
    ("accuracy", "accuracy"),
    ("balanced accuracy", "balanced_accuracy"),
    ("ROC AUC", "roc_auc"),
    ("IoU without borders", "void_border_iou"),
    ("boundary F1", "boundary_f1"),
    ("boundary IoU", "boundary_iou"),
    ("ECE", "class_ece"),
)
_SPREAD_TITLES = {
    "pixel_accuracy": "pixel accuracy",
    "mean_iou": "mean IoU",
    "mean_modal_error_pp": "modal error, pp",
}
_IMAGE_COLUMNS = (
    "pixels",
    "pixel_accuracy",
    "mean_iou",
    "void_border_mean_iou",
    "boundary_f1",
    "ece",
    "mean_modal_error_pp",
)


def report_markdown(report: MetricsReport) -> str:
    """Write a report as Markdown: a summary, then the classes and the spread of every set."""
    parts = [f"# Accuracy on {report.data}", summary_table(report.models)]
    for model in report.models:
        for one in model.sets:
            parts += [
                f"## {model.name}:{model.version}, {one.name}",
                _about(one),
                class_table(one),
                spread_table(one.spread),
            ]
    parts += ["## Definitions", "\n".join(f"- {k}: {v}" for k, v in report.definitions.items())]
    return "\n\n".join(parts) + "\n"


def summary_table(models: Sequence[ModelMetrics]) -> str:
    """One line for every model and set, the nearest-colour baseline beside it."""
    header = (
        "model",
        "set",
        "mean IoU",
        "nearest colour",
        "pixel accuracy",
        "nearest colour",
        "mean IoU without borders",
        "boundary F1",
        "balanced accuracy",
        "ROC AUC",
        "ECE",
        "modal error, pp",
    )
    rows = [
        [f"{model.name}:{model.version}", one.name, *_summary(one)]
        for model in models
        for one in model.sets
    ]
    return markdown_table(header, rows, text_columns=2)


def _summary(one: SetMetrics) -> list[str]:
    base = one.baseline
    return [
        _figure(one.mean_iou),
        _figure(None if base is None else base.mean_iou),
        _figure(one.pixel_accuracy),
        _figure(None if base is None else base.pixel_accuracy),
        _figure(one.void_border_mean_iou),
        _figure(one.macro.get("boundary_f1")),
        _figure(one.macro.get("balanced_accuracy")),
        _figure(one.macro.get("roc_auc")),
        _figure(one.ece),
        f"{one.macro['modal_error_pp']:.2f}",
    ]


def class_table(one: SetMetrics) -> str:
    """One line for every class of a set."""
    header = ("class", "true px", *(title for title, _ in _CLASS_COLUMNS), "modal error, pp")
    return markdown_table(header, [_class_row(each) for each in one.classes], text_columns=1)


def _class_row(one: ClassMetrics) -> list[str]:
    figures = [_figure(getattr(one, name)) for _, name in _CLASS_COLUMNS]
    return [one.symbol, str(one.truth_px), *figures, f"{one.modal_error_pp:+.2f}"]


def spread_table(spread: dict[str, Spread]) -> str:
    """Distribution over images of the figures of a set."""
    header = ("over images", "quartile", "median", "quartile", "worst", "worst image")
    rows = [
        [
            _SPREAD_TITLES.get(name, name),
            _figure(one.quartile_25),
            _figure(one.median),
            _figure(one.quartile_75),
            _figure(one.worst),
            one.worst_image,
        ]
        for name, one in spread.items()
    ]
    return markdown_table(header, rows, text_columns=1)


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, text_columns: int
) -> str:
    """Write a Markdown table whose first columns are text and whose others are numbers."""
    rule = ["---" if k < text_columns else "--:" for k in range(len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def _about(one: SetMetrics) -> str:
    counted = f"{len(one.images)} images, {one.pixels} annotated pixels"
    absent = ", ".join(mineral(code).symbol for code in one.absent)
    told = f" Absent from the set, and in no mean: {absent}." if absent else ""
    return f"{counted}, borders within {one.border_px} px.{told}"


def _figure(value: float | None) -> str:
    return _NONE if value is None else f"{value:.3f}"


def scores_markdown(result: Scores) -> str:
    """Write the scores of one prediction as Markdown, with the means over classes."""
    figures = ("iou", "precision", "recall", "specificity", "f1", "accuracy", "balanced_accuracy")
    titles = ("IoU", "precision", "recall", "specificity", "F1", "accuracy", "balanced accuracy")
    rows = [
        [
            mineral(code).symbol,
            str(result.truth_px[code]),
            *(_figure(getattr(result, name).get(code)) for name in figures),
            f"{result.modal_error_pp[code]:+.2f}",
        ]
        for code in result.codes
    ]
    means = {**result.macro, "iou": result.mean_iou}
    size = f"{result.macro['modal_error_pp']:.2f}"
    rows.append(["mean", "", *(_figure(means.get(name)) for name in figures), size])
    header = ("class", "true px", *titles, "modal error, pp")
    table = markdown_table(header, rows, text_columns=1)
    return f"{table}\n\nPixel accuracy {result.pixel_accuracy:.4f}, {result.pixels} pixels.\n"


def per_image_csv(report: MetricsReport) -> str:
    """Write one line for every model, set and image; empty where a figure has no value.

    Columns: model, set, image, what is scored, then IoU and modal error by symbol.
    """
    codes = sorted({code for model in report.models for one in model.sets for code in _codes(one)})
    symbols = [mineral(code).symbol for code in codes]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    by_class = [f"{what}_{symbol}" for what in ("iou", "modal_error_pp") for symbol in symbols]
    writer.writerow(["model", "set", "image", *_IMAGE_COLUMNS, *by_class])
    for model in report.models:
        for one in model.sets:
            writer.writerows(
                [f"{model.name}:{model.version}", one.name, *line]
                for line in _image_lines(one, codes)
            )
    return text.getvalue()


def _image_lines(one: SetMetrics, codes: Sequence[int]) -> list[list[object]]:
    """Cells of the images of a set, from the name on."""
    return [
        [
            image.name,
            *(getattr(image, column) for column in _IMAGE_COLUMNS),
            *(image.iou.get(code) for code in codes),
            *(image.modal_error_pp.get(code) for code in codes),
        ]
        for image in one.per_image
    ]


def _codes(one: SetMetrics) -> set[int]:
    return {code for image in one.per_image for code in (*image.iou, *image.modal_error_pp)}
