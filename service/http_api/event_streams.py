"""Streams of server-sent events, so many at the same time of each tenant."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from petrography.errors import OverloadedError

__all__ = ["EVENT_STREAM", "EventStreams"]

EVENT_STREAM = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_RETRY_S = 5


class EventStreams:
    """The streams of one process; each asks the database several times a second.

    Parameters
    ----------
    most : int
        Of one tenant.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    def response(self, tenant: str, events: AsyncIterator[str]) -> StreamingResponse:
        """Make the response that streams events; where there is no room it is refused.

        Parameters
        ----------
        tenant : str
            Whose stream it is.
        events : async iterator of str
            As they are sent.

        Raises
        ------
        OverloadedError
            If the tenant follows as many as it may; when the response is awaited.
        """
        return _Held(self, tenant, events)

    @contextmanager
    def place(self, tenant: str) -> Iterator[None]:
        """Hold a place for the length of the block; errors as for `response`."""
        if self._open[tenant] >= self._most:
            msg = (
                f"{self._most} streams of events of this tenant are open; wanted no more than "
                "these, or GET of the analysis itself now and then"
            )
            raise OverloadedError(msg, retry_after_s=_RETRY_S)
        self._open[tenant] += 1
        try:
            yield
        finally:
            self._open[tenant] -= 1
            if not self._open[tenant]:
                del self._open[tenant]


class _Held(StreamingResponse):
    """Holds its place exactly while it is sent, however its client goes."""

    def __init__(self, streams: EventStreams, tenant: str, events: AsyncIterator[str]) -> None:
        super().__init__(events, headers=_HEADERS, media_type=EVENT_STREAM)
        self._streams = streams
        self._tenant = tenant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._streams.place(self._tenant):
            await super().__call__(scope, receive, send)
