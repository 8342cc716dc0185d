"""What SENAITE does with a 2-D CSV and with a LIS2-A2 message, on what the stand-in holds.

Written from the rules of its importers, apart from what `service.lims` knows of them: whoever
changes one side only fails the comparison of the two.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

Items = dict[str, dict[str, Any]]

_SAMPLE_STATES = ("sample_received", "to_be_verified")
_ANALYSIS_STATES = ("unassigned", "assigned", "to_be_verified")
_SENDERS = ("Petroserve",)
_LETTERS = {"F": "|", "S": "^", "R": "\\", "E": "&"}


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
    """Import the final results of a message whose sender has an interpreter."""
    log = ImportLog()
    records = [line.split("|") for line in message.split("\r") if line]
    sender = _text(records[0], 5) if records and records[0][0] == "H" else ""
    if sender not in _SENDERS:
        log.errors.append(f"no interpreter for {sender!r}")
        return log
    name = ""
    for record in records:
        if record[0] == "O":
            name = _text(record, 3)
        elif record[0] == "R" and _text(record, 9) == "F":
            _import_result(items, name, record, log)
    return log


def _import_result(items: Items, name: str, record: list[str], log: ImportLog) -> None:
    keyword, text = _text(record, 3, component=4), _text(record, 4)
    number = _number(text.removeprefix("<"))
    sample = _sample(items, name)
    if number is None or sample is None or sample["review_state"] not in _SAMPLE_STATES:
        log.errors.append(f"{name} {keyword}: {text}")
        return
    fields = {
        "Result": text.removeprefix("<"),
        "DetectionLimitOperand": "<" if text.startswith("<") else "",
        "ResultCaptureDate": _text(record, 13),
        "CapturedBy": _text(record, 11),
    }
    _store(items, sample, keyword, fields, log)


def _text(record: list[str], number: int, *, component: int = 1) -> str:
    """A field, counted as LIS2-A2 does: the kind of the record is field 1."""
    whole = record[number - 1] if number <= len(record) else ""
    parts = whole.split("^")
    return re.sub(
        r"&(?:([EFSR])|X((?:[0-9A-F]{2})+))&",
        lambda found: (
            _LETTERS[found[1]] if found[1] else bytes.fromhex(found[2]).decode(errors="replace")
        ),
        parts[component - 1] if component <= len(parts) else "",
    )
