"""Charts of metrics, drawn with Matplotlib.

Colours are those of Okabe & Ito, which readers who confuse hues can tell apart; series differ in
marker or hatching as well.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from petrography.accuracy import ModelMetrics, SetMetrics

__all__ = [
    "class_iou_chart",
    "png_of",
    "radar_chart",
    "reliability_chart",
]

SERIES_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_BASELINE_COLOUR = "#999999"
_MARKERS = "osD^vP"
_HATCHES = ("", "//", "..", "xx", "\\\\", "oo")
_RADAR = (
    ("mean IoU", "mean_iou"),
    ("pixel\naccuracy", "pixel_accuracy"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("specificity", "specificity"),
    ("F1", "f1"),
    ("balanced\naccuracy", "balanced_accuracy"),
    ("ROC AUC", "roc_auc"),
    ("boundary F1", "boundary_f1"),
)


def png_of(figure: Figure) -> bytes:
    """Draw a figure as PNG, without the date, so that equal figures give equal bytes."""
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    return target.getvalue()


def reliability_chart(sets: Mapping[str, SetMetrics], *, title: str) -> Figure:
    """Draw accuracy over confidence for several sets, and where the pixels are."""
    figure = Figure(figsize=(5.4, 6.4), layout="constrained")
    figure.suptitle(title)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle=":", label="calibrated")
    for k, (name, one) in enumerate(sets.items()):
        confidence = [point.confidence for point in one.reliability]
        label = name if one.ece is None else f"{name}, ECE {one.ece:.3f}"
        style = {"color": SERIES_COLOURS[k % 6], "marker": _MARKERS[k % 6], "markersize": 5}
        above.plot(confidence, [p.accuracy for p in one.reliability], label=label, **style)
        share = [100.0 * p.pixels / one.pixels for p in one.reliability]
        below.plot(confidence, share, **style)
    above.set_ylabel("share of pixels that is right")
    above.legend(fontsize=8, loc="upper left")
    below.set_yscale("log")
    below.set_ylabel("% of pixels")
    below.set_xlabel("confidence")
    for axes in (above, below):
        axes.grid(visible=True, alpha=0.3)
        axes.set_xlim(0.0, 1.0)
    return figure


def class_iou_chart(models: Mapping[str, SetMetrics], *, title: str) -> Figure:
    """Draw the IoU of every class for one or more models beside the nearest colour."""
    first = next(iter(models.values()))
    symbols = [one.symbol for one in first.classes]
    series = {name: {c.symbol: c.iou for c in one.classes} for name, one in models.items()}
    series = {**series, "nearest colour": {c.symbol: c.baseline_iou or 0.0 for c in first.classes}}
    width = 0.84 / len(series)
    figure = Figure(
        figsize=(2.2 + len(symbols) * max(0.75, 0.28 * len(series)), 4.2), layout="constrained"
    )
    axes = figure.subplots()
    for k, (name, figures) in enumerate(series.items()):
        heights = [figures.get(symbol, 0.0) for symbol in symbols]
        is_baseline = name == "nearest colour"
        bars = axes.bar(
            np.arange(len(symbols)) + (k - (len(series) - 1) / 2) * width,
            heights,
            width,
            color=_BASELINE_COLOUR if is_baseline else SERIES_COLOURS[k % 6],
            hatch="--" if is_baseline else _HATCHES[k % 6],
            edgecolor="white",
            label=name,
        )
        axes.bar_label(
            bars, fmt="%.2f", fontsize=7, rotation=90 if len(series) > 2 else 0, padding=2
        )
    axes.set_xticks(range(len(symbols)), symbols)
    axes.set_ylim(0.0, 1.12)
    axes.set_ylabel("IoU")
    axes.set_title(title)
    axes.legend(fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, -0.28))
    return figure


def radar_chart(models: Sequence[ModelMetrics], set_name: str) -> Figure:
    """Draw several models on one set, one spoke a figure of merit, means over classes."""
    found = {
        model.full_name: _spokes(one)
        for model in models
        for one in model.sets
        if one.name == set_name
    }
    names = [
        (title, key) for title, key in _RADAR if all(key in figures for figures in found.values())
    ]
    angles = np.linspace(0.0, 2 * np.pi, len(names), endpoint=False)
    figure = Figure(figsize=(6.4, 6.6), layout="constrained")
    axes = figure.add_subplot(projection="polar")
    for k, (name, figures) in enumerate(found.items()):
        values = np.array([figures[key] for _, key in names])
        axes.plot(
            np.append(angles, angles[0]),
            np.append(values, values[0]),
            color=SERIES_COLOURS[k % 6],
            marker=_MARKERS[k % 6],
            label=name,
        )
    lowest = min(min(figures[key] for _, key in names) for figures in found.values())
    # The scale starts below the worst figure, and says so on its rings.
    axes.set_ylim(np.floor(max(lowest - 0.1, 0.0) * 10) / 10, 1.0)
    axes.set_xticks(angles, [title for title, _ in names])
    axes.tick_params(axis="x", pad=22)
    axes.set_title(f"{set_name}: means over classes", pad=24)
    axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    return figure


def _spokes(one: SetMetrics) -> dict[str, float]:
    return {**one.macro, "mean_iou": one.mean_iou, "pixel_accuracy": one.pixel_accuracy}
