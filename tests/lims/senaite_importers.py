"""What SENAITE does with a 2-D CSV and with a LIS2-A2 message, on what the stand-in holds.

Written from the rules of its importers, apart from what `service.lims` knows of them: whoever
changes one side only fails the comparison of the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

Items = dict[str, dict[str, Any]]

_SAMPLE_STATES = ("sample_received", "to_be_verified")
_ANALYSIS_STATES = ("unassigned", "assigned", "to_be_verified")
_LIS2_STATES = ("unassigned", "assigned")
_STATUSES = ("", "C", "P", "F", "R", "N")


@dataclass
class ImportLog:
    """What was stored, by sample and keyword, and what the log says of the rest."""

    stored: dict[tuple[str, str], str] = field(default_factory=dict)
    interims: dict[tuple[str, str], str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def import_two_dimension(items: Items, text: str) -> ImportLog:
    """Import as ``generic.two_dimension`` does without overriding."""
    log = ImportLog()
    header: list[str] | None = None
    for line in text.split("\n"):
        cells = [cell.strip() for cell in line.rstrip("\r").split(",")]
        if header is None:
            header = cells[1:-1] if cells[-1] == "end" else None
        elif cells[0] and not cells[0].startswith("end"):
            _import_row(items, cells[0], list(zip(header, cells[1:-1], strict=False)), log)
    if header is None:
        log.errors.append("no header")
    return log


def _import_row(items: Items, name: str, cells: list[tuple[str, str]], log: ImportLog) -> None:
    values = [(keyword, _two_dimension_number(text)) for keyword, text in cells if text]
    log.errors += [f"{name}: No valid number" for _, value in values if value is None]
    sample = _sample(items, name)
    if sample is None or sample["review_state"] not in _SAMPLE_STATES:
        log.errors.append(f"{name}: no such sample, or not open")
        return
    for keyword, value in values:
        if value is not None:
            _store(items, sample, keyword, {"Result": value}, log)


def _two_dimension_number(text: str) -> str | None:
    if text == "ND" or text[:2] == "--":
        return "0.0"
    number = _number(text)
    return None if number is None else str(max(number, 0.0))


def _number(text: str) -> float | None:
    # SENAITE runs on Python 2: no underscores, no digits of other scripts. What it makes of nan
    # and inf is not known; nobody may rely on it.
    try:
        number = math.nan if "_" in text or not text.isascii() else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _sample(items: Items, name: str) -> dict[str, Any] | None:
    for index in ("id", "ClientSampleID", "uid"):
        for item in items.values():
            if item["portal_type"] == "AnalysisRequest" and item.get(index) == name:
                return item
    return None


def _store(
    items: Items, sample: dict[str, Any], keyword: str, fields: dict[str, str], log: ImportLog
) -> None:
    """Write one number and submit it, or say why not."""
    here = [one for one in items.values() if one.get("getRequestID") == sample["id"]]
    same = [one for one in here if one.get("Keyword") == keyword]
    place = (sample["id"], keyword)
    if not same:
        interims = [
            interim
            for one in here
            for interim in one.get("InterimFields", ())
            if interim["keyword"] == keyword
        ]
        for interim in interims:
            interim["value"] = log.interims[place] = fields["Result"]
        log.warnings += [] if interims else [f"{place}: no such analysis"]
    elif len(same) > 1 or same[0]["review_state"] not in _ANALYSIS_STATES:
        log.warnings.append(f"{place}: {len(same)} analyses, {same[0]['review_state']}")
    elif same[0].get("Calculation") or same[0]["Result"] != "":
        log.warnings.append(f"{place}: calculated, or there is a result")
    else:
        same[0].update(fields, review_state="to_be_verified")
        log.stored[place] = fields["Result"]


def import_lis2(items: Items, message: str) -> ImportLog:
    """Import as the add-on ``senaite.lis2a`` 2.0.0 does with the interpreter that it brings along.

    Records end with a line feed, the fields O-3 and O-4 are both ids, escapes mean nothing.
    """
    log = ImportLog()
    records = [line.strip().split("|") for line in message.split("\n") if line.strip()]
    head = records[0] if records else []
    if [_text(head, 1), _text(head, 12), _text(head, 13)] != ["H", "P", "LIS2-A2"]:
        log.errors.append(f"no interpreter for {head[:5]}")
        return log
    names: list[str] = []
    for record in records:
        if record[0] == "O":
            names = [name for name in (_text(record, 3), _text(record, 4)) if name]
        elif record[0] == "R" and _text(record, 9) in _STATUSES:
            _import_result(items, names, record, log)
    return log


def _import_result(items: Items, names: list[str], record: list[str], log: ImportLog) -> None:
    keywords = [one for one in (_text(record, 3, component=at) for at in (1, 2, 4)) if one]
    sample, text = _received(items, names), _text(record, 4)
    open_for = [
        one
        for one in items.values()
        if sample is not None
        and one.get("getRequestID") == sample["id"]
        and one.get("Keyword") in keywords
        and one["review_state"] in _LIS2_STATES
    ]
    if sample is None or len(open_for) != 1:
        log.errors.append(f"no match found for ids {names} and keywords {keywords}")
        return
    stored = text.removeprefix("<")
    open_for[0].update(
        Result=stored,
        DetectionLimitOperand="<" if text.startswith("<") else "",
        ResultCaptureDate=_text(record, 12),
        review_state="to_be_verified",
    )
    log.stored[sample["id"], keywords[-1]] = stored


def _received(items: Items, names: list[str]) -> dict[str, Any] | None:
    for index in ("id", "ClientSampleID"):
        for item in items.values():
            is_open = item["review_state"] == "sample_received"
            if item["portal_type"] == "AnalysisRequest" and item.get(index) in names and is_open:
                return item
    return None


def _text(record: list[str], number: int, *, component: int = 1) -> str:
    """A field, counted as LIS2-A2 does: the kind of the record is field 1."""
    whole = record[number - 1] if number <= len(record) else ""
    parts = whole.split("^")
    return parts[component - 1] if component <= len(parts) else ""
