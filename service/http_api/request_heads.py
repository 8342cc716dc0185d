"""Connections of HTTP whose clients do not come to the point are closed.

uvicorn bounds the bytes of a request head and the silence between two requests, but not the time
that a head may take, nor the rest of a body that was answered already: a client that sends a byte
now and then holds its connection for ever.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
import uvicorn.config
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.settings import Settings

__all__ = ["DeadlineProtocol", "bound_heads"]

_TOO_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 41\r\nConnection: close\r\n\r\nThe head of the request came too slowly.\n"
)


def bound_heads(settings: Settings) -> None:
    """Let the servers that are made in this process from now on bound the time of heads.

    BentoML makes the configuration of uvicorn itself; the table of protocols is what it leaves.
    """
    DeadlineProtocol.head_within_s = settings.head_timeout_s
    DeadlineProtocol.rest_within_s = settings.upload_timeout_s
    place = f"{DeadlineProtocol.__module__}:{DeadlineProtocol.__qualname__}"
    uvicorn.config.HTTP_PROTOCOLS["auto"] = place


class DeadlineProtocol(H11Protocol):
    """HTTP/1.1 by h11, with deadlines.

    Attributes
    ----------
    head_within_s : float
        Seconds from a connection, or from the first byte of a further request, to the end of the
        head.
    rest_within_s : float
        Seconds from an answer to the end of the body that it did not wait for.
    """

    head_within_s: ClassVar[float] = 30.0
    rest_within_s: ClassVar[float] = 600.0
    _deadline: asyncio.TimerHandle | None = None
    _waits_for: str | None = None
    _answered = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a head; uvicorn narrows the transport in the same way."""
        super().connection_made(transport)
        self._expect("head")

    def data_received(self, data: bytes) -> None:
        """Take bytes; they buy no time."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Go on with what came meanwhile."""
        self._answered = True
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._expect(None)
        super().connection_lost(exc)

    def _look(self) -> None:
        """Start a deadline where something is waited for, and leave one that runs."""
        theirs, ours = self.conn.their_state, self.conn.our_state
        if self.transport.is_closing():
            self._expect(None)
        elif theirs is h11.IDLE:
            # Without a byte of the next head the silence between requests is bounded by uvicorn.
            begun = not self._answered or bool(self.conn.trailing_data[0])
            self._expect("head" if begun else None)
        elif theirs is h11.SEND_BODY and ours is h11.DONE:
            self._expect("rest")
        else:
            self._expect(None)

    def _expect(self, what: str | None) -> None:
        if what == self._waits_for:
            return
        if self._deadline is not None:
            self._deadline.cancel()
        self._waits_for, self._deadline = what, None
        if what is not None:
            within_s = self.head_within_s if what == "head" else self.rest_within_s
            self._deadline = self.loop.call_later(within_s, self._give_up)

    def _give_up(self) -> None:
        if self.transport.is_closing():
            return
        # Who sent nothing asked nothing; after an answer there is nothing to say.
        if self._waits_for == "head" and self.conn.trailing_data[0]:
            self.transport.write(_TOO_LATE)
        self.transport.close()
