"""Electronic data deliverables: the long CSV (one number a line) and the wide (one result a line).

As RFC 4180 has them: lines end with ``\\r\\n``, cells with breaks are quoted. Free text that a
spreadsheet would run as a formula is led by an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from service.lims.fields_of_sample import Reportable
from service.lims.measurands import reported
from service.lims.plain_text import on_one_line, safe_cell, sample_id, started_utc
from service.lims.profile import STANDARD, LimsProfile
from service.lims.reported_number import Reported

__all__ = ["LONG_COLUMNS", "WIDE_COLUMNS", "long_csv", "wide_csv"]

# The first eleven, apart from RESULT, are those of the EDD practice (Hach WIMS).
LONG_COLUMNS = (
    "SAMPLEID",
    "SAMPLELOCATION",
    "SAMPLEDATE",
    "ANALYSISDATE",
    "ANALYST",
    "ANALYTE",
    "METHOD",
    "RESULT",
    "UNIT",
    "QUALIFIERS",
    "DETECTIONLIMIT",
    "REPORTINGLIMIT",
    "UNCERTAINTY",
    "COVERAGE",
    "STATUS",
    "VERSION",
    "RESULTID",
    "SECTION",
    "FIELD",
    "INSTRUMENT",
    "MODEL",
    "BARCODE",
)
WIDE_COLUMNS = ("SAMPLEID", "SECTION", "FIELD", "ANALYSISDATE", "STATUS", "VERSION", "RESULTID")


def long_csv(results: Iterable[Reportable], profile: LimsProfile = STANDARD) -> str:
    """Write one reported number a line.

    Parameters
    ----------
    results : iterable of Result or FieldsOfSample
        Any number, of any samples.
    profile : LimsProfile, optional
        How the laboratory names and rounds them.

    Returns
    -------
    str
        Columns `LONG_COLUMNS`. A result below its limit is ``<0.05`` with
        the qualifier ``<``; times are ISO 8601 in UTC; location and date of sampling are empty,
        for an analysis does not know them.

    Raises
    ------
    InvalidParameterError
        If a result names no sample.
    """
    rows = (
        _long_row(one, result, profile) for result in results for one in reported(result, profile)
    )
    return _csv(LONG_COLUMNS, rows)


def _long_row(one: Reported, result: Reportable, profile: LimsProfile) -> list[str]:
    sample = result.sample
    return [
        safe_cell(sample_id(result)),
        "",
        "",
        _moment(result),
        safe_cell(sample.operator),
        one.keyword,
        profile.method,
        one.text,
        one.unit,
        "<" if one.below_limit else "",
        _limit(one.detection_limit, one),
        _limit(one.reporting_limit, one),
        one.uncertainty_text,
        one.coverage if one.uncertainty_text else "",
        result.status,
        str(result.version),
        result.id,
        safe_cell(sample.section),
        safe_cell(sample.field),
        safe_cell(sample.instrument),
        "" if result.model is None else result.model.full_name,
        safe_cell(None if sample.barcode_raw is None else on_one_line(sample.barcode_raw)),
    ]


def _limit(value: float | None, one: Reported) -> str:
    if value is None:
        return ""
    return Reported(one.keyword, "", one.unit, value, one.decimals, below_limit=True).number


def wide_csv(results: Sequence[Reportable], profile: LimsProfile = STANDARD) -> str:
    """Write one result a line, a column for each keyword and one for its uncertainty.

    Parameters
    ----------
    results : sequence of Result or FieldsOfSample
        Any number, of any samples.
    profile : LimsProfile, optional
        How the laboratory names and rounds them.

    Returns
    -------
    str
        Columns `WIDE_COLUMNS`, then ``KEYWORD (unit)`` and, where any result has an uncertainty,
        ``KEYWORD_U (unit)``.

    Raises
    ------
    InvalidParameterError
        If a result names no sample.
    """
    tables = [{one.keyword: one for one in reported(result, profile)} for result in results]
    units = {one.keyword: one.unit for table in tables for one in table.values()}
    uncertain = {one.keyword for table in tables for one in table.values() if one.uncertainty_text}
    header = [*WIDE_COLUMNS]
    for keyword, unit in units.items():
        header.append(f"{keyword} ({unit})")
        header += [f"{keyword}_U ({unit})"] if keyword in uncertain else []
    rows = (
        [*_origin(result), *_wide_cells(table, units, uncertain)]
        for result, table in zip(results, tables, strict=True)
    )
    return _csv(header, rows)


def _origin(result: Reportable) -> list[str]:
    named = (sample_id(result), result.sample.section, result.sample.field)
    cells = [safe_cell(text) for text in named]
    return [*cells, _moment(result), result.status, str(result.version), result.id]


def _wide_cells(
    table: dict[str, Reported], keywords: Iterable[str], uncertain: set[str]
) -> Iterator[str]:
    for keyword in keywords:
        one = table.get(keyword)
        yield "" if one is None else one.text
        if keyword in uncertain:
            yield "" if one is None else one.uncertainty_text


def _moment(result: Reportable) -> str:
    moment = started_utc(result)
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
