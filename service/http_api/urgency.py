"""What the header ``Priority`` of a request says (RFC 9218)."""

from __future__ import annotations

import re
from typing import Any

from fastapi import Request

from service.access import Principal
from service.runtime import Priority

__all__ = ["PRIORITY_HEADER", "stated_priority", "tenant_of"]

_URGENCY = re.compile(r"(?:^|,)[ \t]*u=([0-7])[ \t]*(?=[,;]|$)")
_DEFAULT_URGENCY = 3

PRIORITY_HEADER: dict[str, Any] = {
    "name": "Priority",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "example": "u=6"},
    "description": (
        "RFC 9218. An urgency of `u=4` to `u=7` says that the client can wait: the analysis goes "
        "behind the interactive ones. Otherwise the size of the image decides."
    ),
}


def stated_priority(request: Request) -> Priority | None:
    """Find the priority that a client states; None where the size of the image decides.

    A client can let others go first, not push itself before them. What cannot be read says
    nothing, as RFC 9218 section 4 wants it.
    """
    urgencies = _URGENCY.findall(",".join(request.headers.getlist("priority")))
    return "bulk" if urgencies and int(urgencies[-1]) > _DEFAULT_URGENCY else None


def tenant_of(request: Request) -> str:
    """Tell with whose requests this one shares: the tenant of the key, or the same address."""
    principal = getattr(request.state, "principal", None)
    if isinstance(principal, Principal):
        return principal.tenant
    return request.client.host if request.client else ""
