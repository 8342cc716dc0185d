"""Finished results in a bucket, with the local folder as what is at hand of it.

::

    <bucket>/analyses/<id>/manifest.json              names, bytes and SHA-256 of all files
    <bucket>/analyses/<id>/<upload>/labels.png, ...   uploaded before the manifest
    <bucket>/analyses/<id>/added/result.2.json        files that came later

A bucket cannot rename: a result is there when its manifest is, and of two uploads of one id the
first manifest stands. A result that was finished while the bucket did not answer is kept here, is
read from here, and is uploaded when the bucket answers again, also by the next process.
"""

from __future__ import annotations

import logging
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from petrography.errors import (
    BucketUnavailableError,
    ConflictError,
    InternalError,
    PetroserveError,
)
from service.bucket import Bucket
from service.disk import aside_of, put_whole, remove_folder, storing
from service.engine.artefact_store import ArtefactStore
from service.engine.bucket_retention import BucketRetention
from service.engine.bucket_silence import BucketSilence
from service.engine.draft import Draft
from service.engine.kept_digests import digest_file
from service.engine.kinds import KINDS, Kind, is_file_name
from service.engine.manifest import MANIFEST, KeptFile, Manifest
from service.engine.outbox import Outbox
from service.engine.retention import OnRemoval, untold

__all__ = ["BucketArtefactStore"]

_ADDED = "added"
_RETRY_S = 30.0
_SWEEP_S = 60.0
# No process takes that long for it, so what is noted and not there then was never finished.
_LEFTOVER_S = 3600.0
# A result is noted just before it is there, and its own process then uploads it first.
_BEING_PUBLISHED_S = 5.0
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_log = logging.getLogger("petroserve.artefacts")


