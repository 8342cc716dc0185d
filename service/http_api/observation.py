"""The outermost layer: every request is counted and logged, and no exception leaves it."""

from __future__ import annotations

import logging
import time

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http_api.problems import problem_of_error
from service.telemetry import UNMATCHED_ROUTE, Telemetry

__all__ = ["Observation"]

_log = logging.getLogger("petroserve.http")
# nginx's code for "client closed request": seen in log and metrics only, nobody is there to read.
_CLIENT_GONE = 499
# Asked every few seconds by machines; not worth a line.
_NOT_LOGGED = frozenset({"/livez", "/readyz", "/metrics"})


class Observation:
    """ASGI layer around the application.

    Parameters
    ----------
    app : ASGI application
        What answers.
    telemetry : Telemetry
        Told every request.
    """

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = _CLIENT_GONE

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._telemetry.in_flight.track_inprogress():
            try:
                await self._answer(scope, receive, sending)
            finally:
                self._record(scope, status, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer_begun = False

        async def sending(message: Message) -> None:
            nonlocal answer_begun
            answer_begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            return
        except Exception as error:
            self._telemetry.observe_error(error)
            response = problem_of_error(Request(scope), error)
            if answer_begun:
                # A begun answer cannot be taken back; the server closes the connection.
                raise
            await response(scope, receive, sending)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNMATCHED_ROUTE)
        method = scope["method"]
        self._telemetry.observe_request(route=route, method=method, status=status, seconds=seconds)
        if route not in _NOT_LOGGED:
            principal = scope.get("state", {}).get("principal")
            who = "-" if principal is None else f"{principal.tenant}/{principal.key_id}"
            path = scope["path"][:200]
            _log.info("%s %r %d %.3f s %s", method[:20], path, status, seconds, who)
