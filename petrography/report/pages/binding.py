"""The pages put together, with head and foot: the same bytes for the same result."""

from __future__ import annotations

import io
import threading
from functools import partial
from typing import Any

from reportlab.lib.colors import Color
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

from petrography.report.pages.lettering import BOLD, LINE, MUTED, PLAIN, load_fonts
from petrography.report.pages.measured import (
    WIDTH,
    about_composition,
    about_contacts,
    about_grains,
    about_sample,
)
from petrography.report.pages.vouched import (
    about_definitions,
    about_model,
    about_origin,
    about_quality,
    about_reviews,
)
from petrography.report.provenance import fact
from petrography.report.result import Result

__all__ = ["report_pdf"]

# The library keeps its fonts for the whole process: one report at a time.
_BINDING = threading.Lock()
_SIDE = (A4[0] - WIDTH) / 2


def report_pdf(result: Result, picture: bytes | None = None) -> bytes:
    """Write a result for people, on pages of A4.

    Parameters
    ----------
    result : Result
        The analysis, of any version and status.
    picture : bytes, optional
        The photograph with its mineral map, as JPEG or PNG of a size to look at.

    Returns
    -------
    bytes
        A PDF (ISO 32000-1) with its Latin, Greek and Cyrillic letters embedded; the same bytes for
        the same arguments: its dates are those of the result.
    """
    with _BINDING:
        load_fonts()
        # Once for the number of pages, once with it.
        pages = _bound(result, picture, 0)[1]
        return _bound(result, picture, pages)[0]


def _bound(result: Result, picture: bytes | None, pages: int) -> tuple[bytes, int]:
    target = io.BytesIO()
    document = BaseDocTemplate(
        target,
        pagesize=A4,
        title=f"Mineral composition of {result.sample.id or result.id}",
        author="Petroserve",
        subject=f"Result {result.id}, version {result.version}, {result.status}",
        creator="Petroserve",
        keywords=result.id,
        # No clock and no chance in the file; the dates are set on the first page.
        invariant=1,
        leftMargin=_SIDE,
        rightMargin=_SIDE,
        topMargin=13 * mm,
        bottomMargin=15 * mm,
    )
    frame = Frame(_SIDE, 15 * mm, WIDTH, A4[1] - 28 * mm, 0, 0, 0, 0)
    on_page = partial(_furnish, result=result, pages=pages)
    document.addPageTemplates([PageTemplate("page", [frame], onPageEnd=on_page)])
    document.build(_story(result, picture))
    return target.getvalue(), document.page


def _story(result: Result, picture: bytes | None) -> list[Any]:
    return [
        *about_sample(result, picture),
        *about_composition(result),
        *about_grains(result),
        *about_contacts(result.contacts),
        *about_quality(result),
        *about_model(result),
        *about_reviews(result),
        *about_origin(result),
        *about_definitions(result),
    ]


def _furnish(canvas: Any, _document: Any, *, result: Result, pages: int) -> None:
    """Draw the foot of a page, and mark the pages of a rejected result."""
    canvas.setDateFormatter(partial(_date, result))
    canvas.saveState()
    if result.status == "rejected":
        canvas.setFont(BOLD, 96)
        canvas.setFillColor(Color(0.75, 0.1, 0.1, alpha=0.13))
        canvas.translate(A4[0] / 2, A4[1] / 2)
        canvas.rotate(52)
        canvas.drawCentredString(0, -30, "REJECTED")
        canvas.rotate(-52)
        canvas.translate(-A4[0] / 2, -A4[1] / 2)
    canvas.setStrokeColor(LINE)
    canvas.line(_SIDE, 11.5 * mm, A4[0] - _SIDE, 11.5 * mm)
    canvas.setFont(PLAIN, 6.4)
    canvas.setFillColor(MUTED)
    left = f"Petroserve · result {result.id} · version {result.version} · {result.status}"
    canvas.drawString(_SIDE, 8 * mm, left)
    right = f"page {canvas.getPageNumber()} of {pages}"
    canvas.drawRightString(A4[0] - _SIDE, 8 * mm, right)
    canvas.restoreState()


def _date(result: Result, *_clock: int) -> str:
    """The date of the result in the form of ISO 32000-1, section 7.9.4."""
    digits = "".join(filter(str.isdigit, str(fact(result, "started_utc") or "")))[:14]
    return f"D:{digits}Z" if len(digits) == 14 else "D:20000101000000Z"
