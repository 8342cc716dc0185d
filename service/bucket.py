"""Objects below one URL of a bucket: S3, Google Cloud Storage, Azure, or a folder.

``s3://bucket/prefix``, ``gs://bucket/prefix``, ``az://account/container/prefix``, ``file:///folder``.
Credentials, region and endpoint come from where the clients of these services look for them, such
as ``AWS_ACCESS_KEY_ID``, ``AWS_REGION`` and ``AWS_ENDPOINT_URL``; never from the URL.
"""

from __future__ import annotations

import hashlib
import logging
import re
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

from petrography.errors import BucketUnavailableError, ConfigurationError

__all__ = ["Bucket", "StoredObject"]

_STORES: dict[str, type[S3Store | GCSStore | AzureStore]] = {
    "s3": S3Store,
    "gs": GCSStore,
    "az": AzureStore,
}
# A bucket that is there answers within milliseconds; who waits for one that is not has a request.
_CLIENT: ClientConfig = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(seconds=120),
    # Where an operator names an endpoint without TLS; the services themselves have none.
    "allow_http": True,
}
# For listings and small objects; files of any size have the other one.
_PROMPT = timedelta(seconds=10)
_SMALL_BYTES = 256 * 1024
_RETRIES, _RETRY_FOR = 2, timedelta(seconds=10)
# How a service says why, and that it has no such object: any other 404 is of the bucket, or of a
# server in front of it.
_CODE = re.compile(r"<Code>(\w+)</Code>")
_NO_OBJECT = {"NoSuchKey", "BlobNotFound"}
_REFUSAL = re.compile(r"404 Not Found:(.*?)(?:\n\nDebug source|\Z)", re.DOTALL)
_NOT_IMPLEMENTED = "501 Not Implemented"
_log = logging.getLogger("petroserve.bucket")


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing tells of it.

    Attributes
    ----------
    path : str
        Below the URL of the bucket.
    size_bytes : int
        Its content.
    changed : datetime
        When it was written, in UTC.
    tag : str
        Another one where the content is another.
    """

    path: str
    size_bytes: int
    changed: datetime
    tag: str


class Bucket:
    """Objects below one URL.

    Parameters
    ----------
    url : str
        Scheme, bucket and prefix.

    Raises
    ------
    ConfigurationError
        If it is no such URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        scheme = urlsplit(url).scheme
        if scheme not in {*_STORES, "file"} or "@" in urlsplit(url).netloc:
            msg = f"{scheme!r} is no bucket; wanted a URL of {', '.join(_STORES)} or file, without keys"
            raise ConfigurationError(msg)
        try:
            self._store: ObjectStore = _open(url, scheme, _CLIENT)
            self._prompt: ObjectStore = _open(url, scheme, {**_CLIENT, "timeout": _PROMPT})
        except (BaseError, ValueError) as error:
            msg = f"bucket {url} cannot be opened: {_in_short(error)}"
            raise ConfigurationError(msg) from None
        # Of S3 there are many, so it is tried when something is to be created.
        self._keeps_first: bool | None = None if scheme == "s3" else True

    def list(self, prefix: str = "") -> list[StoredObject]:
        """List objects, by path.

        Parameters
        ----------
        prefix : str
            Folder in which they are, empty for all.

        Raises
        ------
        BucketUnavailableError
            If the bucket does not answer.
        """
        with self._answering():
            found = obstore.list(self._prompt, prefix or None).collect()
        objects = (
            StoredObject(
                one["path"],
                one["size"],
                one["last_modified"],
                one["e_tag"] or f"{one['size']}-{one['last_modified'].timestamp()}",
            )
            for one in found
        )
        return sorted(objects, key=lambda one: one.path)

    def read(self, path: str) -> bytes:
        """Read a small object.

        Raises
        ------
        FileNotFoundError
            If it is not there.
        BucketUnavailableError
            If the bucket does not answer.
        """
        with self._answering():
            return bytes(obstore.get(self._prompt, path).bytes())

    def download(self, path: str, file: Path) -> str:
        """Copy an object into a file, a piece at a time.

        Returns
        -------
        str
            SHA-256 of what was written.

        Raises
        ------
        FileNotFoundError, BucketUnavailableError
            As `read`.
        """
        digest = hashlib.sha256()
        with self._answering(), file.open("wb") as opened:
            for chunk in obstore.get(self._store, path).stream():
                digest.update(chunk)
                opened.write(chunk)
        return digest.hexdigest()

    def write(self, path: str, content: Path | bytes) -> None:
        """Write an object, whole or not at all.

        Raises
        ------
        BucketUnavailableError
            If the bucket does not answer.
        """
        with self._answering():
            store = self._prompt
            if isinstance(content, Path) and content.stat().st_size > _SMALL_BYTES:
                # A bucket that stands still is found out before it has minutes for it.
                _has(self._prompt, path)
                store = self._store
            obstore.put(store, path, content)

    def create(self, path: str, content: bytes) -> bool:
        """Write an object unless there is one; of several at the same time one does.

        Returns
        -------
        bool
            False if there is another one: it was left as it is.

        Raises
        ------
        BucketUnavailableError
            If the bucket does not answer.
        """
        if self._keeps_first is None:
            self._keeps_first = self._found_to_keep_first()
        with self._answering():
            if self._keeps_first:
                # The client sends again what no answer came to: then it finds its own.
                return _put_first(self._prompt, path, content) or self._holds(path, content)
            if _has(self._prompt, path):
                return False
            obstore.put(self._prompt, path, content)
        return True

    def _holds(self, path: str, content: bytes) -> bool:
        try:
            return self.read(path) == content
        except FileNotFoundError:
            return False

    def remove(self, paths: Iterable[str]) -> None:
        """Remove objects; those that are not there are no error.

        Raises
        ------
        BucketUnavailableError
            If the bucket does not answer.
        """
        for path in paths:
            with suppress(FileNotFoundError), self._answering():
                obstore.delete(self._prompt, path)

    def _found_to_keep_first(self) -> bool:
        """Try whether the service itself keeps what is there; not all that speak S3 do."""
        path = f".first-{uuid.uuid4()}"
        with self._answering():
            obstore.put(self._prompt, path, b"")
            keeps = _refuses_second(self._prompt, path)
            obstore.delete(self._prompt, path)
        if not keeps:
            _log.warning(
                "bucket %s does not put on condition (If-None-Match), so it is looked into before: "
                "where several services share it, of two that write the same at the same moment "
                "the later stands, also of two reviews of one analysis",
                self.url,
            )
        return keeps

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if not _is_refusal(error):
                raise
            raise self._unavailable(error) from None
        except BaseError as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: BaseException) -> BucketUnavailableError:
        msg = f"bucket {self.url} does not answer as it should: {_in_short(error)}"
        return BucketUnavailableError(msg)


