"""Where photographs lie and results go: a folder that all workers see, or a bucket.

A folder of results is there as a whole or not at all. In a file system it is written aside and
renamed; in a bucket ``result.json``, without which it does not count, comes last. Both kinds of
place take relative paths with ``/`` and can be sent to other processes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from petrography.errors import ConfigurationError, ConflictError, InvalidParameterError

if TYPE_CHECKING:
    from service.bucket import Bucket

__all__ = ["RESERVED", "BucketPlace", "FolderPlace", "Place", "place_of"]

_DOCUMENT = "result.json"
_LOCK, _UNFINISHED = ".lock", ".unfinished"
RESERVED = frozenset({_LOCK, _UNFINISHED})
"""Names beside the folders of results."""


@dataclass(frozen=True)
class FolderPlace:
    """A folder of a file system.

    Attributes
    ----------
    root : Path
        The folder, absolute.
    """

    root: Path

    @property
    def told(self) -> str:
        """What a person knows it by."""
        return str(self.root)

    def files(self) -> Iterator[str]:
        """Go through all files; links to folders, and what begins with a dot, are left out."""
        for folder, inner, names in os.walk(self.root, onerror=_raise):
            inner[:] = [name for name in inner if not name.startswith(".")]
            below = PurePosixPath(Path(folder).relative_to(self.root).as_posix())
            yield from (str(below / name) for name in names if not name.startswith("."))

    @contextmanager
    def local(self, file: str) -> Iterator[Path]:
        """Give a file as one of this machine, for the length of the block.

        Raises
        ------
        InvalidParameterError
            If it is something else, such as a pipe, at which whoever opens it would wait for ever.
        """
        path = self.root / file
        if path.exists() and not path.is_file():
            msg = f"{path} is no file, but a folder, a pipe or a device; wanted a photograph"
            raise InvalidParameterError(msg)
        yield path

    def read(self, file: str) -> bytes | None:
        """Read a small file; None where there is none."""
        try:
            return (self.root / file).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def put(self, file: str, content: bytes) -> None:
        """Write a small file as a whole."""
        from service.disk import put_whole

        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            put_whole(path, content)
        except OSError as error:
            # A full disk does not say at which file.
            raise OSError(error.errno, error.strerror, str(path)) from error

    def has(self, folder: str, names: Iterable[str]) -> bool:
        """Tell whether a folder has files of these names."""
        return all((self.root / folder / name).is_file() for name in names)

    @contextmanager
    def replacing(self, folder: str) -> Iterator[Path]:
        """Give an empty folder that takes the place of `folder` when the block ends well.

        Raises
        ------
        ConflictError
            If there are files in it that no analysis wrote.
        """
        from service.disk import sync_tree

        final, aside = self.root / folder, self._aside()
        try:
            _require_ours(final)
            yield aside
            sync_tree(aside)
            final.parent.mkdir(parents=True, exist_ok=True)
            self._replace(final, aside)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _replace(self, final: Path, aside: Path) -> None:
        old = self._aside()
        if final.exists():
            final.rename(old / final.name)
        aside.rename(final)
        shutil.rmtree(old)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other batches out, and clear what a killed one left half written.

        Raises
        ------
        ConfigurationError
            If another batch writes into this folder.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        # The system frees such a lock when its process ends, however it ends.
        with (self.root / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                msg = f"another batch writes into {self.root}; wanted one at a time"
                raise ConfigurationError(msg) from None
            try:
                self._clear()
                yield
            finally:
                self._clear()

    def _aside(self) -> Path:
        aside = self.root / _UNFINISHED / str(uuid.uuid4())
        aside.mkdir(parents=True)
        return aside

    def _clear(self) -> None:
        from service.disk import ASIDE

        shutil.rmtree(self.root / _UNFINISHED, ignore_errors=True)
        for left in self.root.glob(f"{ASIDE}*"):
            left.unlink()


@dataclass(frozen=True)
class BucketPlace:
    """Objects below one URL; see `service.bucket`.

    Attributes
    ----------
    url : str
        Scheme, bucket and prefix.
    scratch : Path or None
        Where copies of its files lie meanwhile; None for the temporary folder of the system.
    """

    url: str
    scratch: Path | None = None

    @property
    def told(self) -> str:
        """What a person knows it by."""
        return self.url

    def files(self) -> Iterator[str]:
        """Go through all objects; paths with a part that begins with a dot are left out."""
        for found in self._bucket().list():
            if not any(part.startswith(".") for part in found.path.split("/")):
                yield found.path

    @contextmanager
    def local(self, file: str) -> Iterator[Path]:
        """Copy an object to this machine for the length of the block."""
        with tempfile.TemporaryDirectory(prefix="petroserve-", dir=self.scratch) as folder:
            path = Path(folder) / "image"
            self._bucket().download(file, path)
            yield path

    def read(self, file: str) -> bytes | None:
        """Read a small object; None where there is none."""
        try:
            return self._bucket().read(file)
        except FileNotFoundError:
            return None

    def put(self, file: str, content: bytes) -> None:
        """Write a small object."""
        self._bucket().write(file, content)

    def has(self, folder: str, names: Iterable[str]) -> bool:
        """Tell whether there are objects of these names in a folder."""
        return set(names) <= self._names(folder)

    @contextmanager
    def replacing(self, folder: str) -> Iterator[Path]:
        """Give an empty folder whose files are sent into `folder` when the block ends well."""
        with tempfile.TemporaryDirectory(prefix="petroserve-", dir=self.scratch) as name:
            aside = Path(name)
            yield aside
            bucket, old = self._bucket(), self._names(folder)
            if _DOCUMENT in old:
                bucket.remove([f"{folder}/{_DOCUMENT}"])
            files = sorted(aside.iterdir(), key=lambda file: (file.name == _DOCUMENT, file.name))
            for file in files:
                bucket.write(f"{folder}/{file.name}", file)
            gone = (old & _of_analyses()) - {file.name for file in files}
            bucket.remove(f"{folder}/{name}" for name in sorted(gone))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody is kept out of a bucket: two batches would do the same work twice."""
        yield

    def _bucket(self) -> Bucket:
        from service.bucket import Bucket

        return Bucket(self.url)

    def _names(self, folder: str) -> set[str]:
        """Names of the objects right in a folder."""
        below = (one.path.removeprefix(f"{folder}/") for one in self._bucket().list(folder))
        return {name for name in below if "/" not in name}


