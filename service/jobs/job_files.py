"""The files of jobs: what was uploaded, kept until the job has ended.

::

    <folder>/<analysis id>/order.json, 0, 1, ...

A job's folder is there as a whole or not at all: it is written aside, brought to the disk and
renamed. What is read back is compared with the digests that were taken when it was written.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, ValidationError

from petrography.errors import DamagedJobError, StorageUnavailableError
from petrography.pipeline import AnalysisRequest
from service.disk import ASIDE, changed_s, sync_folder, write_through
from service.engine import PanoramaRequest, Placed, Readable
from service.runtime import Priority

__all__ = ["LEFTOVER_S", "JobFiles", "JobOrder", "KeptPart", "OpenJob", "StoredFile"]

_ORDER = "order.json"
_BEGINNINGS = "beginnings"
LEFTOVER_S = 3600.0
_CHUNK_BYTES = 1024 * 1024


class KeptPart(BaseModel):
    """One uploaded file: where it lies and which bytes it must have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: str
    file: str
    size_bytes: int
    sha256: str


class JobOrder(BaseModel):
    """Everything that a job needs beside the bytes of its files."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    analysis_id: str
    owner: str
    """The tenant that finds the result; empty without API keys."""
    tenant: str
    """With whose requests it shares turns: without API keys an address."""
    key_id: str | None = None
    """Public part of the key that it was asked with, for its provenance."""
    priority: Priority | None
    """None where the size of the image decides."""
    href_root: str
    callback: str | None
    request: AnalysisRequest
    """As the client asked."""
    panorama: PanoramaRequest | None = None
    """What image is made of the parts; without it they are the image and what its request names."""
    model: str | None = None
    """NAME:VERSION that the client was told; None, in orders of old: what the request means now."""
    traceparent: str | None = None
    """Of the request, whose trace the work goes on with."""
    parts: tuple[KeptPart, ...] = ()
    """In the order of `Submission.files`."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a job, open for reading."""

    name: str
    file: BinaryIO
    size_bytes: int

    def read(self) -> bytes:
        """Read it."""
        return self.read_start(self.size_bytes)

    def read_start(self, size_bytes: int) -> bytes:
        """Read its first bytes, or all if there are fewer; from any thread."""
        return b"".join(_pieces(self.file.fileno(), 0, min(size_bytes, self.size_bytes)))

    def place(self) -> tuple[int, int, int]:
        """Tell the descriptor of the open file, where in it this one begins, and its bytes."""
        return self.file.fileno(), 0, self.size_bytes


@dataclass(frozen=True)
class OpenJob:
    """A job whose files are open.

    Attributes
    ----------
    order : JobOrder
        What is to be done.
    files : mapping of str to StoredFile
        With them; see `Submission.files`.
    """

    order: JobOrder
    files: Mapping[str, StoredFile]

    def of_part(self, part: str) -> list[StoredFile]:
        """List the files that came as a part which may have several."""
        return [file for name, file in self.files.items() if name.startswith(f"{part}/")]