class BucketArtefactStore(ArtefactStore):
    """A bucket of finished results behind a bounded local folder.

    Parameters
    ----------
    bucket : Bucket
        Where results are kept; several services may share it.
    folder, max_count, max_bytes
        As for `ArtefactStore`: they bound the folder and, with the same meaning, the bucket.
    on_removal : callable
        Told of each removal from the bucket, before it.
    """

    def __init__(
        self,
        bucket: Bucket,
        folder: Path,
        *,
        max_count: int,
        max_bytes: int,
        on_removal: OnRemoval = untold,
    ) -> None:
        # What goes from the folder is still in the bucket: nothing is lost, nothing to be told.
        super().__init__(folder, max_count=max_count, max_bytes=max_bytes)
        self._bucket = bucket
        self._retention = BucketRetention(bucket, self._room, on_removal)
        self._outbox = Outbox(folder)
        self._silence = BucketSilence(bucket.url)
        self._swept_s = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="artefacts", daemon=True)

    def open_folder(self) -> None:
        """Make the folders, and begin to upload what a process before could not."""
        super().open_folder()
        self._outbox.open()
        self._thread.start()

    def close(self) -> None:
        """End the uploads; what is not uploaded stays for the next process."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    @contextmanager
    def draft(self, kind: Kind, owner: str = "") -> Iterator[Draft]:
        """Begin a result.

        Raises
        ------
        BucketUnavailableError
            If there is no more room for results that wait for the bucket.
        StorageUnavailableError
            If results that must not be removed take all room in the bucket.
        """
        waiting_bytes = self._outbox.size_bytes()
        if waiting_bytes > self._max_bytes:
            msg = (
                f"{waiting_bytes} bytes of results wait for the bucket {self._bucket.url}, which "
                f"does not answer; at most {self._max_bytes} may wait; try again when it does"
            )
            raise BucketUnavailableError(msg)
        with super().draft(kind, owner) as draft:
            yield draft

    def publish(self, result_id: str, draft: Draft) -> None:
        """Keep a finished result here and in the bucket; without an answer, there later."""
        path = draft.folder.parent / result_id
        # Noted first, so that a process that is killed in between leaves nothing behind.
        self._outbox.note(path)
        super().publish(result_id, draft)
        if not self._silence.lasts:
            # It is kept here, whatever becomes of it there.
            with suppress(BucketUnavailableError):
                self._try_to_upload(path)

    def folder_of(self, kind: Kind, result_id: str, owner: str = "") -> Path | None:
        """Find the folder of a result of a tenant, brought here from the bucket if need be.

        Raises
        ------
        BucketUnavailableError
            If the result is not here and the bucket does not answer.
        StorageUnavailableError
            If the disk does not take what is brought.
        """
        path = self.possible_folder(kind, result_id, owner)
        if path is None:
            return None
        if not path.is_dir():
            return self._bring(path)
        if kind.lists_added and not self._silence.lasts:
            with suppress(BucketUnavailableError):
                self._bring_added(path)
        return path

    def is_kept(self, kind: Kind, result_id: str, owner: str = "") -> bool:
        """Tell whether a result of a tenant is kept, here or in the bucket.

        Raises
        ------
        BucketUnavailableError
            If it is not here and the bucket does not answer.
        """
        path = self.possible_folder(kind, result_id, owner)
        if path is None or path.is_dir():
            return path is not None
        with self._silence.noticed():
            try:
                self._bucket.read(f"{self._key(path)}/{MANIFEST}")
            except FileNotFoundError:
                return False
        return True

    def use(self, kind: Kind, result_id: str, owner: str = "") -> bytes:
        """Read the document of a result for another one; it counts as new again, here and there."""
        content = super().use(kind, result_id, owner)
        path = self.possible_folder(kind, result_id, owner)
        if path is not None:
            with suppress(BucketUnavailableError, FileNotFoundError):
                self._renew(self._key(path))
        return content

    def add(self, path: Path, content: bytes) -> None:
        """Upload a version of a result before it is seen here.

        Raises
        ------
        ConflictError
            If somebody else made this version meanwhile.
        BucketUnavailableError
            If the bucket does not answer.
        """
        with self._silence.noticed():
            first = self._bucket.create(self._added_key(path), content)
        # Who was not first is about to ask for what somebody else has made.
        self._silence.end()
        if not first:
            msg = f"{path.name} was made by somebody else meanwhile; read it and decide again"
            raise ConflictError(msg)

    def add_beside(self, path: Path, content: bytes) -> None:
        """Keep a small file about a version here, and in the bucket if it answers."""
        super().add_beside(path, content)
        with self._silence.noticed():
            self._bucket.write(self._added_key(path), content)

    def bring_added(self, path: Path) -> bool:
        """Bring a file that another service has added; none is found while the bucket is silent."""
        if self._silence.lasts:
            return False
        # Nobody made it; or room was made of the result here.
        silent, missing = suppress(BucketUnavailableError), suppress(FileNotFoundError)
        with silent, self._silence.noticed(), storing("a copy of a result"), missing:
            put_whole(path, self._bucket.read(self._added_key(path)))
            return True
        return False

    def take_back(self, path: Path) -> None:
        """Remove a version that was added, and its digest, there and here.

        Raises
        ------
        BucketUnavailableError
            If the bucket does not answer: the version stays, here as there.
        """
        with self._silence.noticed():
            digest = path.with_name(digest_file(path.name))
            self._bucket.remove([self._added_key(digest), self._added_key(path)])
        super().take_back(path)

    def upload_waiting(self, *, older_than_s: float = 0.0) -> None:
        """Upload what waits for so many seconds.

        What cannot be uploaded comes last the next time, so that it is in the way of no other. Ends
        early when the store is closed: the rest is for the next process.

        Raises
        ------
        BucketUnavailableError
            If the bucket does not answer: the rest goes on waiting.
        """
        for path in self._outbox.paths(older_than_s=older_than_s):
            if self._stopping.is_set():
                return
            self._try_to_upload(path)

    def _try_to_upload(self, path: Path) -> None:
        try:
            self._upload(path)
        except BucketUnavailableError:
            self._outbox.put_off(path)
            raise
        except (OSError, PetroserveError):
            _log.exception("%s could not be uploaded; it goes on waiting", self._key(path))
            self._outbox.put_off(path)

    def _require_room(self) -> None:
        self._retention.require_room()

    def _is_for_good(self, _path: Path) -> bool:
        # In the bucket it may be.
        return False

    def _kept_back(self, path: Path) -> bool:
        return self._outbox.holds(path)

    def _added_key(self, path: Path) -> str:
        return f"{self._key(path.parent)}/{_ADDED}/{path.name}"

    def _key(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _upload(self, path: Path) -> None:
        """Upload a result unless the bucket has it, and strike it from the list."""
        key = self._key(path)
        with self._silence.noticed():
            try:
                standing = self._renew(key)
            except FileNotFoundError:
                if not path.is_dir():
                    # It is being brought to the disk, which takes its time, or never came.
                    if self._outbox.age_s(path) > _LEFTOVER_S:
                        self._outbox.strike(path)
                    return
                standing = self._upload_new(path, key)
        if self._is_another(path, standing):
            # Somebody else was first under this id: of two results the first is read everywhere.
            remove_folder(path)
        self._outbox.strike(path)

    def _is_another(self, path: Path, standing: Manifest) -> bool:
        """Tell whether the document of a result is another one than that of the bucket."""
        (document,) = (kind.document for kind in KINDS if kind.folder == path.parent.name)
        kept = standing.files.get(document)
        try:
            return kept is not None and kept.sha256 != _sha256(path / document)
        except FileNotFoundError:
            return False

    def _upload_new(self, path: Path, key: str) -> Manifest:
        """Upload a result; returns what stands, maybe of somebody else."""
        files: dict[str, KeptFile] = {}
        try:
            self._upload_files(path, f"{key}/{uuid.uuid4().hex[:12]}", files)
        except (BucketUnavailableError, OSError):
            # What it has no room for must not take more of it at every try.
            with suppress(BucketUnavailableError):
                self._bucket.remove(one.key for one in files.values())
            raise
        manifest = Manifest(files=files)
        # Where its answer is lost the manifest may stand all the same: then they are needed.
        if self._bucket.create(f"{key}/{MANIFEST}", manifest.model_dump_json(indent=1).encode()):
            return manifest
        standing = Manifest.model_validate_json(self._bucket.read(f"{key}/{MANIFEST}"))
        named = {one.key for one in standing.files.values()}
        self._bucket.remove(one.key for one in files.values() if one.key not in named)
        return standing

    def _upload_files(self, path: Path, root: str, files: dict[str, KeptFile]) -> None:
        for file in sorted(path.iterdir()):
            if file.name.startswith("."):
                continue
            name = f"{root}/{_key_of(file.name)}"
            told = KeptFile(key=name, size_bytes=file.stat().st_size, sha256=_sha256(file))
            self._bucket.write(name, file)
            files[file.name] = told

    def _renew(self, key: str) -> Manifest:
        """Let a result of the bucket count as new; gives what it has of it.

        Raises
        ------
        FileNotFoundError
            If it is not there.
        """
        place = f"{key}/{MANIFEST}"
        content = self._bucket.read(place)
        self._bucket.write(place, content)
        manifest = Manifest.model_validate_json(content)
        try:
            if (smallest := manifest.smallest()) is not None:
                self._bucket.read(smallest.key)
        except FileNotFoundError:
            # It was removed in between: a manifest by itself would stand for a result.
            self._bucket.remove([place])
            raise
        return manifest

    def _bring(self, path: Path) -> Path | None:
        """Copy a result here, each file held against its SHA-256; None if there is none."""
        self._silence.require_none()
        with self._silence.noticed(), storing("a copy of a result"):
            try:
                content = self._bucket.read(f"{self._key(path)}/{MANIFEST}")
            except FileNotFoundError:
                return None
            aside = aside_of(path)
            aside.mkdir(parents=True)
            try:
                for name, file in Manifest.model_validate_json(content).files.items():
                    if not is_file_name(name):
                        msg = f"the manifest of {self._key(path)} names a file {name!r}"
                        raise InternalError(msg)
                    if self._bucket.download(file.key, aside / name) != file.sha256:
                        msg = f"{file.key} in {self._bucket.url} is not what was uploaded"
                        raise InternalError(msg)
                # Another process may have been first, with the same bytes.
                with suppress(OSError):
                    aside.rename(path)
            except FileNotFoundError:
                # It was removed to make room while it was read.
                return None
            finally:
                shutil.rmtree(aside, ignore_errors=True)
            self._bring_added(path)
        self._remove_oldest(path)
        return path

    def _bring_added(self, path: Path) -> None:
        with self._silence.noticed(), storing("a copy of a result"):
            for one in self._bucket.list(f"{self._key(path)}/{_ADDED}"):
                name = one.path.rpartition("/")[2]
                if is_file_name(name) and not (path / name).exists():
                    self._bring_file(one.path, path / name)

    def _bring_file(self, key: str, place: Path) -> None:
        aside = aside_of(place)
        # Somebody may just have taken it back there, or made room of the result here.
        with suppress(FileNotFoundError):
            try:
                self._bucket.download(key, aside)
                aside.replace(place)
            finally:
                aside.unlink(missing_ok=True)

    def _work(self) -> None:
        while True:
            try:
                self.upload_waiting(older_than_s=_BEING_PUBLISHED_S)
                if time.monotonic() - self._swept_s > _SWEEP_S:
                    self._swept_s = time.monotonic()
                    self._retention.remove_oldest()
            except BucketUnavailableError as error:
                _log.info("results wait for the bucket: %s", error)
            except Exception:  # noqa: BLE001 - it goes on for all other results
                _log.exception("results could not be uploaded")
            if self._stopping.wait(_RETRY_S):
                return


def _key_of(name: str) -> str:
    """Name a file in the bucket: its own name where that is harmless everywhere."""
    return name if _PLAIN.fullmatch(name) else sha256(name.encode()).hexdigest()


def _sha256(file: Path) -> str:
    digest = sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(1024 * 1024):
            digest.update(chunk)
    return digest.hexdigest()
