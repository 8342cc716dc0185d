"""LIS2-A2 (formerly ASTM E1394) messages of results, with the frames of LIS01-A2 (ASTM E1381).

A message is records that end with a carriage return: header, patient (empty: the subject is a
rock), order with the sample, results each with a comment of its uncertainty, terminator. Frames
carry it over a line: number, text, end, check sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

from service.lims.fields_of_sample import Reportable
from service.lims.measurands import reported
from service.lims.plain_text import finished_utc, sample_id, started_utc
from service.lims.profile import STANDARD, LimsProfile
from service.lims.reported_number import Reported

__all__ = ["frames", "is_plain", "lis2_message"]

_STX, _ETX, _ETB = 0x02, 0x03, 0x17
# LIS01-A2 6.3.1.2 allows 64 000; 240 is what E1381 allowed and every driver reads.
_FRAME_TEXT = 240
_DELIMITERS = r"\^&"
_ESCAPES = {"&": "&E&", "|": "&F&", "^": "&S&", "\\": "&R&"}
_RESULT_STATUS = {"preliminary": "P", "final": "F", "corrected": "C", "rejected": "X"}


def lis2_message(
    result: Reportable,
    *,
    sent: datetime,
    profile: LimsProfile = STANDARD,
    sender: str = "Petroserve",
) -> str:
    """Write one result as a LIS2-A2 message.

    Parameters
    ----------
    result : Result or FieldsOfSample
        The analysis; its status becomes that of each result (F final, P preliminary, C corrected,
        X rejected).
    sent : datetime
        Time of the message, in the time zone of the laboratory: LIS2-A2 writes times without one,
        so all of the message are of this zone.
    profile : LimsProfile, optional
        How the laboratory names and rounds it.
    sender : str
        Name by which the LIMS chooses the interpreter.

    Returns
    -------
    str
        Records that end with ``\\r``; text outside ASCII as escaped UTF-8 bytes.

    Raises
    ------
    InvalidParameterError
        If the result names no sample.
    """
    records = _records(result, sent, profile, sender)
    return "".join(f"{'|'.join(fields).rstrip('|')}\r" for fields in records)


def _records(
    result: Reportable, sent: datetime, profile: LimsProfile, sender: str
) -> Iterator[list[str]]:
    status = _RESULT_STATUS[result.status]
    message_id = _escaped(f"{result.id}.{result.version}")
    until_processing = [""] * 6
    version = ["P", "LIS2-A2", _time(sent)]
    yield ["H", _DELIMITERS, message_id, "", _escaped(sender), *until_processing, *version]
    yield ["P", "1"]
    order = ["O", "1", _escaped(sample_id(result))]
    # A user field, not O-4 (the specimen as the instrument calls it): SENAITE's add-on looks for
    # samples by O-4 too, and a section named "A" would find another customer's sample "A".
    until_user_field, until_report_type = [""] * 15, [""] * 6
    section = _escaped(result.sample.section or "")
    yield [*order, *until_user_field, section, *until_report_type, status]
    for number, one in enumerate(reported(result, profile), start=1):
        yield _result_record(number, one, result, status, sent)
        if one.uncertainty_text:
            comment = f"U={one.uncertainty_text} {one.unit} ({one.coverage})"
            yield ["C", "1", "I", _escaped(comment), "G"]
    yield ["L", "1", "N"]


def _result_record(
    number: int, one: Reported, result: Reportable, status: str, sent: datetime
) -> list[str]:
    return [
        "R",
        str(number),
        f"^^^{_escaped(one.keyword)}",
        _escaped(one.text),
        _escaped(one.unit),
        "",
        "<" if one.below_limit else "",
        "",
        status,
        "",
        _escaped(result.sample.operator or ""),
        _time_in(sent.tzinfo, started_utc(result)),
        _time_in(sent.tzinfo, finished_utc(result)),
        _escaped(result.sample.instrument or ""),
    ]


def _time(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S")


def _time_in(zone: tzinfo | None, moment: datetime | None) -> str:
    return "" if moment is None else _time(moment.astimezone(zone))


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(letter) or _printable(letter) for letter in text)


def is_plain(text: str) -> bool:
    """Tell whether a message holds the text as it is, so that it needs nobody to unescape it."""
    return _escaped(text) == text


def _printable(letter: str) -> str:
    # LIS2-A2 5.4.2: 7, 9-13 and 32-126 may stand; control characters would end records.
    return letter if " " <= letter <= "~" else f"&X{letter.encode().hex().upper()}&"


def frames(message: str) -> tuple[bytes, ...]:
    """Cut a message into LIS01-A2 frames, each record in frames of its own.

    Parameters
    ----------
    message : str
        ASCII, as `lis2_message` writes it.

    Returns
    -------
    tuple of bytes
        ``STX number text ETB|ETX checksum CR LF``; numbers 1 to 7, 0, 1 ... ENQ and EOT around
        them are for whoever holds the line.
    """
    records = [f"{record}\r" for record in message.split("\r")[:-1]]
    pieces = [
        (record[start : start + _FRAME_TEXT], start + _FRAME_TEXT >= len(record))
        for record in records
        for start in range(0, len(record), _FRAME_TEXT)
    ]
    return tuple(
        _frame(number % 8, text, last=last) for number, (text, last) in enumerate(pieces, start=1)
    )


def _frame(number: int, text: str, *, last: bool) -> bytes:
    summed = f"{number}{text}".encode("ascii") + bytes([_ETX if last else _ETB])
    return bytes([_STX]) + summed + f"{sum(summed) % 256:02X}".encode() + b"\r\n"
