"""The header ``Idempotency-Key``: a request that can be sent again.

References
----------
draft-ietf-httpapi-idempotency-key-header; RFC 9651 section 3.3.3 (strings).
"""

from __future__ import annotations

from typing import Any

from fastapi import Request

from petrography.errors import InvalidParameterError
from service.uploads import MAX_KEY_CHARACTERS, idempotency_key

__all__ = ["IDEMPOTENCY_HEADER", "require_no_key", "stated_key"]

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
    return idempotency_key(request.headers.getlist("idempotency-key"))


def require_no_key(request: Request) -> None:
    """Refuse a key where nothing comes of it: whoever sends one relies on it.

    Raises
    ------
    InvalidParameterError
        If there is one.
    """
    if "idempotency-key" in request.headers:
        msg = (
            f"Idempotency-Key is not known to POST {request.url.path}; wanted the request without "
            "it (POST /v1/analyses takes one, POST /v1/panoramas with an analysis and Prefer: "
            "respond-async)"
        )
        raise InvalidParameterError(msg)
