"""Connections of HTTP whose clients do not come to the point are closed.

uvicorn bounds the silence between two requests, but neither the time nor, with its faster parser,
the bytes that a request head may take, nor the time of the rest of a body that was answered already:
a client that sends a byte now and then holds its connection for ever. What lies between the bytes of
a body in chunks, and the trailer after it, has no bound there either, and fills the memory.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.http_api.upgrades import StayingParser
from service.settings import Settings

__all__ = ["DeadlineProtocol", "bound_heads"]

# As uvicorn has it for its other parser.
_MOST_HEAD_BYTES = 64 * 1024
_TOO_LARGE = "The head of the request is too large."
_TOO_LONG = "The framing or the trailer of the body is too long."
_TOO_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 41\r\nConnection: close\r\n\r\nThe head of the request came too slowly.\n"
)


def bound_heads(settings: Settings) -> None:
    """Let the servers that are made in this process from now on bound the heads of requests.

    BentoML makes the configuration of uvicorn itself; the table of protocols is what it leaves.
    """
    DeadlineProtocol.head_within_s = settings.head_timeout_s
    DeadlineProtocol.rest_within_s = settings.upload_timeout_s
    place = f"{DeadlineProtocol.__module__}:{DeadlineProtocol.__qualname__}"
    uvicorn.config.HTTP_PROTOCOLS["auto"] = place


class UnacceptableHeadError(Exception):
    """The head of a request is too large, or names no host; the parser makes it a 400."""


class DeadlineProtocol(HttpToolsProtocol):
    """HTTP/1.1 by httptools, with bounds for heads and deadlines.

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
    # A head is expected or has begun; a body has begun.
    _in_head = True
    _in_body = False
    _head_bytes = 0
    # Since the last byte of the body: heads of chunks, or a trailer.
    _framing_bytes = 0

    # The ignore: uvicorn narrows the transport in the same way.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a head."""
        super().connection_made(transport)
        self.parser = StayingParser(self)
        self._expect("head")

    def data_received(self, data: bytes) -> None:
        """Take bytes; they buy no time."""
        self._head_bytes += len(data)
        self._framing_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > _MOST_HEAD_BYTES:
            self.send_400_response(_TOO_LARGE)
        elif self._in_body and self._framing_bytes > _MOST_HEAD_BYTES:
            self._refuse_framing()
        self._look()

    def on_message_begin(self) -> None:
        """Begin a head; what came before in the same bytes does not count."""
        self._in_head, self._head_bytes = True, 1
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; one of a trailer is passed over, as RFC 9110, 6.5.1, allows."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End the head.

        Raises
        ------
        UnacceptableHeadError
            If it is too large, or says not where it is for, as HTTP/1.1 wants (RFC 9112, 3.2).
        """
        if self.passes_over_upgrade():
            return
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        hosts = sum(name == b"host" for name, _ in self.headers)
        if size > _MOST_HEAD_BYTES or hosts > 1 or (not hosts and self._is_of_today()):
            raise UnacceptableHeadError
        # What becomes another protocol has no body.
        self._in_head, self._in_body = False, not self.parser.should_upgrade()
        self._framing_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take bytes of the body."""
        self._framing_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the body."""
        if self.passes_over_upgrade():
            return
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with what came meanwhile."""
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        self._expect(None)
        super().connection_lost(exc)

    def passes_over_upgrade(self) -> bool:
        """Tell whether the request offers another protocol than the one that is gone on with."""
        offers = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        return bool(offers) and not self._should_upgrade()

    def _is_of_today(self) -> bool:
        return bool(self.parser.get_http_version() == "1.1")

    def _refuse_framing(self) -> None:
        # Where an answer has begun, another one would be taken for a part of it.
        if self.cycle.response_started or self.pipeline:
            self.transport.close()
        else:
            self.send_400_response(_TOO_LONG)

    def _look(self) -> None:
        """Start a deadline where something is waited for, and leave one that runs."""
        if self.transport.is_closing():
            self._expect(None)
        elif self._in_head:
            # While requests wait for the one before, nothing is read of the next.
            self._expect(None if self.pipeline else "head")
        elif self._in_body and self.cycle.response_complete:
            self._expect("rest")
        else:
            # The silence between requests is bounded by uvicorn.
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
        if self._waits_for == "head" and self._head_bytes:
            self.transport.write(_TOO_LATE)
        self.transport.close()
