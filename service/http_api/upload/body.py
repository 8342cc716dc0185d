"""The bytes of a request's body as they arrive, within limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message

from petrography.errors import BodyTooLargeError, MalformedRequestError

__all__ = ["body_chunks", "require_unpacked"]


def require_unpacked(request: Request) -> None:
    """Check that the body comes as it is: images are packed in themselves.

    Raises
    ------
    starlette.exceptions.HTTPException
        415 if it is said to be packed.
    """
    packing = request.headers.get("content-encoding", "")
    if packing.strip().lower() not in {"", "identity"}:
        detail = f"Content-Encoding is {packing[:50]!r}; wanted none: send the body as it is."
        raise HTTPException(415, detail, {"Accept-Encoding": "identity"})


async def body_chunks(
    request: Request, *, limit_bytes: int, pause_s: float
) -> AsyncIterator[bytes]:
    """Receive the body of a request.

    Parameters
    ----------
    request : Request
        Nothing of its body was read yet.
    limit_bytes : int
        Most bytes, stated or received.
    pause_s : float
        Longest pause between two pieces.

    Raises
    ------
    BodyTooLargeError
        If the body is larger than `limit_bytes`.
    MalformedRequestError
        If the stated length is no number or the body pauses too long.
    starlette.requests.ClientDisconnect
        If the client goes.
    """
    _refuse_beyond(limit_bytes, _stated_length(request))
    received_bytes, more = 0, True
    while more:
        message = await _next_message(request, pause_s, received_bytes)
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        received_bytes += len(chunk)
        _refuse_beyond(limit_bytes, received_bytes)
        more = message.get("more_body", False)
        yield chunk


async def _next_message(request: Request, pause_s: float, received_bytes: int) -> Message:
    try:
        async with asyncio.timeout(pause_s):
            return await request.receive()
    except TimeoutError:
        msg = f"the body paused for {pause_s:g} s after {received_bytes} bytes"
        raise MalformedRequestError(msg) from None


def _stated_length(request: Request) -> int:
    stated = request.headers.get("content-length", "0")
    if not (stated.isascii() and stated.isdecimal()):
        msg = f"Content-Length is {stated[:50]!r}; wanted a number of bytes"
        raise MalformedRequestError(msg)
    # More digits than any file has bytes: not worth converting.
    return int(stated[:20])


def _refuse_beyond(limit_bytes: int, given_bytes: int) -> None:
    if given_bytes > limit_bytes:
        msg = f"the body has {given_bytes} bytes or more; at most {limit_bytes} are accepted"
        raise BodyTooLargeError(msg)
