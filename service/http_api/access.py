"""API keys over HTTP: asked for before a byte of the body is read."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access import Guard, Principal, presented_key
from service.access import Scope as AccessScope
from service.audit import Who, asked_by
from service.logs import bound

__all__ = ["SECURITY_SCHEMES", "Access", "owner_of"]

# For probes, scrapers and people who want to know how to ask; none tells of anybody's results.
_OPEN_PATHS = frozenset(
    {
        "/",
        "/livez",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/v2/health/live",
        "/v2/health/ready",
    }
)
# What the pages of `/` and `/docs` are made of: the same files for everybody.
_OPEN_FOLDERS = ("/docs/", "/web/")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_KEY_HEADERS = "Authorization, X-API-Key"
# Triton's way to ask for the models.
_READING_BY_POST = frozenset({"/v2/repository/index"})

SECURITY_SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a token."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


class Access:
    """ASGI layer that lets in who has a key.

    Parameters
    ----------
    app : ASGI application
        What answers; it finds the `Principal` as ``request.state.principal``.
    guard : Guard
        Knows the keys.
    """

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask for the key, then let the application answer.

        Raises
        ------
        UnauthenticatedError, ForbiddenError, RateLimitError, MalformedRequestError
            Answered by the layer around this one.
        """
        if scope["type"] == "http" and not _is_open(scope["path"]):
            headers = Headers(scope=scope)
            principal = await self._guard.admit(
                presented_key(headers.getlist("authorization"), headers.getlist("x-api-key"))
            )
            principal.require(_needed(scope["method"], scope["path"]))
            scope.setdefault("state", {})["principal"] = principal
            with (
                asked_by(Who(principal.tenant, principal.key_id)),
                bound(tenant=principal.tenant, key_id=principal.key_id),
            ):
                await self._app(scope, receive, _for_one_key(send))
            return
        await self._app(scope, receive, send)


def owner_of(request: Request) -> str:
    """Tell whose results a request makes and finds: the tenant of its key, empty without keys."""
    principal = getattr(request.state, "principal", None)
    return principal.tenant if isinstance(principal, Principal) else ""


def _for_one_key(send: Send) -> Send:
    """Say that an answer is for who showed this key.

    A browser keeps files that never change, and would hand them to the next person at the same
    computer without asking: with another key, or with none.
    """

    async def send_naming_the_key(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).add_vary_header(_KEY_HEADERS)
        await send(message)

    return send_naming_the_key


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDERS)


def _needed(method: str, path: str) -> AccessScope:
    return "read" if method in _READING or path in _READING_BY_POST else "analyse"
