"""A stream of chunks as files and a request, within the limits that HTTP has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from petrography.errors import BodyTooLargeError, MalformedRequestError
from service.proto.analysis_pb2 import UploadChunk
from service.settings import Settings
from service.uploads import (
    REQUEST_PART,
    Part,
    Spool,
    Upload,
    UploadedFile,
    UploadForm,
    read_upload,
)

__all__ = ["ReceivedUpload", "receive_upload"]

RequestT = TypeVar("RequestT", bound=BaseModel)


@dataclass(frozen=True)
class ReceivedUpload(Generic[RequestT]):
    """An upload that has arrived.

    Attributes
    ----------
    upload : Upload
        Its files, and what is wanted.
    can_wait : bool
        Whether the client lets others go first.
    """

    upload: Upload[RequestT]
    can_wait: bool


@asynccontextmanager
async def receive_upload(
    chunks: AsyncIterator[UploadChunk], form: UploadForm[RequestT], settings: Settings
) -> AsyncIterator[ReceivedUpload[RequestT]]:
    """Read a stream to its end; its files live as long as the block.

    Parameters
    ----------
    chunks : async iterator of UploadChunk
        As they arrive.
    form : UploadForm
        What is uploaded.
    settings : Settings
        The limits of bytes and time.

    Raises
    ------
    BodyTooLargeError
        If the stream, a file of it or its request are over their limits.
    MalformedRequestError
        If the chunks are in no possible order, the JSON cannot be read, or they do not arrive in
        time.
    MissingPartError
        If a file that must be there is not.
    InvalidParameterError
        If a part is there too often or unknown, or a field of the request is not possible.
    StorageUnavailableError
        If the disk does not take the files.
    """
    with Spool.opened(max_file_bytes=settings.max_image_bytes) as spool:
        reader = _ChunkReader(
            spool, max_files=form.max_files(settings), max_bytes=form.max_bytes(settings)
        )
        try:
            async with asyncio.timeout(settings.upload_timeout_s):
                await _receive(chunks, reader, spool, settings.upload_pause_s)
        except TimeoutError:
            msg = f"the upload did not arrive within {settings.upload_timeout_s:g} s"
            raise MalformedRequestError(msg) from None
        yield ReceivedUpload(read_upload(reader.finish(), form, settings), reader.can_wait)


async def _receive(
    chunks: AsyncIterator[UploadChunk], reader: _ChunkReader, spool: Spool, pause_s: float
) -> None:
    while (chunk := await _next(chunks, pause_s, spool)) is not None:
        reader.feed(chunk)
        if spool.worth_writing:
            await spool.write_aside()
    await spool.write_aside()


async def _next(
    chunks: AsyncIterator[UploadChunk], pause_s: float, spool: Spool
) -> UploadChunk | None:
    try:
        async with asyncio.timeout(pause_s):
            return await anext(chunks, None)
    except TimeoutError:
        msg = f"the upload paused for {pause_s:g} s after {spool.size_bytes} bytes"
        raise MalformedRequestError(msg) from None


class _ChunkReader:
    """Takes the chunks apart; files go to the spool.

    Parameters
    ----------
    spool : Spool
        Takes the bytes of the files.
    max_files : int
        Most parts.
    max_bytes : int
        Most bytes of the stream.
    """

    def __init__(self, spool: Spool, *, max_files: int, max_bytes: int) -> None:
        self._spool = spool
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._files: list[tuple[str, UploadedFile]] = []
        self._request: bytes | None = None
        self._framing_bytes = 0
        self.can_wait = False

    def feed(self, chunk: UploadChunk) -> None:
        """Take the next chunk.

        Raises
        ------
        MalformedRequestError
            If it cannot stand here.
        BodyTooLargeError
            If there are too many bytes.
        """
        content = chunk.WhichOneof("content")
        if self._request is None and content != "begin":
            msg = f"the upload begins with {content or 'an empty chunk'}; wanted `begin`"
            raise MalformedRequestError(msg)
        match content:
            case "begin":
                self._begin(chunk)
            case "part":
                self._begin_part(chunk)
            case "data":
                self._take(chunk.data)
            case _:
                msg = "a chunk holds nothing that is known; wanted `part` or `data`"
                raise MalformedRequestError(msg)
        self._require_few()

    def finish(self) -> list[Part]:
        """Give all parts, in the order of arrival.

        Raises
        ------
        MalformedRequestError
            If there was no chunk.
        """
        if self._request is None:
            msg = "the upload is empty; wanted `begin`, then for every file `part` and its `data`"
            raise MalformedRequestError(msg)
        request = [Part(REQUEST_PART, self._request)] if self._request else []
        return request + [Part(name, file) for name, file in self._closed_files()]

    def _begin(self, chunk: UploadChunk) -> None:
        if self._request is not None:
            msg = "`begin` is there twice; wanted it once, at the begin of the upload"
            raise MalformedRequestError(msg)
        self._request = chunk.begin.request_json
        self.can_wait = chunk.begin.can_wait
        self._framing_bytes += len(self._request)

    def _begin_part(self, chunk: UploadChunk) -> None:
        if len(self._files) >= self._max_files:
            msg = f"the upload has more than {self._max_files} parts"
            raise MalformedRequestError(msg)
        self._files = self._closed_files()
        file = self._spool.begin(chunk.part.name, chunk.part.filename)
        self._files.append((chunk.part.name, file))
        self._framing_bytes += chunk.ByteSize()

    def _take(self, data: bytes) -> None:
        if not self._files:
            msg = "the upload has data before its first `part`; wanted the name of the file before"
            raise MalformedRequestError(msg)
        self._spool.take(data)

    def _closed_files(self) -> list[tuple[str, UploadedFile]]:
        """Give the parts so far, the last of them with its size."""
        if not self._files:
            return []
        *others, (name, file) = self._files
        return [*others, (name, self._spool.ended(file))]

    def _require_few(self) -> None:
        received_bytes = self._spool.size_bytes + self._framing_bytes
        if received_bytes > self._max_bytes:
            msg = (
                f"the body has {received_bytes} bytes or more; at most {self._max_bytes} are "
                "accepted"
            )
            raise BodyTooLargeError(msg)
