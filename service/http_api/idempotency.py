"""The header ``Idempotency-Key``: a request that can be sent again.

References
----------
draft-ietf-httpapi-idempotency-key-header; RFC 9651 section 3.3.3 (strings).
"""

from __future__ import annotations

import re
from typing import Any

from fastapi import Request

from petrography.errors import MalformedRequestError

__all__ = ["IDEMPOTENCY_HEADER", "stated_key"]

MAX_KEY_CHARACTERS = 255
# A string of RFC 9651 in its quotes, or the bare key that most clients send.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"', re.ASCII)
_BARE = re.compile(r"[!#-\[\]-~]+", re.ASCII)

IDEMPOTENCY_HEADER: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {
        "type": "string",
        "maxLength": MAX_KEY_CHARACTERS + 2,
        "example": '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
    },
    "description": (
        "A name of the client's choice for this request. Sent again with the same image and "
        "request it gives the same analysis: its result, or 202 while it is being made. With "
        "another image or request it is refused with 409."
    ),
}


def stated_key(request: Request) -> str | None:
    """Find the key of a request; None where there is none.

    Raises
    ------
    MalformedRequestError
        If there are several, or it is none.
    """
    stated = request.headers.getlist("idempotency-key")
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
