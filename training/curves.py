"""How a run went, as a picture and as numbers: loss, accuracy, IoU and Dice by epoch."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

__all__ = ["draw_curves", "write_history"]

_PANELS = (
    ("loss", "training loss"),
    ("pixel_accuracy", "pixel accuracy, validation"),
    ("mean_iou", "mean IoU, validation"),
    ("mean_dice", "mean Dice, validation"),
)


def draw_curves(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw loss, pixel accuracy, mean IoU and mean Dice over the epochs.

    Parameters
    ----------
    history : sequence of mapping
        Entries of `training.checkpoint.Checkpoint.history`, at least one. Of an older run some
        figures may be missing; their panel says so.
    path : Path
        The PNG, overwritten.
    """
    figure = Figure(figsize=(9, 6), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(2, 2).ravel(), _PANELS, strict=True):
        _draw_panel(axes, history, name, title)
    figure.savefig(path, dpi=110)


def _draw_panel(axes: Axes, history: Sequence[Mapping[str, Any]], name: str, title: str) -> None:
    points = [(entry["epoch"], entry[name]) for entry in history if name in entry]
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("epoch")
    axes.grid(visible=True, alpha=0.3)
    if not points:
        axes.text(0.5, 0.5, "not recorded", transform=axes.transAxes, ha="center")
        return
    epochs, figures = zip(*points, strict=True)
    axes.plot(epochs, figures, marker="o", markersize=3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if name != "loss":
        best = max(range(len(figures)), key=figures.__getitem__)
        axes.plot(epochs[best], figures[best], marker="o", color="black")
        axes.annotate(
            f"{figures[best]:.3f}",
            (epochs[best], figures[best]),
            textcoords="offset points",
            xytext=(0, -14),
            ha="center",
        )


def write_history(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the same figures as CSV, one row per epoch, all that any epoch recorded.

    Parameters
    ----------
    history : sequence of mapping
        As for `draw_curves`.
    path : Path
        The CSV, overwritten.
    """
    names = list(dict.fromkeys(name for entry in history for name in entry))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(history)
