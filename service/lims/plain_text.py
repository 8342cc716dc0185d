"""Names from outside, made fit for files that spreadsheets and parsers read."""

from __future__ import annotations

from datetime import UTC, datetime

from petrography.errors import InvalidParameterError
from service.lims.fields_of_sample import Reportable

__all__ = [
    "bare_token",
    "finished_utc",
    "on_one_line",
    "safe_cell",
    "sample_id",
    "started_utc",
]

# A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection"), in full width
# as well.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(text: str | None) -> str:
    """Lead text that a spreadsheet would run as a formula by an apostrophe.

    Examples
    --------
    >>> safe_cell("=1+1")
    "'=1+1"
    >>> safe_cell("SEC-0001")
    'SEC-0001'
    """
    if text is None:
        return ""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def on_one_line(text: str) -> str:
    """Escape what would break a line, or cannot be written: file names may hold any byte.

    Examples
    --------
    >>> on_one_line("a\\nb")
    'a\\\\nb'
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def bare_token(text: str, *, what: str) -> str:
    """Check that a name can stand in a file that knows no quotes.

    Parameters
    ----------
    text : str
        The name.
    what : str
        What it names, for the message.

    Returns
    -------
    str
        The name, unchanged: a name that was mended would belong to another sample.

    Raises
    ------
    InvalidParameterError
        If it is empty, begins or ends with a blank, holds a separator, quote or control character,
        begins as a formula, or begins with ``end``, which the 2-D CSV of SENAITE skips.
    """
    doubts = {
        "is empty": not text,
        "begins or ends with a blank": text != text.strip(),
        "holds a comma, semicolon, quote or control character": any(
            letter in ",;\"'" or not letter.isprintable() for letter in text
        ),
        "begins like a formula": text.startswith(_FORMULA_STARTS),
        "begins with 'end', which marks the end of a table": text.startswith("end"),
    }
    for doubt, holds in doubts.items():
        if holds:
            msg = f"{what} {text[:80]!r} {doubt}; wanted a plain name such as SEC-0001"
            raise InvalidParameterError(msg)
    return text


def sample_id(result: Reportable) -> str:
    """Id of the sample of a result.

    Raises
    ------
    InvalidParameterError
        If the request named none: nothing is guessed.
    """
    if not result.sample.id:
        msg = f"result {result.id} names no sample; state sample.id in the request of the analysis"
        raise InvalidParameterError(msg)
    return result.sample.id


def started_utc(result: Reportable) -> datetime | None:
    """Time at which the analysis began as its provenance says it, None where it does not."""
    return _moment(result, "started_utc")


def finished_utc(result: Reportable) -> datetime | None:
    """Time at which the analysis was complete as its provenance says it, None where it does not."""
    return _moment(result, "finished_utc")


def _moment(result: Reportable, name: str) -> datetime | None:
    stated = result.provenance.get(name)
    if not isinstance(stated, str):
        return None
    try:
        moment = datetime.fromisoformat(stated)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
