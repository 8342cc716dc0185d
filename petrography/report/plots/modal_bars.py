"""The modal composition as bars with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from petrography.minerals import BACKGROUND_CODE, mineral
from petrography.report.plots.rendering import INK, MUTED, WIDTH_IN, caption, fitted_above
from petrography.report.result import ModalEntry, Result

__all__ = ["modal_bars"]

_BAR_IN = 0.27


def modal_bars(result: Result) -> Figure:
    """Draw the share of every phase, the largest first, with its 95 % intervals.

    Parameters
    ----------
    result : Result
        The report.

    Returns
    -------
    Figure
        Bars have the colours of the overlay; every number stands beside its bar.
    """
    entries = sorted(result.modal, key=lambda one: (-one.area_percent, one.code))
    figure = Figure(figsize=(WIDTH_IN, 1.55 + _BAR_IN * len(entries)), layout="constrained")
    fitted_above(figure, caption(figure, _caption(result)))
    axes = figure.subplots()
    axes.set_title("Modal composition")
    _draw_bars(axes, entries)
    for place, entry in enumerate(entries):
        _draw_intervals(axes, place, entry)
    _write_numbers(axes, entries)
    return figure


def _draw_bars(axes: Axes, entries: Sequence[ModalEntry]) -> None:
    for place, entry in enumerate(entries):
        red, green, blue = mineral(entry.code).colour_rgb
        # The overlay leaves the background as it is; here it is plain as well.
        bare = entry.code == BACKGROUND_CODE
        axes.barh(
            place,
            entry.area_percent,
            height=0.72,
            facecolor="white" if bare else (red / 255, green / 255, blue / 255),
            edgecolor="#b0b0b0" if bare else INK,
            hatch="////" if bare else None,
            linewidth=0.6,
        )
    axes.set_yticks(range(len(entries)), [f"{one.name}  ({one.symbol})" for one in entries])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.set_xlim(0.0, max(_highest(one) for one in entries) * 1.02)
    axes.set_xlabel("area of the annotated field, %")
    axes.grid(axis="x", color="#d9d9d9", linewidth=0.5)
    axes.set_axisbelow(True)


def _highest(entry: ModalEntry) -> float:
    bounds = (entry.ci95, entry.total_ci95)
    return max([entry.area_percent, 1e-3, *(high for _, high in filter(None, bounds))])


def _draw_intervals(axes: Axes, place: int, entry: ModalEntry) -> None:
    """Draw the wide interval thin, the narrow one thick, both with a light edge for dark bars."""
    lines = ((entry.total_ci95, 1.0, MUTED), (entry.ci95, 2.6, INK))
    for bounds, width, colour in lines:
        if bounds is not None:
            axes.plot(
                bounds,
                (place, place),
                color=colour,
                linewidth=width,
                solid_capstyle="butt",
                path_effects=[withStroke(linewidth=width + 1.6, foreground="white")],
            )
    axes.plot(
        entry.area_percent,
        place,
        marker="o",
        markersize=4.2,
        markerfacecolor="white",
        markeredgecolor=INK,
        markeredgewidth=1.0,
        zorder=3.0,
        clip_on=False,
    )


def _write_numbers(axes: Axes, entries: Sequence[ModalEntry]) -> None:
    """Write the numbers of each bar at the right, right-aligned below their heads."""
    column = [("area, %", "95 % interval")] + [
        (
            f"{one.area_percent:.2f}",
            "" if one.ci95 is None else f"{one.ci95[0]:.2f} – {one.ci95[1]:.2f}",
        )
        for one in entries
    ]
    for place, texts in enumerate(column, start=-1):
        for text, right_pt in zip(texts, (44, 112), strict=True):
            axes.annotate(
                text,
                (1.0, max(place, -0.85)),
                xycoords=("axes fraction", "data"),
                xytext=(right_pt, 0),
                textcoords="offset points",
                horizontalalignment="right",
                verticalalignment="center",
                fontsize=7.5,
                color=MUTED if place < 0 else INK,
                annotation_clip=False,
            )


def _caption(result: Result) -> str:
    basis = result.modal_basis
    said = [f"n = {basis.field_px:,} px of one image.".replace(",", " ")]
    if any(one.code == BACKGROUND_CODE for one in result.modal):
        said.append("Background (resin, pores, gangue) is part of the field.")
    if any(one.ci95 is not None for one in result.modal):
        said.append(
            f"Thick line: 95 % interval by block bootstrap ({basis.intervals.blocks} blocks), which "
            "field was photographed."
        )
    else:
        said.append("No interval: too few blocks fit into the image.")
    if any(one.total_ci95 is not None for one in result.modal):
        said.append("Thin line: mistakes of the mineral map included, judged on held-out images.")
    return " ".join([*said, f"Area: {result.definitions['area_percent']}."])
