"""The body of an inference request: received within limits, unpacked, cut into JSON and tensors.

References
----------
Triton Inference Server, binary tensor data extension: JSON first, whose length stands in the header
``Inference-Header-Content-Length``, then the contents of the binary tensors in their order.
"""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass

from fastapi import Request
from starlette.exceptions import HTTPException

from petrography.errors import BodyTooLargeError, MalformedRequestError
from service.http_api.json_body import receive_body
from service.settings import Settings

__all__ = ["JSON_LENGTH", "TensorBody", "receive_tensors"]

JSON_LENGTH = "Inference-Header-Content-Length"
# Told apart by their own first bytes, whatever the header calls them.
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_PACKINGS = ("gzip", "deflate")


@dataclass(frozen=True, eq=False)
class TensorBody:
    """A body in its two parts.

    Attributes
    ----------
    json : memoryview
        The request.
    tensors : memoryview
        The contents of the binary tensors, one after the other.
    """

    json: memoryview
    tensors: memoryview


async def receive_tensors(request: Request, settings: Settings) -> TensorBody:
    """Receive the body of a request.

    Raises
    ------
    starlette.exceptions.HTTPException
        415 if it is packed in a way that is not read.
    BodyTooLargeError
        If it is too large, as it came or unpacked.
    MalformedRequestError
        If it does not arrive in time, cannot be unpacked, or has no such JSON.
    starlette.requests.ClientDisconnect
        If the client goes.
    """
    packing = _packing(request)
    json_bytes = _json_length(request)
    most = settings.max_inference_bytes
    if json_bytes is None:
        most = min(most, settings.max_inference_json_bytes)
    body = await receive_body(request, most, settings)
    if packing:
        body = await asyncio.to_thread(_unpacked, body, most)
    return _cut(body, len(body) if json_bytes is None else json_bytes, settings)


def _packing(request: Request) -> bool:
    """Tell whether the body is packed."""
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in {"identity", "", *_PACKINGS}:
        detail = f"Content-Encoding is {packing[:50]!r}; wanted {' or '.join(_PACKINGS)}, or none."
        raise HTTPException(415, detail, {"Accept-Encoding": ", ".join(_PACKINGS)})
    return packing in _PACKINGS


def _unpacked(packed: bytes, most: int) -> bytes:
    """Unpack a body as far as the limit lets it."""
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        body = unpacking.decompress(packed, most + 1)
    except zlib.error as error:
        msg = f"the body cannot be unpacked: {error}; wanted one stream of gzip, or of zlib"
        raise MalformedRequestError(msg) from None
    if len(body) > most:
        msg = f"the body has more than {most} bytes once it is unpacked, which is the limit"
        raise BodyTooLargeError(msg)
    if not unpacking.eof or unpacking.unused_data:
        msg = "the packed body ends too early or too late; wanted one stream of gzip, or of zlib"
        raise MalformedRequestError(msg)
    return body


def _json_length(request: Request) -> int | None:
    stated = request.headers.get(JSON_LENGTH)
    if stated is None:
        return None
    if not (stated.isascii() and stated.isdecimal() and len(stated) <= 18):
        msg = (
            f"{JSON_LENGTH} is {stated[:50]!r}; wanted the bytes of JSON that the body begins with"
        )
        raise MalformedRequestError(msg)
    return int(stated)


def _cut(body: bytes, json_bytes: int, settings: Settings) -> TensorBody:
    if not 0 < json_bytes <= len(body):
        msg = (
            f"the body has {len(body)} bytes, of which {json_bytes} are JSON; wanted JSON and then "
            "the binary tensors"
        )
        raise MalformedRequestError(msg)
    if json_bytes > settings.max_inference_json_bytes:
        msg = (
            f"the request has {json_bytes} bytes of JSON; the limit is "
            f"{settings.max_inference_json_bytes}; send tensors as binary data"
        )
        raise BodyTooLargeError(msg)
    whole = memoryview(body)
    return TensorBody(whole[:json_bytes], whole[json_bytes:])
