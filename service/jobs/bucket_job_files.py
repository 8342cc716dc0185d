"""The files of jobs in a bucket, where every service that shares the queue finds them.

::

    <bucket>/jobs/orders/<analysis id>.json            what is to be done: with it the job is there
    <bucket>/jobs/uploads/<upload>/0, 1, ...           what was uploaded, before its order
    <bucket>/jobs/uploads/<upload>/for-<analysis id>   whose it is, before the order too
    <bucket>/jobs/begun/<analysis id>/<try>            tries that have begun and have not ended

A bucket cannot rename, so every upload has a name of its own and the order says which one counts.
Jobs of a service that kept them in its folder are found there by that service.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from petrography.errors import BucketUnavailableError, DamagedJobError
from service.bucket import Bucket, StoredObject
from service.disk import ASIDE
from service.engine import BucketSilence, Readable
from service.jobs.job_files import LEFTOVER_S, JobFiles, JobOrder, KeptPart

__all__ = ["BucketJobFiles"]

_ORDERS, _UPLOADS, _BEGUN = "jobs/orders", "jobs/uploads", "jobs/begun"
_FOR = "for-"
_ID = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_log = logging.getLogger("petroserve.jobs")


class BucketJobFiles(JobFiles):
    """The files of the jobs of all services that share a bucket.

    Parameters
    ----------
    bucket : Bucket
        Where they are kept.
    folder : Path
        On the disk of this service: what is on its way to the bucket or being read, and the jobs
        that were kept here before there was a bucket.
    """

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        super().__init__(folder)
        self._bucket = bucket
        # Nobody's file that is refused at once, or fails after minutes, shuts out others for long.
        self._silence = BucketSilence(
            bucket.url, meanwhile="jobs are refused for a while", soon_s=1.0, longest_s=30.0
        )
        # Uploads of this process that an order counts on.
        self._counted_on: set[str] = set()

    @contextmanager
    def received(
        self, files: Mapping[str, Readable]
    ) -> Iterator[tuple[Path, tuple[KeptPart, ...]]]:
        """Write files to the disk and from there to the bucket; see `JobFiles.received`.

        Raises
        ------
        StorageUnavailableError, BucketUnavailableError
            If disk or bucket do not take them; nothing is left, or what is, is removed later. At
            once where the bucket was just found silent: who waits for it holds a thread of all.
        """
        self._silence.require_none()
        with super().received(files) as (aside, parts):
            upload = _upload_of(aside)
            try:
                for part in parts:
                    self._silence.require_none()
                    with self._silence.noticed():
                        self._bucket.write(f"{_UPLOADS}/{upload}/{part.file}", aside / part.file)
                yield (
                    aside,
                    tuple(one.model_copy(update={"file": f"{upload}/{one.file}"}) for one in parts),
                )
            finally:
                if upload in self._counted_on:
                    self._counted_on.remove(upload)
                elif not self._silence.lasts:
                    # What is left otherwise is found at a later start (`clear_leftovers`).
                    self._remove_quietly(f"{_UPLOADS}/{upload}")

    def keep(self, aside: Path, order: JobOrder) -> None:
        """Keep what was received under the id of its analysis; what is there as a whole stays.

        Raises
        ------
        BucketUnavailableError
            If the bucket does not answer.
        """
        self._silence.require_none()
        with self._silence.noticed():
            self._keep(aside, order)

    def _keep(self, aside: Path, order: JobOrder) -> None:
        upload, key = _upload_of(aside), _order_key(order.analysis_id)
        content = order.model_dump_json().encode()
        # First, so that what a killed process leaves can be told from what is still wanted.
        self._bucket.write(f"{_UPLOADS}/{upload}/{_FOR}{order.analysis_id}", b"")
        if not self._bucket.create(key, content):
            if self._is_whole(order.analysis_id):
                return
            # Its submission was refused when the bucket fell silent, and its files are gone.
            self._bucket.write(key, content)
        self._counted_on.add(upload)

    def begun(self, analysis_id: str) -> int:
        """Take note that work on a job begins; returns how often it has begun and never ended."""
        if self._is_here(analysis_id):
            return super().begun(analysis_id)
        self._bucket.write(f"{_BEGUN}/{analysis_id}/{uuid.uuid4()}", b"")
        return len(self._bucket.list(f"{_BEGUN}/{analysis_id}"))

    def ended(self, analysis_id: str) -> None:
        """Take note that the process that began it has lived to the end of its try."""
        if self._is_here(analysis_id):
            super().ended(analysis_id)
        elif _ID.fullmatch(analysis_id):
            self._remove_quietly(f"{_BEGUN}/{analysis_id}")

    def remove(self, analysis_id: str) -> None:
        """Remove the files of a job that has ended; without an answer, `Tidying` does it later."""
        super().remove(analysis_id)
        if self._silence.lasts:
            _log.warning("the files of job %s are removed later: silent bucket", analysis_id)
            return
        try:
            order = self.order(analysis_id)
            # Without its order the job is gone, whatever becomes of the rest.
            self._bucket.remove([_order_key(analysis_id)])
        except DamagedJobError:
            return
        except BucketUnavailableError as error:
            _log.warning("the files of job %s are removed later: %s", analysis_id, error)
            return
        for upload in {one.file.partition("/")[0] for one in order.parts}:
            self._remove_quietly(f"{_UPLOADS}/{upload}")
        self._remove_quietly(f"{_BEGUN}/{analysis_id}")

    def kept(self) -> dict[str, float]:
        """List the jobs whose files are kept, with the time of their making in s since 1970.

        Raises
        ------
        BucketUnavailableError
            If the bucket does not answer.
        """
        return super().kept() | {
            _name_of(one).removesuffix(".json"): one.changed.timestamp()
            for one in self._bucket.list(_ORDERS)
        }

    def clear_leftovers(self) -> None:
        """Remove what a killed process left half written, here and in the bucket."""
        super().clear_leftovers()
        try:
            self._clear_uploads()
        except BucketUnavailableError as error:
            _log.warning("what killed processes left is removed at a later start: %s", error)

    def _clear_uploads(self) -> None:
        uploads: dict[str, list[StoredObject]] = defaultdict(list)
        for one in self._bucket.list(_UPLOADS):
            uploads[one.path.rpartition("/")[0]].append(one)
        # Asked last: an order that came meanwhile is seen.
        wanted = {f"{_FOR}{analysis_id}" for analysis_id in self.kept()}
        for objects in uploads.values():
            age_s = time.time() - max(one.changed for one in objects).timestamp()
            if age_s > LEFTOVER_S and not wanted & {_name_of(one) for one in objects}:
                self._bucket.remove(one.path for one in objects)

    def _read_order(self, analysis_id: str) -> bytes:
        if self._is_here(analysis_id):
            return super()._read_order(analysis_id)
        if not _ID.fullmatch(analysis_id):
            raise FileNotFoundError
        return self._bucket.read(_order_key(analysis_id))

    def _open_part(self, analysis_id: str, part: KeptPart) -> BinaryIO:
        if self._is_here(analysis_id):
            return super()._open_part(analysis_id, part)
        aside = self._folder / f"{ASIDE}{uuid.uuid4()}"
        aside.mkdir(parents=True)
        try:
            self._bucket.download(f"{_UPLOADS}/{part.file}", aside / "part")
            # Open, it outlives its name, and is gone when it is closed or the process ends.
            return (aside / "part").open("rb")
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _is_here(self, analysis_id: str) -> bool:
        return (self._folder / analysis_id).is_dir()

    def _is_whole(self, analysis_id: str) -> bool:
        try:
            parts = self.order(analysis_id).parts
        except DamagedJobError:
            return False
        uploads = {one.file.partition("/")[0] for one in parts}
        listed = (self._bucket.list(f"{_UPLOADS}/{upload}") for upload in uploads)
        there = {one.path for objects in listed for one in objects}
        return all(f"{_UPLOADS}/{one.file}" in there for one in parts)

    def _remove_quietly(self, prefix: str) -> None:
        try:
            self._bucket.remove(one.path for one in self._bucket.list(prefix))
        except BucketUnavailableError as error:
            _log.warning("%s is removed at a later start: %s", prefix, error)


def _upload_of(aside: Path) -> str:
    return aside.name.removeprefix(ASIDE)


def _order_key(analysis_id: str) -> str:
    return f"{_ORDERS}/{analysis_id}.json"


def _name_of(one: StoredObject) -> str:
    return one.path.rpartition("/")[2]
