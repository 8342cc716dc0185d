"""HEAD on whatever answers GET (RFC 9110 section 9.1): the same headers, no body."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.http_api.event_streams import EVENT_STREAM

__all__ = ["HeadRequests"]


class HeadRequests:
    """ASGI layer that hands HEAD on as GET and keeps the body of the answer back.

    FastAPI has no HEAD beside its GET routes. Log and metrics lie inside and count a GET.

    Parameters
    ----------
    app : ASGI application
        What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        ended = False

        async def send_without_body(message: Message) -> None:
            nonlocal ended
            if ended:
                return
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)
            if message["type"] == "http.response.start" and _is_of_events(message):
                # They go on for as long as a job, and the next request of the connection would wait.
                ended = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        # A copy: the server looks at its own scope to know that no body may follow. Ranges are of
        # GET alone (RFC 9110 section 14.2).
        headers = [header for header in scope["headers"] if header[0] != b"range"]
        asked = {**scope, "method": "GET", "headers": headers}
        await self._app(asked, receive, send_without_body)


def _is_of_events(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith(EVENT_STREAM)
