"""Tables of metrics: Markdown for people, CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from petrography.accuracy import (
    ClassMetrics,
    MetricsReport,
    ModelMetrics,
    SetMetrics,
    Spread,
)
from petrography.minerals import mineral
from petrography.report.evaluation.score_tables import figure_text, markdown_table

__all__ = ["per_image_csv", "report_markdown"]

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
                f"## {model.full_name}, {one.name}",
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
    rows = [[model.full_name, one.name, *_summary(one)] for model in models for one in model.sets]
    return markdown_table(header, rows, text_columns=2)


def _summary(one: SetMetrics) -> list[str]:
    base = one.baseline
    return [
        figure_text(one.mean_iou),
        figure_text(None if base is None else base.mean_iou),
        figure_text(one.pixel_accuracy),
        figure_text(None if base is None else base.pixel_accuracy),
        figure_text(one.void_border_mean_iou),
        figure_text(one.macro.get("boundary_f1")),
        figure_text(one.macro.get("balanced_accuracy")),
        figure_text(one.macro.get("roc_auc")),
        figure_text(one.ece),
        f"{one.macro['modal_error_pp']:.2f}",
    ]


def class_table(one: SetMetrics) -> str:
    """One line for every class of a set."""
    header = ("class", "true px", *(title for title, _ in _CLASS_COLUMNS), "modal error, pp")
    return markdown_table(header, [_class_row(each) for each in one.classes], text_columns=1)


def _class_row(one: ClassMetrics) -> list[str]:
    figures = [figure_text(getattr(one, name)) for _, name in _CLASS_COLUMNS]
    return [one.symbol, str(one.truth_px), *figures, f"{one.modal_error_pp:+.2f}"]


def spread_table(spread: dict[str, Spread]) -> str:
    """Distribution over images of the figures of a set."""
    header = ("over images", "quartile", "median", "quartile", "worst", "worst image")
    rows = [
        [
            _SPREAD_TITLES.get(name, name),
            figure_text(one.quartile_25),
            figure_text(one.median),
            figure_text(one.quartile_75),
            figure_text(one.worst),
            one.worst_image,
        ]
        for name, one in spread.items()
    ]
    return markdown_table(header, rows, text_columns=1)


def _about(one: SetMetrics) -> str:
    counted = f"{len(one.images)} images, {one.pixels} annotated pixels"
    absent = ", ".join(mineral(code).symbol for code in one.absent)
    told = f" Absent from the set, and in no mean: {absent}." if absent else ""
    return f"{counted}, borders within {one.border_px} px.{told}"


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
                [model.full_name, one.name, *line] for line in _image_lines(one, codes)
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