class JobFiles:
    """The folder of the jobs of all processes.

    Parameters
    ----------
    folder : Path
        Made when it is first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def received(
        self, files: Mapping[str, Readable]
    ) -> Iterator[tuple[Path, tuple[KeptPart, ...]]]:
        """Write files aside; what is not kept by the end of the block is removed.

        Parameters
        ----------
        files : mapping of str to Readable
            By their parts, the image first.

        Yields
        ------
        tuple of Path and tuple of KeptPart
            What `keep` wants.

        Raises
        ------
        StorageUnavailableError
            If the disk is full or gone; nothing is left then.
        """
        aside = self._folder / f"{ASIDE}{uuid.uuid4()}"
        try:
            with _storing():
                self._folder.mkdir(parents=True, exist_ok=True)
                aside.mkdir()
                parts = tuple(
                    _written(aside / str(number), part, file)
                    for number, (part, file) in enumerate(files.items())
                )
            yield aside, parts
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def keep(self, aside: Path, order: JobOrder) -> None:
        """Keep what was written aside under the id of its analysis; what is there stays.

        Raises
        ------
        StorageUnavailableError
            If the disk is full or gone.
        """
        path = self._folder / order.analysis_id
        with _storing():
            write_through(aside / _ORDER, order.model_dump_json().encode())
            sync_folder(aside)
            try:
                aside.rename(path)
            except OSError:
                if not path.is_dir():
                    raise
            sync_folder(self._folder)

    @contextmanager
    def open(self, analysis_id: str) -> Iterator[OpenJob]:
        """Open the files of a job for the length of the block.

        Raises
        ------
        DamagedJobError
            If they are not there, or not as they were written.
        StorageUnavailableError
            If the disk does not answer.
        """
        order = self.order(analysis_id)
        with ExitStack() as opened:
            with _storing():
                files = {}
                for part in order.parts:
                    file = opened.enter_context(self._open_part(analysis_id, part))
                    name = part.part.rpartition("/")[2]
                    files[part.part] = StoredFile(name, file, part.size_bytes)
                    _require_unharmed(files[part.part], part)
            yield OpenJob(order, files)

    def order(self, analysis_id: str) -> JobOrder:
        """Read what is to be done.

        Raises
        ------
        DamagedJobError
            If there is no such job, or what was written of it cannot be read.
        StorageUnavailableError
            If the disk does not answer.
        """
        with _storing():
            content = self._read_order(analysis_id)
        try:
            return JobOrder.model_validate_json(content)
        except ValidationError as error:
            msg = (
                f"{_ORDER} of job {analysis_id} cannot be read ({error.error_count()} faults in "
                f"{len(content)} bytes); wanted what this software wrote; send the analysis again"
            )
            raise DamagedJobError(msg) from error

    def _read_order(self, analysis_id: str) -> bytes:
        return (self._folder / analysis_id / _ORDER).read_bytes()

    def _open_part(self, analysis_id: str, part: KeptPart) -> BinaryIO:
        return (self._folder / analysis_id / part.file).open("rb")

    def begun(self, analysis_id: str) -> int:
        """Take note that work on a job begins; returns how often it has begun and never ended."""
        with _storing(), (self._folder / analysis_id / _BEGINNINGS).open("ab") as file:
            file.write(b".")
            return file.tell()

    def ended(self, analysis_id: str) -> None:
        """Take note that the process that began it has lived to the end of its try."""
        with contextlib.suppress(OSError):
            os.truncate(self._folder / analysis_id / _BEGINNINGS, 0)

    def remove(self, analysis_id: str) -> None:
        """Remove the files of a job that has ended."""
        shutil.rmtree(self._folder / analysis_id, ignore_errors=True)

    def kept(self) -> dict[str, float]:
        """List the jobs whose files are kept, with the time of their making in s since 1970."""
        try:
            entries = [one for one in os.scandir(self._folder) if not one.name.startswith(".")]
            return {one.name: one.stat().st_mtime for one in entries if one.is_dir()}
        except FileNotFoundError:
            return {}

    def clear_leftovers(self) -> None:
        """Remove what a killed process left half written."""
        for path in self._folder.glob(f"{ASIDE}*"):
            if time.time() - changed_s(path) > LEFTOVER_S:
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _storing() -> Iterator[None]:
    """Say what became of a job's files in words of ours."""
    try:
        yield
    except FileNotFoundError as error:
        msg = f"the files of the job are not there ({error.strerror or 'nor in the bucket'})"
        raise DamagedJobError(msg) from error
    except OSError as error:
        # The path of the file says where the service keeps things: for the log, not for clients.
        msg = (
            f"the files of jobs cannot be kept or read ({error.strerror}); nothing was changed; "
            "the same request may succeed later"
        )
        raise StorageUnavailableError(msg) from error


def _written(path: Path, part: str, source: Readable) -> KeptPart:
    digest, size_bytes = hashlib.sha256(), 0
    with path.open("xb") as file:
        for piece in _pieces_of(source):
            digest.update(piece)
            size_bytes += len(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return KeptPart(part=part, file=path.name, size_bytes=size_bytes, sha256=digest.hexdigest())


def _pieces_of(source: Readable) -> Iterator[bytes]:
    if isinstance(source, Placed):
        descriptor, begin, size_bytes = source.place()
        yield from _pieces(descriptor, begin, size_bytes)
    else:
        yield source.read()


def _pieces(descriptor: int, begin: int, size_bytes: int) -> Iterator[bytes]:
    end = begin + size_bytes
    while begin < end and (piece := os.pread(descriptor, min(_CHUNK_BYTES, end - begin), begin)):
        begin += len(piece)
        yield piece


def _require_unharmed(file: StoredFile, part: KeptPart) -> None:
    digest = hashlib.sha256()
    for piece in _pieces(file.file.fileno(), 0, part.size_bytes):
        digest.update(piece)
    if digest.hexdigest() != part.sha256:
        msg = f"the file of part {part.part!r} is not the one that was uploaded; send it again"
        raise DamagedJobError(msg)
