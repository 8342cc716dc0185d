"""Clients that offer another protocol, as Java's does with HTTP/2, lose nothing of their request."""

from __future__ import annotations

import asyncio

import pytest

from tests.hostile.test_slow_heads import HEAD_S, connected, dripped, everything, port

__all__ = ["port"]

pytestmark = pytest.mark.anyio

OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIA\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LENGTH = b"Content-Length: 4\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("at_a_time", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        (POST + OFFER + LENGTH + b"abcd" + LAST, [b"abcd", b""]),
        (POST + OFFER + CHUNKED + b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n" + LAST, [b"abcd", b""]),
        (POST + OFFER + b"Expect: 100-continue\r\n" + LENGTH + b"abcd" + LAST, [b"abcd", b""]),
        (POST + OFFER + LENGTH + b"abcd" + POST + OFFER + LENGTH + b"efgh" + LAST, [b"abcd", b"efgh", b""]),
        (POST + OFFER.replace(b"h2c", b"TLS/1.0") + LENGTH + b"abcd" + LAST, [b"abcd", b""]),
        ((POST + OFFER + LENGTH + b"abcd") * 300 + LAST, [b"abcd"] * 300 + [b""]),
    ],
)  # fmt: skip
async def test_an_offer_is_passed_over(
    port: int, sent: bytes, answers: list[bytes], at_a_time: int
) -> None:
    async with connected(port) as (reader, writer):
        for start in range(0, len(sent), at_a_time if len(sent) < 1000 else len(sent)):
            writer.write(sent[start : start + at_a_time if len(sent) < 1000 else None])
            await asyncio.sleep(0)
        got = await everything(reader)
    got = got.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    assert [one.split(b"\r\n\r\n")[1] for one in got.split(b"HTTP/1.1 200 OK")[1:]] == answers


async def test_an_offer_buys_no_time(port: int) -> None:
    got, took_s = await dripped(port, POST + OFFER, b"X")
    assert got.startswith(b"HTTP/1.1 408 ")
    assert took_s < 10 * HEAD_S


@pytest.mark.parametrize(
    "begin",
    [
        b"POST / HTTP/1.1\r\n" + OFFER + LENGTH,
        POST + b"Host: y\r\n" + OFFER + LENGTH,
        POST + OFFER + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_a_head_that_is_not_acceptable_is_none_with_an_offer(port: int, begin: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(begin)
        assert (await everything(reader)).startswith(b"HTTP/1.1 400 ")
