"""Idempotency keys: names that clients give to requests that they may send again.

References
----------
draft-ietf-httpapi-idempotency-key-header; RFC 9651 section 3.3.3 (strings).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from petrography.errors import MalformedRequestError

__all__ = ["MAX_KEY_CHARACTERS", "idempotency_key"]

MAX_KEY_CHARACTERS = 255
# A string of RFC 9651 in its quotes, or the bare key that most clients send.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"', re.ASCII)
_BARE = re.compile(r"[!#-\[\]-~]+", re.ASCII)


def idempotency_key(stated: Sequence[str]) -> str | None:
    """Read what a request states; None where it states nothing.

    Parameters
    ----------
    stated : sequence of str
        Every ``Idempotency-Key`` of the request.

    Raises
    ------
    MalformedRequestError
        If there are several, or it is none.
    """
    if not stated:
        return None
    key = _key(stated[0].strip()) if len(stated) == 1 else None
    if key is None or not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        msg = (
            f"Idempotency-Key is {', '.join(stated)[:100]!r}; wanted one of 1 to "
            f"{MAX_KEY_CHARACTERS} characters of ASCII, in quotes or without spaces and quotes"
        )
        raise MalformedRequestError(msg)
    return key


def _key(text: str) -> str | None:
    quoted = _QUOTED.fullmatch(text)
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1])
    return text if _BARE.fullmatch(text) else None
