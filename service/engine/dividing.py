"""Which version of a model a request gets that names none, where requests are divided."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator, Sequence

from service.engine.source_files import Placed, Readable
from service.repository import LoadedModel, Repository

__all__ = ["model_for"]

_CHUNK_BYTES = 1024 * 1024


async def model_for(
    repository: Repository, wanted: str | None, files: Sequence[Readable]
) -> LoadedModel:
    """Find the model of a request.

    Where the versions of a model have weights, the bytes of the images decide, so that the same
    images get the same version however often, by whom and over which protocol they are sent.

    Parameters
    ----------
    repository : Repository
        What is served.
    wanted : str or None
        What the request names.
    files : sequence of Readable
        Its images; read only where they decide.

    Raises
    ------
    ModelNotFoundError
        If it is not served.
    """
    if not repository.divides(wanted):
        return repository.get(wanted)
    return repository.get(wanted, await asyncio.to_thread(_digest_of, files))


def _digest_of(files: Sequence[Readable]) -> str:
    digest = hashlib.sha256()
    for file in files:
        one = hashlib.sha256()
        for chunk in _chunks(file):
            one.update(chunk)
        digest.update(one.digest())
    return digest.hexdigest()


def _chunks(file: Readable) -> Iterator[bytes]:
    """Read a file piece by piece where it lies: its turn for memory has not come yet."""
    if not isinstance(file, Placed):
        yield file.read()
        return
    descriptor, begin, size_bytes = file.place()
    end = begin + size_bytes
    while begin < end and (chunk := os.pread(descriptor, min(_CHUNK_BYTES, end - begin), begin)):
        yield chunk
        begin += len(chunk)
