"""A body that is JSON and nothing else: received within limits of size and time, then read."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from petrography.errors import MalformedRequestError
from service.http_api.upload import body_chunks, read_json, require_unpacked
from service.settings import Settings

__all__ = ["is_json", "receive_body", "receive_json"]

RequestT = TypeVar("RequestT", bound=BaseModel)


def is_json(request: Request) -> bool:
    """Tell whether the body is said to be JSON."""
    return _media_type(request).partition(";")[0].strip().lower() == "application/json"


async def receive_json(request: Request, model: type[RequestT], settings: Settings) -> RequestT:
    """Receive a body of JSON and read it.

    Parameters
    ----------
    request : Request
        Its body was not read yet.
    model : type
        What is wanted.
    settings : Settings
        The limits of bytes and time.

    Raises
    ------
    starlette.exceptions.HTTPException
        415 if the body is not said to be JSON, or packed.
    BodyTooLargeError
        If it is too large.
    MalformedRequestError
        If it does not arrive in time or is no JSON.
    InvalidParameterError
        If a field is unknown or not possible.
    starlette.requests.ClientDisconnect
        If the client goes.
    """
    require_unpacked(request)
    if not is_json(request):
        given = _media_type(request)[:100] or "of no stated type"
        raise HTTPException(415, f"The body is {given}; wanted application/json")
    most = settings.max_request_bytes
    content = await receive_body(request, most, settings)
    return read_json(content, model, "the body")


async def receive_body(request: Request, most_bytes: int, settings: Settings) -> bytes:
    """Receive a whole body into memory.

    Parameters
    ----------
    request : Request
        Its body was not read yet.
    most_bytes : int
        Most bytes of it.
    settings : Settings
        The limits of time: of every pause, and of the whole, or a body that drips holds its
        connection for days.

    Raises
    ------
    BodyTooLargeError
        If it is too large.
    MalformedRequestError
        If it does not arrive in time.
    starlette.requests.ClientDisconnect
        If the client goes.
    """
    chunks = body_chunks(request, limit_bytes=most_bytes, pause_s=settings.upload_pause_s)
    try:
        async with asyncio.timeout(settings.upload_timeout_s):
            return b"".join([chunk async for chunk in chunks])
    except TimeoutError:
        msg = f"the body did not arrive within {settings.upload_timeout_s:g} s"
        raise MalformedRequestError(msg) from None


def _media_type(request: Request) -> str:
    stated: str = request.headers.get("content-type", "")
    return stated
