"""From a request to its files and what it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from petrography.errors import MalformedRequestError
from service.http_api.upload.body import body_chunks, require_unpacked
from service.http_api.upload.parts import PartReader, boundary_of
from service.settings import Settings
from service.uploads import REQUEST_PART, Part, Spool, Upload, UploadForm, read_upload

__all__ = ["receive_upload"]

RequestT = TypeVar("RequestT", bound=BaseModel)


@asynccontextmanager
async def receive_upload(
    request: Request, form: UploadForm[RequestT], settings: Settings
) -> AsyncIterator[Upload[RequestT]]:
    """Read the body of a request; its files live as long as the block.

    Raises
    ------
    starlette.exceptions.HTTPException
        415 if the body is not multipart, or packed.
    BodyTooLargeError
        If body, a file of it or the request part are over their limits.
    MalformedRequestError
        If the multipart framing or the JSON cannot be read, or the body does not arrive in time.
    MissingPartError
        If a file that must be there is not.
    InvalidParameterError
        If a part is there too often or unknown, or a field of the request is not possible.
    StorageUnavailableError
        If the disk does not take the files.
    """
    require_unpacked(request)
    content_type = _multipart_type(request, form)
    with Spool.opened(max_file_bytes=settings.max_image_bytes) as spool:
        reader = PartReader(
            boundary_of(content_type),
            spool,
            max_files=form.max_files(settings),
            max_text_bytes=settings.max_request_bytes,
        )
        parts = await _received_parts(request, reader, spool, form.max_bytes(settings), settings)
        yield read_upload(parts, form, settings)


def _multipart_type(request: Request, form: UploadForm[RequestT]) -> str:
    content_type: str = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
        names = " and ".join(f"'{part.name}'" for part in form.parts)
        detail = (
            f"The body is {content_type[:100] or 'of no stated type'}; wanted multipart/form-data "
            f"with file parts {names} and, if need be, a JSON part '{REQUEST_PART}'."
        )
        raise HTTPException(415, detail)
    return content_type


async def _received_parts(
    request: Request, reader: PartReader, spool: Spool, limit_bytes: int, settings: Settings
) -> list[Part]:
    chunks = body_chunks(request, limit_bytes=limit_bytes, pause_s=settings.upload_pause_s)
    try:
        async with asyncio.timeout(settings.upload_timeout_s):
            async for chunk in chunks:
                reader.feed(chunk)
                if spool.worth_writing:
                    await spool.write_aside()
            reader.require_closed()
            await spool.write_aside()
    except TimeoutError:
        msg = f"the body did not arrive within {settings.upload_timeout_s:g} s"
        raise MalformedRequestError(msg) from None
    return reader.parts
