"""The pages about the rock: sample, picture, modal composition, grains, association."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.platypus import CondPageBreak, Image, KeepTogether, Spacer, Table, TableStyle

from petrography.minerals import BACKGROUND_CODE, mineral
from petrography.report.contact_models import Contacts
from petrography.report.csv_tables import interval_text
from petrography.report.grain_text import grain_size_cells
from petrography.report.pages.charts import (
    BAR_WIDTH,
    MIN_CURVE_GRAINS,
    badge,
    key_of,
    modal_bar,
    scale_bar,
    size_curves,
    swatch,
)
from petrography.report.pages.grids import facts_grid, heading, lined_table
from petrography.report.pages.lettering import BOLD, INK, MUTED, markup, paragraph
from petrography.report.provenance import fact
from petrography.report.result import GrainEntry, ModalEntry, Result

__all__ = ["WIDTH", "about_composition", "about_contacts", "about_grains", "about_sample"]

WIDTH = 178 * mm
_PICTURE_HEIGHT = 96 * mm
_STATUS_COLOURS = {
    "preliminary": HexColor("#b26a00"),
    "final": HexColor("#1b7f3b"),
    "corrected": HexColor("#1f5fa8"),
    "rejected": HexColor("#b3261e"),
}
_DARK_FROM_PERCENT = 55.0
# Longer names of samples are set smaller.
_MAX_LARGE = 44


def about_sample(result: Result, picture: bytes | None) -> list[Any]:
    """Write the head of the report, what was photographed, and the picture."""
    sample = result.sample
    facts = [
        ("Sample", paragraph(sample.id or "not named", font=BOLD)),
        ("Barcode as read", sample.barcode_raw),
        ("Section, field", ", ".join(filter(None, (sample.section, sample.field))) or None),
        ("Operator", sample.operator),
        ("Instrument", sample.instrument),
        ("Analysed", _time(fact(result, "started_utc"))),
        ("Result", f"{result.id}, version {result.version}"),
        ("Model", _model(result)),
        ("Pixel", _scale(result)),
        ("Image", _image_size(result)),
        ("Told of the deposit", fact(result, "request", "association") or "nothing"),
    ]
    story = [_head(result), Spacer(1, 5), facts_grid(facts, WIDTH), Spacer(1, 7)]
    return story if picture is None else [*story, *_picture(result, picture)]


def _head(result: Result) -> Any:
    name = result.sample.id or "Sample not named"
    title = [
        paragraph("Mineral composition by microscopy", 8.2, colour=MUTED),
        paragraph(name, 17 if len(name) <= _MAX_LARGE else 9.5, font=BOLD),
    ]
    grid = Table(
        [[title, badge(result.status.upper(), _STATUS_COLOURS[result.status])]],
        colWidths=[WIDTH - 38 * mm, 38 * mm],
    )
    grid.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("ALIGN", (1, 0), (1, 0), "RIGHT"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), 0),
            ]
        )
    )
    return grid


def _time(utc: object) -> str | None:
    return f"{str(utc)[:19].replace('T', ' ')} UTC" if utc else None


def _model(result: Result) -> str:
    model = result.model
    return "none: a label image was measured" if model is None else model.full_name


def _scale(result: Result) -> str:
    if result.scale is None:
        return "size not stated: lengths are in pixels"
    return f"{result.scale.um_per_px:g} µm ({result.scale.source})"


def _image_size(result: Result) -> str | None:
    sizes = [fact(result, "image", side) for side in ("width_px", "height_px")]
    return None if None in sizes else " × ".join(map(str, sizes)) + " px"


def _picture(result: Result, picture: bytes) -> list[Any]:
    width_px, height_px = ImageReader(io.BytesIO(picture)).getSize()
    shrunk = min(WIDTH / width_px, _PICTURE_HEIGHT / height_px)
    image = Image(io.BytesIO(picture), width_px * shrunk, height_px * shrunk)
    codes = [entry.code for entry in _by_share(result.modal)]
    original_px = fact(result, "image", "width_px")
    parts: list[Any] = [key_of(codes, WIDTH - 34 * mm)]
    widths = [WIDTH - 34 * mm]
    if result.scale is not None and isinstance(original_px, int):
        um_per_pt = result.scale.um_per_px * original_px / (width_px * shrunk)
        parts, widths = [scale_bar(um_per_pt), *parts], [34 * mm, *widths]
    below = Table([parts], colWidths=widths, hAlign="LEFT")
    below.setStyle(
        TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])
    )
    return [image, Spacer(1, 3), below]


def _by_share(modal: Sequence[ModalEntry]) -> list[ModalEntry]:
    return sorted(modal, key=lambda one: (-one.area_percent, one.code))


def about_composition(result: Result) -> list[Any]:
    """Write the modal composition with its intervals and what it is a percentage of."""
    entries = _by_share(result.modal)
    highest = max([1e-3, *(high for one in entries for high in _ends(one))])
    rows = [
        [
            swatch(one.code),
            f"{one.name} ({one.symbol})",
            f"{one.area_percent:.2f}",
            interval_text(one.ci95),
            interval_text(one.total_ci95),
            _number(one.ore_percent),
            _number(one.mass_percent),
            modal_bar(one, highest),
        ]
        for one in entries
    ]
    header = (
        "",
        "phase",
        "area, %",
        "95 %: sampling",
        "95 %: with map",
        "of ore, %",
        "mass, %",
        "",
    )
    widths = [12, 0, 38, 62, 62, 40, 38, BAR_WIDTH + 6]
    widths[1] = int(WIDTH - sum(widths))
    table = lined_table(header, rows, widths, texts=2)
    return [heading("Modal composition"), table, Spacer(1, 3), _basis(result)]


def _ends(entry: ModalEntry) -> list[float]:
    bounds = (entry.ci95, entry.total_ci95)
    return [entry.area_percent, *(high for _, high in filter(None, bounds))]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _basis(result: Result) -> Any:
    basis = result.modal_basis
    said = [
        f"Area: per cent of {basis.field_px:,} annotated pixels".replace(",", " ")
        + (f", {basis.unlabelled_px} more are not annotated." if basis.unlabelled_px else ".")
    ]
    said.append("Of ore and mass: of the ore minerals only, mass by end-member densities.")
    if result.not_found:
        missing = ", ".join(one.told for one in result.not_found)
        said.append(f"Looked for and not found (95 % confidence): {missing}.")
    if any(one.ci95 for one in result.modal):
        said.append("Bars: thick line sampling, thin line with the mistakes of the mineral map.")
    return paragraph(" ".join([*said, *_elements(result)]), 6.9, colour=MUTED)


def _elements(result: Result) -> list[str]:
    if not result.element_percent:
        return []
    bounds = result.element_ci95 or {}
    told = (
        f"{name} {_grade(percent)}"
        + (f" ({_grade(bounds[name][0])} – {_grade(bounds[name][1])})" if name in bounds else "")
        for name, percent in result.element_percent.items()
    )
    return [f"Elements in the ore minerals by formulae, mass % (95 %): {', '.join(told)}."]


def _grade(percent: float) -> str:
    """Write a grade; what gold and silver are worth mining at is far below a tenth of a per cent."""
    return f"{percent:.1f}" if percent >= 1.0 else f"{percent:.2g}"


def about_grains(result: Result) -> list[Any]:
    """Write the grain sizes of each mineral, and draw their curves."""
    if not result.grains:
        return []
    unit = "px" if result.scale is None else "µm"
    in_px = result.scale is None
    rows = [_grain_row(entry, in_px=in_px) for entry in result.grains.values()]
    header = (
        "", "mineral", "grains", "cut by edge", f"P50, {unit}", f"P80, {unit}", "95 % of P80",
        "P80 edge-corr.", f"intercept, {unit}",
    )  # fmt: skip
    widths = [12, 0, 40, 52, 46, 46, 74, 64, 62]
    widths[1] = int(WIDTH - sum(widths))
    note = paragraph(
        "Equivalent circle diameters below which 50 and 80 % of the area of the grains lies, "
        "interpolated between grains: where one grain holds much of the area, the size lies between "
        "it and the next smaller one. A dash where too few grains allow no figure.",
        6.9,
        colour=MUTED,
    )
    story = [heading("Grain size"), lined_table(header, rows, widths, texts=2), Spacer(1, 3), note]
    drawn = [one.code for one in result.grains.values() if one.count >= MIN_CURVE_GRAINS]
    if not drawn:
        return story
    curves = size_curves(result.grains, unit, WIDTH, 58 * mm)
    title = f"Area in grains up to a diameter, minerals of {MIN_CURVE_GRAINS} grains and more"
    plot = [paragraph(title, 7.2, font=BOLD, space_pt=2), key_of(drawn, WIDTH), curves]
    return [*story, Spacer(1, 6), KeepTogether(plot)]


def _grain_row(entry: GrainEntry, *, in_px: bool) -> list[Any]:
    counts = [str(entry.count), str(entry.touching_edge)]
    return [swatch(entry.code), entry.name, *counts, *grain_size_cells(entry, in_px=in_px)]


def about_contacts(contacts: Contacts | None) -> list[Any]:
    """Write which phases touch which, as shares of the boundary of each."""
    if contacts is None:
        return []
    shown = [k for k, row in enumerate(contacts.association_percent) if sum(row) > 0]
    if len(shown) < 2:
        return []
    symbols = [mineral(contacts.codes[k]).symbol for k in shown]
    table = [[contacts.association_percent[i][j] for j in shown] for i in shown]
    rows = [
        [swatch(contacts.codes[k]), markup(symbol), *(_share(value) for value in row)]
        for k, symbol, row in zip(shown, symbols, table, strict=True)
    ]
    column = min(42.0, (WIDTH - 60) / len(shown))
    colours = [
        ("BACKGROUND", (j + 2, i + 1), (j + 2, i + 1), _heat(value))
        for i, row in enumerate(table)
        for j, value in enumerate(row)
        if i != j
    ]
    grid = lined_table(
        ("", "", *symbols), rows, [12, 48, *[column] * len(shown)], texts=2, more_style=colours
    )
    grid.hAlign = "LEFT"
    note = paragraph(
        "Each row: how much of the boundary of the mineral is against each other phase, in per "
        f"cent; {mineral(BACKGROUND_CODE).name} and resin are free surface.",
        6.9,
        colour=MUTED,
    )
    return [
        CondPageBreak(60 * mm),
        KeepTogether([heading("Association"), grid, Spacer(1, 3), note]),
    ]


def _share(percent: float) -> Any:
    if percent <= 0:
        return paragraph("·", 7, colour=MUTED, align=2)
    text = "<0.1" if percent < 0.05 else f"{percent:.1f}"
    ink = white if percent > _DARK_FROM_PERCENT else INK
    return paragraph(text, 7, colour=ink, align=2)


def _heat(percent: float) -> Color:
    """From white to a dark blue that can be told apart in grey print as well."""
    share = min(percent, 100.0) / 100.0
    return Color(1 - 0.92 * share, 1 - 0.70 * share, 1 - 0.42 * share)
