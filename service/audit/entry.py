"""One line of the audit log, and how it is chained to the line before it.

A line is a JSON object with sorted keys, without spaces, in ASCII, so that an entry has exactly
one form: a changed byte is a changed entry. ``sha256`` is taken over the form without ``sha256``
itself and covers ``previous``, the ``sha256`` of the line before; NIST FIPS 180-4.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from petrography.errors import InvalidParameterError, field_problems
from petrography.field_types import Sha256

__all__ = [
    "GENESIS",
    "MAX_LINE_BYTES",
    "Anchor",
    "AuditEntry",
    "Event",
    "Who",
    "parse_anchor",
    "parse_line",
    "sealed",
]

Event = Literal[
    "service.started",
    "service.stopped",
    "model.loaded",
    "model.removed",
    "analysis.made",
    "analysis.cancelled",
    "result.reviewed",
    "result.removed",
    "calibration.made",
    "registration.made",
    "panorama.made",
    "evaluation.made",
    "annotation.made",
    "annotation.changed",
    "key.created",
    "key.revoked",
]
# Longer than any entry of the service; whoever reads the last line reads no more than this.
MAX_LINE_BYTES = 64 * 1024

_ANCHOR = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True)
class Anchor:
    """Where the chain was at a moment: number and digest of an entry, kept somewhere else."""

    seq: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.sha256}"


GENESIS = Anchor(0, "0" * 64)
"""What the first entry follows."""


@dataclass(frozen=True)
class Who:
    """Who did something.

    Attributes
    ----------
    tenant : str or None
        For whom; None where the service asks for no keys, or for the service itself.
    key_id : str or None
        Public part of the key, or the subject of a token; never a secret.
    """

    tenant: str | None = None
    key_id: str | None = None


class AuditEntry(BaseModel):
    """What was done.

    Attributes
    ----------
    seq : int
        1 for the first entry of the chain, then without gaps.
    utc : str
        When the line was written, ISO 8601.
    event : str
        What was done.
    tenant, key_id : str or None
        By whom, see `Who`.
    subject : str
        To what: the id of an analysis, the name of a model, the id of a key.
    facts : dict
        Digests, names and reasons. No numbers with a fraction: they have more than one form.
    previous : str
        ``sha256`` of the entry before.
    sha256 : str
        Of this entry.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    seq: Annotated[int, Field(ge=1)]
    utc: str
    event: Event
    tenant: str | None
    key_id: str | None
    subject: str
    facts: dict[str, JsonValue]
    previous: Sha256
    sha256: Sha256

    @property
    def anchor(self) -> Anchor:
        """What to keep somewhere else, to find out later whether the log was cut or rewritten."""
        return Anchor(self.seq, self.sha256)

    def line(self) -> bytes:
        """Write the entry as its line, with the line end."""
        return _canonical(self.model_dump()) + b"\n"


def sealed(
    previous: Anchor,
    *,
    utc: str,
    event: Event,
    who: Who,
    subject: str,
    facts: Mapping[str, JsonValue],
) -> AuditEntry:
    """Chain a new entry to the one before.

    Parameters
    ----------
    previous : Anchor
        Of the last entry; `GENESIS` where there is none.
    utc, event, who, subject, facts
        See `AuditEntry`.

    Raises
    ------
    InvalidParameterError
        If the entry would be longer than `MAX_LINE_BYTES`.
    """
    fields: dict[str, Any] = {
        "seq": previous.seq + 1,
        "utc": utc,
        "event": event,
        "tenant": who.tenant,
        "key_id": who.key_id,
        "subject": subject,
        "facts": dict(facts),
        "previous": previous.sha256,
    }
    entry = AuditEntry(**fields, sha256=_digest(fields))
    if (length := len(entry.line())) > MAX_LINE_BYTES:
        msg = f"an audit entry has {length} bytes; wanted at most {MAX_LINE_BYTES}"
        raise InvalidParameterError(msg)
    return entry


def parse_line(line: bytes) -> AuditEntry:
    """Read a line; it must be exactly what `AuditEntry.line` writes.

    Raises
    ------
    InvalidParameterError
        If it is not, or its digest is not that of its content.
    """
    try:
        entry = AuditEntry.model_validate(json.loads(line))
    except ValidationError as error:
        msg = f"it is no entry: {field_problems(error)[:200]}"
        raise InvalidParameterError(msg) from None
    except (ValueError, RecursionError) as error:
        msg = f"it is no entry: {error}"
        raise InvalidParameterError(msg) from None
    if entry.line() != line:
        msg = "its bytes are not those that an entry is written with"
        raise InvalidParameterError(msg)
    digest = _digest(entry.model_dump(exclude={"sha256"}))
    if digest != entry.sha256:
        msg = f"its content has SHA-256 {digest}, it says {entry.sha256}"
        raise InvalidParameterError(msg)
    return entry


def parse_anchor(text: str) -> Anchor:
    """Read an anchor as ``petroserve audit head`` prints it.

    Raises
    ------
    InvalidParameterError
        If it is none.

    Examples
    --------
    >>> parse_anchor("12:" + "0f" * 32).seq
    12
    """
    found = _ANCHOR.fullmatch(text.strip())
    if found is None:
        msg = f"{text[:100]!r} is no anchor; wanted NUMBER:SHA256 as `petroserve audit head` prints"
        raise InvalidParameterError(msg)
    return Anchor(int(found[1]), found[2])


def _canonical(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(fields)).hexdigest()
