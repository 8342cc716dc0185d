"""Tables of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reportlab.platypus import Table, TableStyle

from petrography.report.pages.lettering import (
    BOLD,
    INK,
    LINE,
    MUTED,
    SHADE,
    markup,
    paragraph,
)

__all__ = ["facts_grid", "heading", "lined_table"]

_PADDING = [
    ("LEFTPADDING", (0, 0), (-1, -1), 3),
    ("RIGHTPADDING", (0, 0), (-1, -1), 3),
    ("TOPPADDING", (0, 0), (-1, -1), 1.8),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2.2),
    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
]


def heading(text: str) -> Any:
    """Set the heading of a section, with a line below."""
    grid = Table([[paragraph(text, 9.4, font=BOLD)]], colWidths=["100%"])
    grid.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.7, INK),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 7),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    grid.keepWithNext = True
    return grid


def _cells(row: Sequence[object], texts: int) -> list[Any]:
    """Set a row: the first `texts` columns to the left, numbers to the right.

    Drawings and finished paragraphs are taken as they are.
    """
    return [
        paragraph(cell, 7.4, align=0 if place < texts else 2) if isinstance(cell, str) else cell
        for place, cell in enumerate(row)
    ]


def lined_table(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    widths: Sequence[float],
    *,
    texts: int = 1,
    more_style: Sequence[tuple[Any, ...]] = (),
) -> Any:
    """Make a table with a header that is repeated on the next page.

    Parameters
    ----------
    header : sequence of str
        Of the columns.
    rows : sequence of sequences
        Texts, or what is drawn.
    widths : sequence of float
        Of the columns, in points.
    texts : int
        How many columns, from the left, are texts; the others are numbers.
    more_style : sequence of tuple
        Commands of a TableStyle.
    """
    head = [
        paragraph(text, 6.8, colour=MUTED, align=0 if place < texts else 2)
        for place, text in enumerate(header)
    ]
    grid = Table([head, *(_cells(row, texts) for row in rows)], colWidths=widths, repeatRows=1)
    lines = [
        ("LINEBELOW", (0, 0), (-1, 0), 0.5, MUTED),
        ("LINEBELOW", (0, 1), (-1, -1), 0.25, LINE),
    ]
    grid.setStyle(TableStyle([*_PADDING, *lines, *more_style]))
    return grid


def facts_grid(facts: Sequence[tuple[str, object]], width: float, columns: int = 2) -> Any:
    """Make pairs of names and values, column by column.

    Parameters
    ----------
    facts : sequence of (str, object)
        A value that is None is a dash.
    width : float
        Of all, in points.
    columns : int
        Of pairs.
    """
    height = -(-len(facts) // columns)
    padded = [*facts, *[("", "")] * (height * columns - len(facts))]
    rows = [
        [cell for column in range(columns) for cell in _pair(*padded[column * height + row])]
        for row in range(height)
    ]
    name = 0.28 if columns > 1 else 0.17
    widths = [width / columns * share for share in (name, 1 - name)] * columns
    grid = Table(rows, colWidths=widths)
    style = [*_PADDING, ("VALIGN", (0, 0), (-1, -1), "TOP")]
    grid.setStyle(TableStyle([*style, ("BACKGROUND", (0, 0), (-1, -1), SHADE)]))
    return grid


def _pair(name: str, value: object) -> list[Any]:
    if not name:
        return ["", ""]
    shown = paragraph("–" if value is None else value) if not hasattr(value, "wrap") else value
    return [paragraph(markup(name), 6.8, colour=MUTED, is_markup=True), shown]