def _put_first(store: ObjectStore, path: str, content: bytes) -> bool:
    try:
        obstore.put(store, path, content, mode="create", use_multipart=False)
    except AlreadyExistsError:
        return False
    return True


def _refuses_second(store: ObjectStore, path: str) -> bool:
    """Try to create an object that is there."""
    try:
        return not _put_first(store, path, b"")
    except BaseError as error:
        if _NOT_IMPLEMENTED in str(error):
            return False
        raise


def _has(store: ObjectStore, path: str) -> bool:
    try:
        obstore.head(store, path)
    except FileNotFoundError:
        return False
    return True


def _open(url: str, scheme: str, client: ClientConfig) -> ObjectStore:
    if scheme == "file":
        return LocalStore.from_url(url, mkdir=True)
    retries: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": _RETRY_FOR}
    return _STORES[scheme].from_url(url, client_options=client, retry_config=retries)


def _is_refusal(error: FileNotFoundError) -> bool:
    """Tell a bucket that is not there, or another server in its place, from a missing object."""
    answered = _REFUSAL.search(str(error))
    if answered is None or not answered[1].strip():
        # A folder, or an answer that says no more.
        return False
    return not _NO_OBJECT & set(_CODE.findall(answered[1]))


def _in_short(error: BaseException) -> str:
    """Leave out the lines in which the client tells of its own insides, but for the reason."""
    line, _, rest = str(error).partition("\n")
    code = _CODE.search(line + rest)
    return line.partition("<")[0].strip() + (f" {code[1]}" if code else "")
