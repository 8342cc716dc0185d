"""Figures of merit as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from petrography.accuracy import Scores
from petrography.minerals import mineral

__all__ = ["figure_text", "markdown_table", "scores_markdown"]

_NONE = "–"


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, text_columns: int
) -> str:
    """Write a Markdown table whose first columns are text and whose others are numbers."""
    rule = ["---" if k < text_columns else "--:" for k in range(len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))


def figure_text(value: float | None) -> str:
    """Write a figure with three digits, or a dash where it has no value."""
    return _NONE if value is None else f"{value:.3f}"


def scores_markdown(result: Scores) -> str:
    """Write the scores of one prediction as Markdown, with the means over classes."""
    figures = ("iou", "precision", "recall", "specificity", "f1", "accuracy", "balanced_accuracy")
    titles = ("IoU", "precision", "recall", "specificity", "F1", "accuracy", "balanced accuracy")
    rows = [
        [
            mineral(code).symbol,
            str(result.truth_px[code]),
            *(figure_text(getattr(result, name).get(code)) for name in figures),
            f"{result.modal_error_pp[code]:+.2f}",
        ]
        for code in result.codes
    ]
    means = {**result.macro, "iou": result.mean_iou}
    size = f"{result.macro['modal_error_pp']:.2f}"
    rows.append(["mean", "", *(figure_text(means.get(name)) for name in figures), size])
    header = ("class", "true px", *titles, "modal error, pp")
    table = markdown_table(header, rows, text_columns=1)
    return f"{table}\n\nPixel accuracy {result.pixel_accuracy:.4f}, {result.pixels} pixels.\n"
