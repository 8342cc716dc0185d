"""A place in a list, as text that means nothing to a client."""

from __future__ import annotations

import base64
import binascii
import re

from petrography.errors import InvalidParameterError

__all__ = ["Place", "cursor_of", "place_of"]

# When the last record that was seen was begun, in microseconds since 1970, and its id: that orders
# all records for good, whatever is added or changes meanwhile.
Place = tuple[int, str]
_PLACE = re.compile(r"([0-9]{1,18}) ([0-9a-f-]{36})", re.ASCII)


def cursor_of(place: Place) -> str:
    """Write a place.

    Examples
    --------
    >>> place = (1_795_275_000_000_000, "0b0f9a5e-3c1e-4c63-9d0a-8a1f3f6f7a11")
    >>> place_of(cursor_of(place)) == place
    True
    """
    return base64.urlsafe_b64encode(f"{place[0]} {place[1]}".encode()).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """Read a place.

    Raises
    ------
    InvalidParameterError
        If it is no cursor of ours.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error, ValueError):
        text = ""
    found = _PLACE.fullmatch(text)
    if found is None:
        msg = (
            f"cursor {cursor[:50]!r} is none of this service; wanted a next_cursor of an earlier "
            "answer, or none to begin"
        )
        raise InvalidParameterError(msg)
    return int(found[1]), found[2]
