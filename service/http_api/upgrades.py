"""Requests that offer to go on in another protocol are answered in the one that they came in.

A client may offer HTTP/2 (``Upgrade: h2c``), as that of Java does unless it is told otherwise, and a
server may pass over it (RFC 9110, 7.8). The parser of uvicorn ends such a request with its head, so
that its body would be lost and taken for the next request.
"""

from __future__ import annotations

from array import array
from typing import Protocol

import httptools

__all__ = ["HeadOfRequest", "StayingParser"]


class HeadOfRequest(Protocol):
    """What the protocol of a connection has read of a request."""

    parser: httptools.HttpRequestParser
    url: bytes
    headers: list[tuple[bytes, bytes]]

    def passes_over_upgrade(self) -> bool:
        """Tell whether the request offers a protocol that is not spoken here."""


class StayingParser(httptools.HttpRequestParser):
    """Parser that reads a request with such an offer again, without the offer.

    Parameters
    ----------
    protocol : HeadOfRequest
        Of the connection; its `parser` becomes another one, as this one has ended.
    """

    def __init__(self, protocol: HeadOfRequest) -> None:
        super().__init__(protocol)
        self._protocol = protocol
        # As uvicorn has it for its own.
        self.set_dangerous_leniencies(lenient_data_after_close=True)

    def feed_data(self, data: bytes | bytearray | memoryview | array[int]) -> None:
        """Take bytes; errors as for every parser of httptools."""
        parser, rest = self, data
        while True:
            try:
                return super(StayingParser, parser).feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                if not self._protocol.passes_over_upgrade():
                    raise
                rest = parser.head_without_offer() + bytes(rest[offer.args[0] :])
                parser = self._protocol.parser = StayingParser(self._protocol)

    def head_without_offer(self) -> bytes:
        """Write the head that was read last, but for the protocols that it offers."""
        line = b"%b %b HTTP/%b\r\n" % (
            self.get_method(),
            self._protocol.url,
            self.get_http_version().encode(),
        )
        kept = (b"%b: %b\r\n" % pair for pair in self._protocol.headers if pair[0] != b"upgrade")
        return b"".join((line, *kept, b"\r\n"))
