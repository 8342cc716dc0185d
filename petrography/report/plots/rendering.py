"""From a drawing to the bytes of a picture, always the same."""

from __future__ import annotations

import io
import textwrap
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

__all__ = ["INK", "MUTED", "WIDTH_IN", "caption", "fitted_above", "rendered"]

# Two columns of a page, 180 mm; pictures are twice the pixels of a screen (96 to the inch).
WIDTH_IN = 180 / 25.4
_DPI = 192
INK, MUTED = "#1a1a1a", "#5f6368"
_CAPTION_PT = 7.0
# Of DejaVu Sans at the size of captions, measured on running text.
_CHARACTERS_PER_IN = 18.2
_LINE_IN = 0.125

_STYLE: dict[RcKeyType, Any] = {
    # Identifiers in an SVG are drawn from this instead of at random.
    "svg.hashsalt": "petroserve",
    # Shapes of letters travel with the picture, so that it looks alike everywhere.
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.0,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
# Matplotlib keeps its style, its fonts and the layout of text for the whole process: one drawing
# at a time, however many requests there are.
_DRAWING = threading.Lock()


def rendered(draw: Callable[[], Figure], form: Literal["svg", "png"], *, title: str) -> bytes:
    """Draw a figure and write it as a picture.

    Parameters
    ----------
    draw : callable
        Makes the figure; called under the style of the plots.
    form : {"svg", "png"}
        A PNG has 192 px to the inch, twice those of a screen.
    title : str
        Says in the file what is seen.

    Returns
    -------
    bytes
        The same for the same figure, with neither date nor chance in it.
    """
    metadata = {"Title": title, **({"Date": None} if form == "svg" else {"Software": None})}
    target = io.BytesIO()
    with _DRAWING, rc_context(_STYLE):
        draw().savefig(target, format=form, dpi=_DPI, metadata=metadata)
    return target.getvalue()


def caption(figure: Figure, sentences: str) -> float:
    """Write what is seen and what it means below a figure.

    Returns
    -------
    float
        The height that it takes, as a fraction of the figure.
    """
    width_in, height_in = figure.get_size_inches()
    lines = textwrap.wrap(sentences, int((width_in - 0.3) * _CHARACTERS_PER_IN))
    figure.text(
        0.15 / width_in,
        0.08 / height_in,
        "\n".join(lines),
        fontsize=_CAPTION_PT,
        color=MUTED,
        verticalalignment="bottom",
        linespacing=1.25,
    )
    return float((0.16 + _LINE_IN * len(lines)) / height_in)


def fitted_above(figure: Figure, caption_fraction: float) -> None:
    """Lay the axes of a figure out above its caption."""
    layout = figure.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine):
        layout.set(rect=(0.0, caption_fraction, 1.0, 1.0 - caption_fraction))
