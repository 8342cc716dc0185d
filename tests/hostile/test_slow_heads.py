"""Clients that never come to the point, on the server and the parser that the service runs on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from service.http_api.request_heads import DeadlineProtocol, bound_heads
from service.settings import Settings

pytestmark = pytest.mark.anyio

WITHIN_S, HEAD_S = 20.0, 0.3
# Far more than the buffers between two sockets of one machine hold.
MOST_TAKEN_BYTES = 24 * 1024**2
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
LAST = GET + b"Connection: close\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body; without reading it, or with the names of the headers, as the path says."""
    body, more = b"", scope["path"] != "/unread"
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    if scope["path"] == "/headers":
        body = b" ".join(name for name, _ in scope["headers"])
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port(
    monkeypatch: pytest.MonkeyPatch, clean_environment: pytest.MonkeyPatch
) -> AsyncIterator[int]:
    """A server as the service has it."""
    for name in ("head_within_s", "rest_within_s"):
        monkeypatch.setattr(DeadlineProtocol, name, 1.0)
    monkeypatch.setattr(uvicorn.config, "HTTP_PROTOCOLS", dict(uvicorn.config.HTTP_PROTOCOLS))
    bound_heads(Settings(head_timeout_s=HEAD_S, upload_timeout_s=HEAD_S))
    config = uvicorn.Config(echo, port=0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(WITHIN_S):
        while not server.started:
            await asyncio.sleep(0.005)
        yield server.servers[0].sockets[0].getsockname()[1]
        server.should_exit = True
        await serving


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def everything(reader: asyncio.StreamReader) -> bytes:
    """What comes until the end; a reset, because something was still on its way, is one too."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            got += chunk
    return got


async def dripped(port: int, begin: bytes, drip: bytes = b"") -> tuple[bytes, float]:
    """Send a begin, then a byte now and then; what came back until the end, and when that was."""
    async with connected(port) as (reader, writer):
        writer.write(begin)
        began = time.monotonic()
        reading = asyncio.create_task(everything(reader))
        while not reading.done():
            writer.write(drip)
            await asyncio.wait({reading}, timeout=0.03)
        return reading.result(), time.monotonic() - began


@pytest.mark.parametrize(
    ("begin", "drip", "answer"),
    [
        (b"", b"", b""),
        (b"GET / HT", b"", b"HTTP/1.1 408 "),
        (GET, b"X", b"HTTP/1.1 408 "),
        (GET + b"\r\n" + GET, b"X", b"HTTP/1.1 200 "),
    ],
)
async def test_a_head_that_takes_too_long_is_given_up(
    port: int, begin: bytes, drip: bytes, answer: bytes
) -> None:
    got, took_s = await dripped(port, begin, drip)
    assert got.startswith(answer)
    assert got.count(b"HTTP/1.1") == len(begin.split(b"\r\n\r\n")) - (begin == b"")
    assert HEAD_S * 0.9 <= took_s < 10 * HEAD_S


async def test_the_rest_of_a_body_that_was_answered_is_given_up(port: int) -> None:
    begin = GET.replace(b"GET /", b"POST /unread") + b"Content-Length: 100000\r\n\r\n"
    got, took_s = await dripped(port, begin, b"X")
    assert got == b"" or got.startswith(b"HTTP/1.1 200 ")
    assert took_s < 10 * HEAD_S


async def test_who_sends_a_body_slowly_is_left_to_the_application(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(LAST.replace(b"GET", b"POST")[:-2] + b"Content-Length: 4\r\n\r\n")
        for byte in b"slow":
            await asyncio.sleep(HEAD_S / 2)
            writer.write(bytes([byte]))
        assert (await reader.read()).endswith(b"slow")


async def test_a_kept_connection_waits_between_requests(port: int) -> None:
    async with connected(port) as (reader, writer):
        for _ in range(2):
            writer.write(GET + b"\r\n")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(1.5 * HEAD_S)
        writer.write(LAST)
        assert b"200 OK" in await reader.read()


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (GET + b"\r\n" + GET + b"\r\n" + LAST, [b"200", b"200", b"200"]),
        (
            LAST.replace(b"GET", b"POST")[:-2]
            + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
            [b"200"],
        ),
        (
            LAST.replace(b"GET", b"POST")[:-2]
            + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\nabcd",
            [b"200"],
        ),
        (b"nonsense\r\n\r\n", [b"400"]),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", [b"400"]),
        (GET + b"X: " + b"y" * 200_000, [b"400"]),
    ],
)
async def test_what_comes_at_once_is_answered_as_ever(
    port: int, sent: bytes, statuses: list[bytes]
) -> None:
    async with connected(port) as (reader, writer):
        writer.write(sent)
        got = await everything(reader)
    lines = [line for line in got.split(b"\r\n") if line.startswith(b"HTTP/1.1")]
    assert [line.split()[1] for line in lines if b" 100 " not in line] == statuses
    if b"abc" in sent:
        assert got.endswith(b"abcd")


@pytest.mark.parametrize("path", [b"/", b"/unread"])
@pytest.mark.parametrize(
    ("begin", "endless"),
    [
        (b"1\r\na\r\n0\r\n", b"X-More: y\r\n"),
        (b"1\r\na\r\n0\r\nX-More: ", b"y"),
        (b"1;", b"y"),
    ],
)
async def test_what_lies_between_the_bytes_of_a_body_is_bounded(
    port: int, monkeypatch: pytest.MonkeyPatch, path: bytes, begin: bytes, endless: bytes
) -> None:
    monkeypatch.setattr(DeadlineProtocol, "rest_within_s", 10 * WITHIN_S)
    async with connected(port) as (reader, writer):
        writer.write(
            b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        reading = asyncio.create_task(everything(reader))
        with pytest.raises(ConnectionError):
            await sent_in_pieces(writer, begin, endless * (MOST_TAKEN_BYTES // len(endless)))
        got = await reading
    assert got == b"" or got.split()[1] == (b"400" if path == b"/" else b"200")


async def sent_in_pieces(writer: asyncio.StreamWriter, *texts: bytes) -> None:
    for text in texts:
        for start in range(0, len(text), 65536):
            writer.write(text[start : start + 65536])
            await writer.drain()
            # Lets a connection that was closed be seen.
            await asyncio.sleep(0)


async def test_headers_after_the_body_are_none_of_the_request(port: int) -> None:
    head = LAST.replace(b"GET /", b"POST /headers")[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
    async with connected(port) as (reader, writer):
        writer.write(head + b"3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
        got = await reader.read()
    assert got.endswith(b"\r\n\r\nhost connection transfer-encoding")
