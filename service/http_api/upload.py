"""A multipart body as an image file and an `AnalysisRequest`, within limits.

The body is refused as soon as it is too large: by Content-Length before a byte is read, and by
count while it streams. What is accepted is spooled to disk, not held in memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from fastapi import Request
from pydantic import ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from petrography.errors import (
    BodyTooLargeError,
    InvalidParameterError,
    MalformedRequestError,
    MissingPartError,
)
from petrography.pipeline import AnalysisRequest
from service.settings import Settings

__all__ = ["IMAGE_PART", "REQUEST_PART", "Upload", "receive_upload"]

IMAGE_PART, REQUEST_PART = "image", "request"
# Two are wanted; a few more are read so that the message can name what is wrong with them.
_MAX_PARTS = 8
# Boundaries and part headers of the parts above.
_FRAMING_BYTES = 64 * 1024
# The closing boundary has at most 76 bytes; little or nothing comes after it.
_TAIL_BYTES = 1024
# How Starlette begins to say that a text part is over its limit.
_PART_TOO_LARGE = "Part exceeded maximum size"


@dataclass(frozen=True)
class Upload:
    """The parts of one request for an analysis."""

    image: BinaryIO
    request: AnalysisRequest


@asynccontextmanager
async def receive_upload(request: Request, settings: Settings) -> AsyncIterator[Upload]:
    """Read the body of a request; its files live as long as the block.

    Raises
    ------
    starlette.exceptions.HTTPException
        415 if the body is not multipart.
    BodyTooLargeError
        If body or request part are over their limits.
    MalformedRequestError
        If the multipart framing or the JSON cannot be read, or the body does not arrive in time.
    MissingPartError
        If there is no image part.
    InvalidParameterError
        If a part is there twice or unknown, or a field of the request is not possible.
    """
    _require_multipart(request)
    form = await _read_form(request, settings)
    try:
        _require_known_parts(form)
        image = form.get(IMAGE_PART)
        if not isinstance(image, UploadFile):
            msg = _missing_image_message(given=image is not None)
            raise MissingPartError(msg)
        text = await _request_text(form.get(REQUEST_PART), settings.max_request_bytes)
        yield Upload(image.file, _parse_request(text))
    finally:
        await form.close()


def _require_multipart(request: Request) -> None:
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        detail = (
            f"The body is {content_type[:100] or 'of no stated type'}; wanted multipart/form-data "
            f"with a file part '{IMAGE_PART}' and, if need be, a JSON part '{REQUEST_PART}'."
        )
        raise HTTPException(415, detail)


async def _read_form(request: Request, settings: Settings) -> FormData:
    limit = settings.max_image_bytes + settings.max_request_bytes + _FRAMING_BYTES
    limited = Request(request.scope, _limited(request, limit, settings.upload_pause_s))
    try:
        async with asyncio.timeout(settings.upload_timeout_s):
            return await limited.form(
                max_files=_MAX_PARTS,
                max_fields=_MAX_PARTS,
                max_part_size=settings.max_request_bytes,
            )
    except TimeoutError:
        msg = f"the body did not arrive within {settings.upload_timeout_s:g} s"
        raise MalformedRequestError(msg) from None
    except HTTPException as error:
        if str(error.detail).startswith(_PART_TOO_LARGE):
            msg = (
                f"a part without filename is larger than {settings.max_request_bytes} bytes, the "
                f"most for {REQUEST_PART!r}; an image needs a filename (curl -F image=@field.png)"
            )
            raise BodyTooLargeError(msg) from None
        msg = f"the multipart body cannot be read: {error.detail}"
        raise MalformedRequestError(msg) from None


def _limited(request: Request, limit_bytes: int, pause_s: float) -> Receive:
    _refuse_beyond(limit_bytes, _stated_length(request))
    closing = b"\r\n--" + _boundary(request) + b"--"
    received_bytes, tail = 0, b"\r\n"

    async def receive() -> Message:
        nonlocal received_bytes, tail
        message = await _next_message(request, pause_s, received_bytes)
        chunk = message.get("body", b"")
        received_bytes += len(chunk)
        _refuse_beyond(limit_bytes, received_bytes)
        tail = (tail + chunk)[-_TAIL_BYTES:]
        if message["type"] == "http.request" and not message.get("more_body", False):
            # The parser takes a body that breaks off for one whose last part was never begun.
            _require_closed(tail, closing, received_bytes)
        return message

    return receive


async def _next_message(request: Request, pause_s: float, received_bytes: int) -> Message:
    try:
        async with asyncio.timeout(pause_s):
            return await request.receive()
    except TimeoutError:
        msg = f"the body paused for {pause_s:g} s after {received_bytes} bytes"
        raise MalformedRequestError(msg) from None


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers["content-type"])
    boundary = options.get(b"boundary", b"")
    # RFC 2046 section 5.1.1.
    if not 1 <= len(boundary) <= 70:
        msg = f"Content-Type states a boundary of {len(boundary)} bytes; wanted 1 to 70"
        raise MalformedRequestError(msg)
    return boundary


def _require_closed(tail: bytes, closing: bytes, received_bytes: int) -> None:
    if closing not in tail:
        msg = (
            f"the multipart body breaks off after {received_bytes} bytes: its closing boundary "
            "is missing"
        )
        raise MalformedRequestError(msg)


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


def _require_known_parts(form: FormData) -> None:
    names = [name for name, _ in form.multi_items()]
    for name in names:
        if name not in {IMAGE_PART, REQUEST_PART}:
            msg = f"part {name[:100]!r} is unknown; wanted {IMAGE_PART!r} and {REQUEST_PART!r}"
            raise InvalidParameterError(msg)
        if names.count(name) > 1:
            msg = f"part {name!r} is there {names.count(name)} times; wanted once"
            raise InvalidParameterError(msg)


def _missing_image_message(*, given: bool) -> str:
    if given:
        return f"part {IMAGE_PART!r} is a text field; wanted a file, with a filename"
    return f"part {IMAGE_PART!r} is missing; wanted one image file (curl -F image=@field.png)"


async def _request_text(part: str | UploadFile | None, limit_bytes: int) -> bytes:
    if part is None:
        return b"{}"
    if isinstance(part, str):
        return part.encode()
    if (part.size or 0) > limit_bytes:
        msg = f"part {REQUEST_PART!r} has {part.size} bytes; at most {limit_bytes} are accepted"
        raise BodyTooLargeError(msg)
    return await part.read()


def _parse_request(text: bytes) -> AnalysisRequest:
    try:
        asked = AnalysisRequest.model_validate_json(text, strict=True)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
    else:
        # Read again only now: what was valid is neither deeply nested nor anything but UTF-8.
        json.loads(text, object_pairs_hook=_require_distinct_names)
        return asked
    described = "; ".join(
        f"{'.'.join(str(step)[:50] for step in problem['loc']) or REQUEST_PART}: {problem['msg']}"
        for problem in problems[:10]
    )
    if problems[0]["type"] == "json_invalid":
        msg = f"part {REQUEST_PART!r} is no JSON: {described}"
        raise MalformedRequestError(msg)
    msg = f"part {REQUEST_PART!r} is not possible: {described}"
    raise InvalidParameterError(msg)


def _require_distinct_names(members: list[tuple[str, Any]]) -> None:
    """Refuse an object in which two values compete (RFC 8259 section 4 leaves open which wins)."""
    names = [name for name, _ in members]
    for name in names:
        if names.count(name) > 1:
            msg = (
                f"part {REQUEST_PART!r} states {name[:50]!r} {names.count(name)} times; wanted once"
            )
            raise MalformedRequestError(msg)
