"""A confusion matrix, drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from petrography.accuracy import Confusion, normalised_confusion
from petrography.minerals import mineral

__all__ = ["confusion_chart"]


def confusion_chart(confusion: Confusion, codes: Sequence[int], *, title: str) -> Figure:
    """Draw a confusion matrix twice: as shares of the truth and of the prediction.

    Parameters
    ----------
    confusion : ndarray of int64, shape (K, K) or (K, K + 1)
        Rows are the truth; a column beyond the classes is for other predictions.
    codes : sequence of int
        The K classes. Those without a pixel in row and column are not drawn.
    title : str
        Written above.
    """
    shown = [k for k in range(len(codes)) if confusion[k].any() or confusion[:, k].any()]
    columns = [*shown, *range(len(codes), confusion.shape[1])]
    chosen = confusion[np.ix_(shown, columns)]
    rows = [mineral(codes[k]).symbol for k in shown]
    heads = [mineral(codes[k]).symbol if k < len(codes) else "other" for k in columns]
    side = 1.6 + 0.55 * len(columns)
    figure = Figure(figsize=(2 * side + 0.6, side + 0.5), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    _draw_shares(left, 100.0 * normalised_confusion(chosen, by="truth"), rows, heads)
    left.set_title("% of the truth (diagonal: recall)", fontsize=10)
    _draw_shares(right, 100.0 * normalised_confusion(chosen, by="prediction"), rows, heads)
    right.set_title("% of the prediction (diagonal: precision)", fontsize=10)
    return figure


def _draw_shares(
    axes: Axes, percent: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str]
) -> None:
    axes.imshow(percent, cmap="cividis", vmin=0.0, vmax=100.0)
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    for (row, column), value in np.ndenumerate(percent):
        if np.isfinite(value):
            text = f"{value:.0f}" if value >= 9.95 or value == 0 else f"{value:.1f}"
            colour = "black" if value > 55 else "white"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
