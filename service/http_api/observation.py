"""The outermost layer: every request is traced, counted and logged, and no exception leaves it."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import tracing
from service.engine import ANALYSES
from service.http_api.problems import problem_of_error
from service.logs import bound
from service.telemetry import UNMATCHED_ROUTE, Telemetry

__all__ = ["REQUEST_ID_HEADER", "Observation"]

REQUEST_ID_HEADER = "X-Request-Id"
_log = logging.getLogger("petroserve.http")
# nginx's code for "client closed request": seen in log and metrics only, nobody is there to read.
_CLIENT_GONE = 499
# Asked every few seconds by machines; not worth a line, nor a span.
_NOT_LOGGED = frozenset({"/livez", "/readyz", "/metrics"})
# What other systems number their requests with; anything else is not repeated.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


@dataclass
class _Answered:
    """What is known of the answer so far."""

    status: int = _CLIENT_GONE
    location: str = ""
    begun: bool = False


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
        answered = _Answered()
        with self._observed(scope, answered) as request_id:

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    answered.status = message["status"]
                    headers = MutableHeaders(scope=message)
                    headers.append(REQUEST_ID_HEADER, request_id)
                    answered.location = headers.get("location", "")
                answered.begun = True
                await send(message)

            await self._answer(scope, receive, sending, answered)

    @contextmanager
    def _observed(self, scope: Scope, answered: _Answered) -> Iterator[str]:
        """Trace, count and log a request; gives its id."""
        started = time.perf_counter()
        headers = Headers(scope=scope)
        with _traced(scope, headers) as span, self._telemetry.in_flight.track_inprogress():
            request_id = _stated_id(headers) or span.place.trace_id
            with bound(request_id=request_id):
                try:
                    yield request_id
                finally:
                    self._record(scope, answered, time.perf_counter() - started, span)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, answered: _Answered
    ) -> None:
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:
            self._telemetry.observe_error(error)
            response = problem_of_error(Request(scope), error)
            if answered.begun:
                # A begun answer cannot be taken back; the server closes the connection.
                raise
            await response(scope, receive, send)

    def _record(
        self, scope: Scope, answered: _Answered, seconds: float, span: tracing.Span
    ) -> None:
        route = getattr(scope.get("route"), "path_format", UNMATCHED_ROUTE)
        method, status = scope["method"], answered.status
        known = self._telemetry.observe_request(
            route=route, method=method, status=status, seconds=seconds
        )
        span.rename(f"{known} {route}")
        span.note("http.route", route)
        span.note("http.response.status_code", status)
        if status >= 500:
            span.fail(str(status))
        if route not in _NOT_LOGGED:
            fields = {"route": route, "method": known, "status": status}
            fields |= {"duration_s": round(seconds, 6), "analysis_id": _analysis(scope, answered)}
            self._log(scope, fields)

    @staticmethod
    def _log(scope: Scope, fields: dict[str, Any]) -> None:
        principal = scope.get("state", {}).get("principal")
        who = "-" if principal is None else f"{principal.tenant}/{principal.key_id}"
        if principal is not None:
            fields |= {"tenant": principal.tenant, "key_id": principal.key_id}
        said = (scope["method"][:20], scope["path"][:200], fields["status"], fields["duration_s"])
        _log.info("%s %r %d %.3f s %s", *said, who, extra=fields)


@contextmanager
def _traced(scope: Scope, headers: Headers) -> Iterator[tracing.Span]:
    """Go on with the trace of the client; probes and scrapes leave none."""
    # Two headers are none: W3C Trace Context, section 3.2.
    stated = headers.getlist("traceparent")
    traceparent = stated[0] if len(stated) == 1 else None
    if scope["path"] in _NOT_LOGGED:
        with tracing.unrecorded(traceparent) as span:
            yield span
    else:
        # Named after its route at its end, when that is known.
        with tracing.continued(traceparent, "HTTP") as span:
            span.note("http.request.method", scope["method"][:20])
            yield span


def _analysis(scope: Scope, answered: _Answered) -> str | None:
    """Find of which analysis a request is: the one that it names, or that it made."""
    if not scope["path"].startswith(ANALYSES.href_root):
        return None
    asked = str(scope.get("path_params", {}).get("result_id", ""))
    return asked[:100] or answered.location.rpartition("/")[2] or None


def _stated_id(headers: Headers) -> str | None:
    stated = headers.get(REQUEST_ID_HEADER, "")
    return stated if _REQUEST_ID.fullmatch(stated) else None
