"""What is drawn in the report: swatches, bars with intervals, size curves, a scale bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, Rect, String
from reportlab.lib.colors import Color, white
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth

from petrography.minerals import BACKGROUND_CODE, mineral
from petrography.report.pages.lettering import BOLD, INK, LINE, MUTED, PLAIN
from petrography.report.result import GrainEntry, ModalEntry

__all__ = [
    "BAR_WIDTH",
    "MIN_CURVE_GRAINS",
    "badge",
    "key_of",
    "modal_bar",
    "scale_bar",
    "size_curves",
    "swatch",
]

BAR_WIDTH, _BAR_HEIGHT = 46 * mm, 9.0
# Curves of fewer grains tell of single grains.
MIN_CURVE_GRAINS = 5


def colour_of(code: int) -> Color:
    """Give the colour of a phase in the overlay; the background is white there and here."""
    red, green, blue = mineral(code).colour_rgb
    return white if code == BACKGROUND_CODE else Color(red / 255, green / 255, blue / 255)


def swatch(code: int) -> Any:
    """Draw a small square in the colour of a phase."""
    drawing = Drawing(8, 8)
    drawing.add(Rect(0.5, 0.5, 7, 7, fillColor=colour_of(code), strokeColor=INK, strokeWidth=0.4))
    return drawing


def badge(text: str, colour: Color) -> Any:
    """Draw a word in white on a colour, at the right end of its place."""
    width = stringWidth(text, BOLD, 9) + 14
    drawing = Drawing(width, 17, hAlign="RIGHT")
    drawing.add(Rect(0, 0, width, 17, rx=3, ry=3, fillColor=colour, strokeColor=None))
    drawing.add(String(7, 5.2, text, fontName=BOLD, fontSize=9, fillColor=white))
    return drawing


def modal_bar(entry: ModalEntry, highest_percent: float) -> Any:
    """Draw a share with its 95 % intervals: thick for sampling, thin with mistakes of the map."""
    drawing = Drawing(BAR_WIDTH, _BAR_HEIGHT)
    scale, middle = BAR_WIDTH / highest_percent, _BAR_HEIGHT / 2
    drawing.add(Line(0, 0, 0, _BAR_HEIGHT, strokeColor=LINE, strokeWidth=0.5))
    drawing.add(
        Rect(
            0,
            1,
            max(entry.area_percent * scale, 0.3),
            _BAR_HEIGHT - 2,
            fillColor=colour_of(entry.code),
            strokeColor=MUTED,
            strokeWidth=0.35,
        )
    )
    for bounds, width, ink in ((entry.total_ci95, 0.6, MUTED), (entry.ci95, 1.6, INK)):
        if bounds is not None:
            low, high = (bound * scale for bound in bounds)
            drawing.add(Line(low, middle, high, middle, strokeColor=white, strokeWidth=width + 1.2))
            drawing.add(Line(low, middle, high, middle, strokeColor=ink, strokeWidth=width))
    place = entry.area_percent * scale
    drawing.add(Circle(place, middle, 1.7, fillColor=white, strokeColor=INK, strokeWidth=0.7))
    return drawing


def key_of(codes: Sequence[int], width: float) -> Any:
    """Draw the phases with their names in rows, as many to a row as fit."""
    places: list[tuple[float, int, int]] = []
    left, row = 0.0, 0
    for code in codes:
        needed = 12 + stringWidth(_name(code), PLAIN, 7) + 10
        if left and left + needed > width:
            left, row = 0.0, row + 1
        places.append((left, row, code))
        left += needed
    height = 12.0 * (row + 1)
    drawing = Drawing(width, height)
    for left, row, code in places:
        base = height - 12 * row - 9
        square = Rect(left, base - 0.5, 7, 7, fillColor=colour_of(code), strokeColor=INK)
        square.strokeWidth = 0.4
        drawing.add(square)
        drawing.add(
            String(left + 10, base + 0.6, _name(code), fontName=PLAIN, fontSize=7, fillColor=INK)
        )
    return drawing


def _name(code: int) -> str:
    phase = mineral(code)
    return f"{phase.name} ({phase.symbol})"


def scale_bar(um_per_pt: float) -> Any:
    """Draw a bar of a round length, about 25 mm long.

    Parameters
    ----------
    um_per_pt : float
        Micrometres of the section for each point of the page.
    """
    wanted_um = 25 * mm * um_per_pt
    power = 10.0 ** math.floor(math.log10(wanted_um))
    length_um = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= wanted_um)
    text = f"{length_um / 1000:g} mm" if length_um >= 1000 else f"{length_um:g} µm"
    width = length_um / um_per_pt
    drawing = Drawing(width + 4, 16)
    drawing.add(Rect(0, 10, width, 2.6, fillColor=INK, strokeColor=None))
    drawing.add(
        String(width / 2, 1, text, fontName=PLAIN, fontSize=7, fillColor=INK, textAnchor="middle")
    )
    return drawing


def size_curves(grains: dict[str, GrainEntry], unit: str, width: float, height: float) -> Any:
    """Draw how much of the area of each mineral is in grains up to a diameter.

    Parameters
    ----------
    grains : dict of str to GrainEntry
        By symbol; those of at least `MIN_CURVE_GRAINS` grains are drawn.
    unit : str
        Of the diameters.
    width, height : float
        Of the drawing, in points.
    """
    shown = {s: one for s, one in grains.items() if one.count >= MIN_CURVE_GRAINS}
    points = {symbol: _passing(one) for symbol, one in shown.items()}
    sizes = [size for curve in points.values() for size, _ in curve]
    drawing = Drawing(width, height)
    if not sizes:
        return drawing
    frame = _Frame(width, height, min(sizes), max(sizes))
    _draw_axes(drawing, frame, unit)
    for symbol, curve in points.items():
        path = [place for size, percent in curve for place in (frame.x(size), frame.y(percent))]
        drawing.add(PolyLine(path, strokeColor=INK, strokeWidth=2.2, strokeLineJoin=1))
        colour = colour_of(shown[symbol].code)
        drawing.add(PolyLine(path, strokeColor=colour, strokeWidth=1.3, strokeLineJoin=1))
    return drawing


def _passing(entry: GrainEntry) -> list[tuple[float, float]]:
    """Diameters and the share of the area below them, from the first class that holds grains."""
    classes = [one for one in entry.sieve_classes if one.upper is not None]
    first = next((k for k, one in enumerate(classes) if one.count), len(classes))
    last = next((k for k, one in enumerate(classes) if one.passing_percent >= 100.0), len(classes))
    begin = [(one.lower, 0.0) for one in classes[first : first + 1] if one.lower]
    steps = [(one.upper, one.passing_percent) for one in classes[first : last + 1] if one.upper]
    return [*begin, *steps]


class _Frame:
    """Where diameters, on a logarithmic axis, and per cents lie on the page."""

    def __init__(self, width: float, height: float, low: float, high: float) -> None:
        self.left, self.bottom = 30.0, 25.0
        self.right, self.top = width - 6.0, height - 6.0
        self.low, self.high = low, max(high, 1.5 * low)

    def x(self, size: float) -> float:
        share = math.log(size / self.low) / math.log(self.high / self.low)
        return self.left + share * (self.right - self.left)

    def y(self, percent: float) -> float:
        return self.bottom + percent / 100.0 * (self.top - self.bottom)

    def ticks(self) -> list[float]:
        """Round diameters inside the axis."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        sizes = [step * 10.0**power for power in powers for step in (1, 2, 5)]
        return [size for size in sizes if self.low <= size <= self.high]


def _draw_axes(drawing: Any, frame: _Frame, unit: str) -> None:
    small = {"fontName": PLAIN, "fontSize": 6.5, "fillColor": MUTED}
    for percent in (0, 20, 50, 80, 100):
        y = frame.y(percent)
        drawing.add(Line(frame.left, y, frame.right, y, strokeColor=LINE, strokeWidth=0.4))
        drawing.add(String(frame.left - 4, y - 2.2, f"{percent}", textAnchor="end", **small))
    for size in frame.ticks():
        x = frame.x(size)
        drawing.add(Line(x, frame.bottom, x, frame.top, strokeColor=LINE, strokeWidth=0.3))
        drawing.add(String(x, frame.bottom - 9, f"{size:g}", textAnchor="middle", **small))
    middle = (frame.left + frame.right) / 2
    text = f"equivalent circle diameter, {unit}"
    drawing.add(String(middle, 4, text, textAnchor="middle", **small))
    drawing.add(String(0, frame.top - 1, "%", **small))
