"""Which phases touch which, as a heat map of the association."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from petrography.minerals import mineral
from petrography.report.plots.rendering import INK, MUTED, WIDTH_IN, caption, fitted_above
from petrography.report.result import Contacts, Result

__all__ = ["association_map"]

_CELL_IN = 0.36
# More phases than this have little room: symbols alone, small whole numbers.
_MAX_ROOMY = 10
# Above this the colours are too dark for black letters.
_DARK_FROM_PERCENT = 55.0


def association_map(result: Result, contacts: Contacts) -> Figure:
    """Draw the share of the boundary of each phase that is against each other phase.

    Parameters
    ----------
    result : Result
        The report.
    contacts : Contacts
        Its contacts.

    Returns
    -------
    Figure
        A row for each phase. One hue from light to dark can be told apart in grey print and by
        those who confuse hues; the numbers stand in the cells.
    """
    length_px = np.array(contacts.length_px, dtype=np.float64).reshape(2 * [len(contacts.codes)])
    boundary_px = length_px.sum(axis=1)
    shown = np.flatnonzero(boundary_px > 0)
    codes = [contacts.codes[k] for k in shown]
    with np.errstate(invalid="ignore"):
        percent = 100.0 * length_px[np.ix_(shown, shown)] / boundary_px[shown, np.newaxis]
    figure = Figure(
        figsize=(WIDTH_IN, 2.0 + _cell_in(codes) * max(len(codes), 3)), layout="constrained"
    )
    fitted_above(figure, caption(figure, _caption(result, float(boundary_px.sum()) / 2)))
    axes = figure.subplots()
    axes.set_title("Association", pad=22 if len(codes) <= _MAX_ROOMY else 44)
    if not codes:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no contacts", transform=axes.transAxes, ha="center", color=MUTED)
        return figure
    _draw_cells(figure, axes, percent)
    _name_phases(axes, codes, [_length(result, boundary_px[k]) for k in shown])
    return figure


def _cell_in(codes: Sequence[int]) -> float:
    return _CELL_IN if len(codes) <= _MAX_ROOMY else 0.7 * _CELL_IN


def _draw_cells(figure: Figure, axes: Axes, percent: NDArray[np.float64]) -> None:
    image = axes.imshow(percent, cmap="Blues", vmin=0.0, vmax=100.0, aspect="auto")
    bar = figure.colorbar(image, ax=axes, pad=0.02, fraction=0.05)
    bar.set_label("of the boundary of the row, %")
    bar.outline.set_linewidth(0.6)
    for (row, column), value in np.ndenumerate(percent):
        if row == column:
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, fc="white", ec="#c4c4c4", hatch="////")
            )
        elif value > 0:
            axes.text(
                column,
                row,
                _number(value, roomy=len(percent) <= _MAX_ROOMY),
                ha="center",
                va="center",
                fontsize=7.0,
                color="white" if value > _DARK_FROM_PERCENT else INK,
            )


def _number(percent: float, *, roomy: bool) -> str:
    """Two figures where there is room for them."""
    if not roomy:
        return f"{percent:.0f}" if percent >= 0.5 else "·"
    if percent < 0.05:
        return "<0.1"
    return f"{percent:.0f}" if percent >= 9.95 else f"{percent:.1f}"


def _name_phases(axes: Axes, codes: Sequence[int], lengths: Sequence[str]) -> None:
    roomy = len(codes) <= _MAX_ROOMY
    symbols = [mineral(code).symbol for code in codes]
    names = [f"{mineral(code).name}  ({mineral(code).symbol})" for code in codes]
    heads = zip(names if roomy else symbols, lengths, strict=True)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(codes)), symbols, rotation=0 if roomy else 90)
    axes.set_yticks(range(len(codes)), [f"{name}, {length}" for name, length in heads])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    edges = np.arange(len(codes) + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(which="minor", color="white", linewidth=1.2)
    axes.tick_params(axis="x", colors=INK)


def _length(result: Result, length_px: float) -> str:
    if result.scale is None:
        return f"{length_px:,.0f} px".replace(",", " ")
    length_um = length_px * result.scale.um_per_px
    return f"{length_um / 1000:.3g} mm" if length_um >= 1000 else f"{length_um:.3g} µm"


def _caption(result: Result, contact_px: float) -> str:
    said = [
        (
            f"n = {_length(result, contact_px)} of contacts in one image; behind each phase the length "
            "of its boundary. A row tells how much of it is against each other phase, in per cent."
        )
    ]
    said += [
        f"{name}: {result.definitions[key].partition(';')[0]}."
        for key, name in (("contact_length", "Length"), ("association_percent", "Association"))
        if key in result.definitions
    ]
    return " ".join(said)
