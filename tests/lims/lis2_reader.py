"""The other side of a line: what LIS2-A2 and LIS01-A2 let a LIMS read in messages and frames."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAMED = {"E": "&", "F": "|", "S": "^", "R": "\\"}
_ESCAPED = re.compile(r"&([EFSR]|X(?:[0-9A-F]{2})+)&")
_FRAME = re.compile(rb"\x02(([0-7])([^\x02\x03\x17\n]*)[\x03\x17])([0-9A-F]{2})\r\n")


@dataclass(frozen=True)
class Record:
    """One record: H, P, O, R, C or L, and the components of every field after it, unescaped."""

    kind: str
    fields: tuple[tuple[str, ...], ...]

    def field(self, number: int, component: int = 1) -> str:
        """Component of a field, both counted from 1, the kind being field 1; empty if absent."""
        components = self.fields[number - 2] if number - 2 < len(self.fields) else ()
        return components[component - 1] if component <= len(components) else ""


def read_message(text: str) -> tuple[Record, ...]:
    """Read a message from H to L, whose records end with a carriage return."""
    *lines, end = text.split("\r")
    assert (lines[0][:5], lines[-1][:2], end) == ("H|\\^&", "L|", "")
    return tuple(_record(line) for line in lines)


def _record(line: str) -> Record:
    kind, *fields = line.split("|")
    if kind == "H":
        fields[0] = ""
    return Record(kind, tuple(tuple(map(_unescaped, field.split("^"))) for field in fields))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: _meant(found[1]), text)


def _meant(code: str) -> str:
    return _NAMED.get(code) or bytes.fromhex(code[1:]).decode(errors="replace")


def read_frames(received: tuple[bytes, ...]) -> str:
    """Join frames to a message: numbered from 1 on modulo 8, each with its check sum."""
    text = ""
    for number, frame in enumerate(received, start=1):
        found = _FRAME.fullmatch(frame)
        assert found is not None, frame
        assert (int(found[2]), int(found[4], 16)) == (number % 8, sum(found[1]) % 256)
        text += found[3].decode("ascii")
    return text
