"""batch.csv, one photograph a row, and what is told at the end."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from command_line.batch.one_image import ImageRow, Share
from petrography.report import Table, write_csv
from petrography.report.aligned_text import aligned
from petrography.report.fields import Field, interval, tabulated

__all__ = ["TABLE_NAME", "summary", "table_csv"]

TABLE_NAME = "batch.csv"

_FIELDS: tuple[Field[ImageRow], ...] = (
    Field("file", "text", lambda row: row.file),
    Field("folder", "text", lambda row: row.folder),
    Field("sample_id", "text", lambda row: row.sample_id),
    Field("sha256", "text", lambda row: row.sha256),
    Field("id", "text", lambda row: row.id),
    Field("status", "text", lambda row: row.status),
    Field("problem_type", "text", lambda row: row.problem_type),
    Field("problem_detail", "text", lambda row: row.problem_detail),
    Field("model", "text", lambda row: row.model),
    Field("seconds", "number", lambda row: row.seconds),
    Field("calibrate_first", "text", lambda row: _yes_or_no(row.calibrate_first)),
    Field("warnings", "integer", lambda row: row.warnings),
    Field("degradations", "integer", lambda row: row.degradations),
)


def table_csv(rows: Iterable[ImageRow]) -> bytes:
    """Write the table.

    Parameters
    ----------
    rows : iterable of ImageRow
        In the order of the table.

    Returns
    -------
    bytes
        CSV in UTF-8: a header and a line for each. Behind what all have come three columns for
        each phase that was found or looked for in any: share and interval, in per cent of the
        annotated field; empty where the phase was not looked for.
    """
    listed = list(rows)
    text = io.StringIO()
    write_csv(_table(listed), text)
    return text.getvalue().encode()


def summary(rows: Sequence[ImageRow], seconds: float) -> str:
    """Tell what became of the photographs, as aligned text.

    Parameters
    ----------
    rows : sequence of ImageRow
        One for each.
    seconds : float
        That the work took.
    """
    analysed = sum(row.status == "ok" and not row.was_there for row in rows)
    counts = {
        "photographs": len(rows),
        "analysed now": analysed,
        "finished before": sum(row.was_there for row in rows),
        "refused": sum(row.status == "refused" for row in rows),
        "failed": sum(row.status == "failed" for row in rows),
        "calibrate first": sum(bool(row.calibrate_first) for row in rows),
    }
    lines = [(name, str(count)) for name, count in counts.items()]
    lines.append(("analysed a minute", f"{60.0 * analysed / max(seconds, 1e-9):.1f}"))
    return "\n".join(aligned(lines, text_columns=1))


def _table(rows: Sequence[ImageRow]) -> Table:
    phases = sorted({(share.code, share.symbol) for row in rows for share in row.shares})
    shares = (field for code, symbol in phases for field in _of_phase(code, symbol))
    return tabulated("photographs", (*_FIELDS, *shares), rows)


def _of_phase(code: int, symbol: str) -> tuple[Field[ImageRow], ...]:
    def share(row: ImageRow) -> Share | None:
        return next((one for one in row.shares if one.code == code), None)

    def percent(row: ImageRow) -> float | None:
        return None if (found := share(row)) is None else found.percent

    def bounds(row: ImageRow) -> tuple[float, float] | None:
        return None if (found := share(row)) is None else found.ci95

    return (
        Field(f"{symbol}_percent", "number", percent),
        *interval(f"{symbol}_ci95", bounds, ""),
    )


def _yes_or_no(told: bool | None) -> str | None:
    return None if told is None else "yes" if told else "no"
