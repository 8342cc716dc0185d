"""Fonts of the report, and text of clients as markup that means nothing but itself."""

from __future__ import annotations

import functools
import re
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape

import matplotlib as mpl
from reportlab import rl_config
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

__all__ = [
    "BOLD",
    "INK",
    "LINE",
    "MONO",
    "MUTED",
    "PLAIN",
    "SHADE",
    "load_fonts",
    "markup",
    "paragraph",
]

PLAIN, BOLD, MONO = "PetroserveSans", "PetroserveSans-Bold", "PetroserveMono"
INK, MUTED, LINE, SHADE = (HexColor(code) for code in ("#1a1a1a", "#5f6368", "#c9ced4", "#f3f5f7"))
# DejaVu comes with matplotlib; its licence (Bitstream Vera) allows embedding.
_FILES = {PLAIN: "DejaVuSans.ttf", BOLD: "DejaVuSans-Bold.ttf", MONO: "DejaVuSansMono.ttf"}
# DejaVu has no ideographs. These fonts are named, not embedded: every viewer that shows East
# Asian documents brings them.
_KOREAN, _EAST_ASIAN = "HYGothic-Medium", "STSong-Light"
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@functools.cache
def load_fonts() -> None:
    """Make the fonts known, once a process; the caller holds the lock of the report."""
    # Pictures and fonts as bytes, not as text of five characters for four bytes.
    rl_config.useA85 = 0
    for name, file in _FILES.items():
        pdfmetrics.registerFont(TTFont(name, f"{mpl.get_data_path()}/fonts/ttf/{file}"))
    for name in (_KOREAN, _EAST_ASIAN):
        pdfmetrics.registerFont(UnicodeCIDFont(name))


def markup(text: object, font: str = PLAIN) -> str:
    """Write text so that nothing of it is a tag, and every character has a font.

    Parameters
    ----------
    text : object
        Whatever a client sent; what cannot be printed becomes a question mark.
    font : str
        In which it is set, as far as that has its characters.
    """
    printable = _UNPRINTABLE.sub("?", str(text))
    runs = groupby(printable, lambda character: _font_for(character, font))
    return "".join(_run("".join(characters), chosen, font) for chosen, characters in runs)


def _run(text: str, chosen: str, font: str) -> str:
    return escape(text) if chosen == font else f'<font name="{chosen}">{escape(text)}</font>'


def _font_for(character: str, font: str) -> str:
    glyphs = pdfmetrics.getFont(font).face.charToGlyph
    if ord(character) in glyphs or ord(character) > 0xFFFF:
        return font
    if _HANGUL.match(character):
        return _KOREAN
    return _EAST_ASIAN if character >= "\u2e80" else font


def paragraph(
    text: object,
    size_pt: float = 7.6,
    *,
    font: str = PLAIN,
    colour: Color = INK,
    align: int = 0,
    is_markup: bool = False,
    space_pt: float = 0.0,
) -> Any:
    """Set a paragraph; words longer than a line are broken.

    Parameters
    ----------
    text : object
        Plain text, or with `is_markup` what `markup` and tags of our own made.
    size_pt : float
        Of the letters.
    font, colour
        How it looks.
    align : int
        0 left, 1 centred, 2 right.
    is_markup : bool
        Whether `text` is markup already.
    space_pt : float
        Below it.
    """
    style = ParagraphStyle(
        "text",
        fontName=font,
        fontSize=size_pt,
        leading=1.28 * size_pt,
        textColor=colour,
        alignment=align,
        splitLongWords=1,
        spaceAfter=space_pt,
    )
    return Paragraph(str(text) if is_markup else markup(text, font), style)
