"""Grain sizes as cumulative curves, by number and by area."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter
from numpy.typing import NDArray

from petrography.minerals import mineral
from petrography.report.plots.rendering import INK, MUTED, WIDTH_IN, caption, fitted_above
from petrography.report.result import Result
from petrography.statistics import Grains
from petrography.statistics.size_distributions import SIEVES_PX, SIEVES_UM

__all__ = ["size_curves"]

Floats: TypeAlias = NDArray[np.float64]

_SHARES = (20, 50, 80)
_MARKERS = "osD^vPX<>ph*"
# More points than this cannot be told apart on paper.
_MAX_POINTS = 240
_MAX_LABELS = 9
_LEGEND_IN = 0.32
_DEFINITIONS = {
    "ecd": "Size",
    "grain": "Grain",
    "minimum_size": "Minimum",
    "edge_rule": "Edge",
}


@dataclass(frozen=True, eq=False)
class _Curve:
    """The cumulative sizes of one mineral, from fine to coarse."""

    label: str
    colour: tuple[float, float, float]
    marker: str
    size: Floats
    passing_percent: Floats
    marks: tuple[float, float, float]
    """P20, P50 and P80, as the report has them."""


def size_curves(result: Result, grains: Grains) -> Figure:
    """Draw the cumulative grain sizes of every mineral, by number and by area.

    Parameters
    ----------
    result : Result
        The report.
    grains : Grains
        Its grains.

    Returns
    -------
    Figure
        Sizes on a logarithmic axis with the sieve classes; markers at P20, P50 and P80, which
        differ by mineral as the colours do.
    """
    curves = _curves(result, grains, by="area")
    height_in = max(3.9, 1.4 + _LEGEND_IN * len(curves))
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    fitted_above(figure, caption(figure, _caption(result, grains)))
    number, area = figure.subplots(1, 2, sharex=True, sharey=True)
    _panel(number, _curves(result, grains, by="number"), "Grain size by number", result)
    _panel(area, curves, "Grain size by area", result)
    number.set_ylabel("passing, % of the grains")
    area.set_ylabel("passing, % of the area of the grains")
    area.yaxis.set_tick_params(labelleft=True)
    if curves:
        figure.legend(
            *area.get_legend_handles_labels(), loc="outside right upper", title="P80 by area"
        )
    else:
        number.text(0.5, 0.5, "no grains", transform=number.transAxes, ha="center", color=MUTED)
    return figure


def _curves(result: Result, grains: Grains, *, by: Literal["number", "area"]) -> list[_Curve]:
    unit = 1.0 if result.scale is None else result.scale.um_per_px
    found: list[_Curve] = []
    for symbol, entry in sorted(result.grains.items(), key=lambda one: one[1].code):
        sizes = entry.ecd_px if result.scale is None else entry.ecd_um
        if sizes is None:
            continue
        chosen = grains.code == entry.code
        size, passing = _passing(grains.ecd_px[chosen] * unit, grains.area_px[chosen], by)
        marks = (
            getattr(sizes, f"{by}_p20"),
            getattr(sizes, f"{by}_p50"),
            getattr(sizes, f"{by}_p80"),
        )
        red, green, blue = mineral(entry.code).colour_rgb
        found.append(
            _Curve(
                f"{symbol}, {marks[2]:.3g} {unit_of(result)}\n(n = {entry.count})",
                (red / 255, green / 255, blue / 255),
                _MARKERS[len(found) % len(_MARKERS)],
                size,
                passing,
                marks,
            )
        )
    return found


def _passing(
    size: Floats, area_px: NDArray[np.int64], by: Literal["number", "area"]
) -> tuple[Floats, Floats]:
    """Sizes in order and the per cent at or below each, as the quantiles are interpolated."""
    order = np.argsort(size, kind="stable")
    size = size[order]
    weight = area_px[order] if by == "area" else np.ones(len(size))
    passing = 100.0 * np.cumsum(weight) / weight.sum()
    size, passing = np.append(size[0], size), np.append(0.0, passing)
    if len(size) <= _MAX_POINTS:
        return size, passing
    kept = np.unique(
        np.concatenate(
            [
                np.searchsorted(passing, np.linspace(0.0, 100.0, _MAX_POINTS)),
                np.searchsorted(size, np.geomspace(size[0], size[-1], _MAX_POINTS)),
                [len(size) - 1],
            ]
        ).clip(0, len(size) - 1)
    )
    return size[kept], passing[kept]


def _panel(axes: Axes, curves: Sequence[_Curve], title: str, result: Result) -> None:
    axes.set_title(title)
    axes.set_xlabel(f"equivalent circle diameter, {unit_of(result)}")
    axes.set_xscale("log")
    axes.set_ylim(0.0, 100.0)
    axes.set_yticks(range(0, 101, 20))
    sizes = np.concatenate([curve.size for curve in curves]) if curves else np.array([1.0, 10.0])
    sieves = SIEVES_PX if result.scale is None else SIEVES_UM
    _mark_sieves(axes, sieves, float(sizes.min()) / 1.15, float(sizes.max()) * 1.15)
    for share in _SHARES:
        axes.axhline(share, color=MUTED, linewidth=0.6, linestyle=(0, (4, 3)), zorder=1.0)
        axes.annotate(
            f"P{share}",
            (1.0, share),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            verticalalignment="center",
            fontsize=6.5,
            color=MUTED,
        )
    for curve in curves:
        _draw(axes, curve)


def _mark_sieves(axes: Axes, sieves: Sequence[float], least: float, most: float) -> None:
    """Grid lines at the sieve classes; so many of them are labelled as can be read."""
    axes.set_xlim(least, most)
    inside = [k for k, size in enumerate(sieves) if least <= size <= most]
    step = next((n for n in (1, 2) if len(inside) <= n * _MAX_LABELS), 4)
    axes.xaxis.set_major_locator(FixedLocator([sieves[k] for k in inside if k % step == 0]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda size, _: f"{size:.3g}" if size < 1000 else f"{size:.0f}")
    )
    axes.xaxis.set_minor_locator(FixedLocator([sieves[k] for k in inside]))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x", which="both", color="#e4e4e4", linewidth=0.5)
    axes.set_axisbelow(True)


def _draw(axes: Axes, curve: _Curve) -> None:
    # Dark edges carry light colours on white paper.
    edge = [withStroke(linewidth=3.0, foreground=INK)]
    axes.plot(
        curve.size, curve.passing_percent, color=curve.colour, linewidth=1.8, path_effects=edge
    )
    axes.plot(
        curve.marks,
        _SHARES,
        linestyle="none",
        marker=curve.marker,
        markersize=6.0,
        markerfacecolor=curve.colour,
        markeredgecolor=INK,
        markeredgewidth=0.8,
        label=curve.label,
        zorder=3.0,
        clip_on=False,
    )


def unit_of(result: Result) -> str:
    """The unit of lengths in a report."""
    return "px" if result.scale is None else "µm"


def _caption(result: Result, grains: Grains) -> str:
    said = [f"n = {len(grains):,} grains of one image.".replace(",", " ")]
    said.append("Markers: P20, P50 and P80. Grid: sieve classes in steps of the square root of 2.")
    if result.scale is None:
        said.append("No pixel size was given: sizes are in pixels.")
    said += [
        f"{name}: {result.definitions[key].partition(';')[0]}."
        for key, name in _DEFINITIONS.items()
        if key in result.definitions
    ]
    return " ".join(said)