Place: TypeAlias = FolderPlace | BucketPlace


def place_of(text: str, scratch: Path | None = None) -> Place:
    """Find what is meant: a URL is a bucket, anything else a folder.

    Parameters
    ----------
    text : str
        As a person states it.
    scratch : Path, optional
        Where copies of files of a bucket lie meanwhile.

    Raises
    ------
    InvalidParameterError
        If it names nothing.
    ConfigurationError
        If it is a URL of no bucket.
    """
    if not text:
        msg = "an empty name is no folder; wanted a folder or a URL such as s3://bucket/prefix"
        raise InvalidParameterError(msg)
    if "://" not in text:
        return FolderPlace(Path(text).absolute())
    place = BucketPlace(text.rstrip("/"), scratch)
    place._bucket()
    return place


def _require_ours(folder: Path) -> None:
    """Check that nothing is lost when a folder is replaced."""
    if not folder.exists():
        return
    foreign = sorted({one.name for one in folder.iterdir()} - _of_analyses())
    if foreign:
        msg = f"{folder} holds {foreign[0]}, which no analysis wrote; move it away to go on"
        raise ConflictError(msg)


def _of_analyses() -> frozenset[str]:
    from petrography.pipeline import MEDIA_TYPES

    return frozenset(MEDIA_TYPES)


def _raise(error: OSError) -> None:
    raise error
