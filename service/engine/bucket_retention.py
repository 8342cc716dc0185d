"""Room in a bucket of results: the oldest are removed, as in the local folder."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from petrography.errors import AuditUnavailableError
from service.bucket import Bucket, StoredObject
from service.engine.kinds import ANALYSES, KINDS
from service.engine.manifest import MANIFEST
from service.engine.retention import KeptResult, OnRemoval, Room, superfluous
from service.engine.version_files import StandsForGood, version_file

__all__ = ["BucketRetention"]

# No upload takes that long, so what is older without a manifest was left by a killed process.
_LEFTOVER = timedelta(hours=1)
_KINDS = {kind.folder: kind for kind in KINDS}
_log = logging.getLogger("petroserve.artefacts")


class BucketRetention:
    """Removes results of a bucket beyond the limits.

    Parameters
    ----------
    bucket : Bucket
        Of results: ``.../<kind>/<id>/...``; other objects are left alone.
    room : Room
        How much may be there.
    on_removal : callable
        Told of each removal before it.
    """

    def __init__(self, bucket: Bucket, room: Room, on_removal: OnRemoval) -> None:
        self._bucket = bucket
        self._room = room
        self._on_removal = on_removal
        self._stands = StandsForGood()
        self._kept: list[KeptResult] = []

    def require_room(self) -> None:
        """Check that there was room for another result when the bucket was last looked at.

        Raises
        ------
        StorageUnavailableError
            If what must not be removed took all of it.
        """
        self._room.require(self._kept)

    def remove_oldest(self) -> None:
        """Remove results beyond the limits, and what killed processes left.

        Raises
        ------
        BucketUnavailableError
            If the bucket does not answer.
        """
        results = self._results()
        whole = {key: self._told(key, objects) for key, objects in results.items()}
        now = datetime.now(UTC)
        for key, objects in results.items():
            if whole[key] is None and now - max(one.changed for one in objects) > _LEFTOVER:
                self._bucket.remove(one.path for one in objects)
        self._kept = _with_newest([one for one in whole.values() if one is not None])
        for kept in superfluous(self._kept, self._room):
            key = _key_of(kept)
            if self._is_another(key, kept):
                continue
            try:
                self._on_removal(kept.kind, kept.result_id, kept.owner)
            except AuditUnavailableError as error:
                _log.warning("%s stays, as its removal is not on record: %s", kept.result_id, error)
                return
            # Without its manifest it is gone, whatever becomes of the rest; once more at the end, for
            # who used it a moment ago may have written it again.
            manifest = f"{key}/{MANIFEST}"
            self._bucket.remove([manifest, *(one.path for one in results[key]), manifest])

    def _is_another(self, key: str, kept: KeptResult) -> bool:
        """Whether a result was used, reviewed or removed while others went."""
        found = self._bucket.list(key)
        told = self._told(key, found)
        return told is None or (told.changed, told.size_bytes) != (kept.changed, kept.size_bytes)

    def _results(self) -> dict[str, list[StoredObject]]:
        """List the objects of every result."""
        results: dict[str, list[StoredObject]] = defaultdict(list)
        for one in self._bucket.list():
            steps = one.path.split("/")
            if len(steps) > 2 and (key := _result_of(steps)) is not None:
                results[key].append(one)
        return results

    def _told(self, key: str, objects: list[StoredObject]) -> KeptResult | None:
        """Tell of a result; None where it has no manifest."""
        if all(one.path != f"{key}/{MANIFEST}" for one in objects):
            return None
        *root, folder, result_id = key.split("/")
        return KeptResult(
            _KINDS[folder],
            root[1] if root else "",
            result_id,
            # A file that is added is a use as well.
            max(one.changed for one in objects).timestamp(),
            sum(one.size_bytes for one in objects),
            for_good=folder == ANALYSES.folder and self._is_for_good(key, objects),
            worked_on=_KINDS[folder].worked_on in {_name_of(one) for one in objects},
        )

    def _is_for_good(self, key: str, objects: list[StoredObject]) -> bool:
        # A version may lie among the files of the result: one that was added before their upload.
        paths = {_name_of(one): one.path for one in objects}
        return self._stands.tell(
            key, paths, lambda version: self._bucket.read(paths[version_file(version)])
        )


def _name_of(one: StoredObject) -> str:
    return one.path.rpartition("/")[2]


def _with_newest(kept: list[KeptResult]) -> list[KeptResult]:
    newest = max(kept, key=lambda one: one.changed, default=None)
    return [replace(one, newest=one is newest) for one in kept]


def _key_of(kept: KeptResult) -> str:
    place = f"{kept.kind.folder}/{kept.result_id}"
    return f"tenants/{kept.owner}/{place}" if kept.owner else place


def _result_of(steps: list[str]) -> str | None:
    """Find the result of an object: the path to its id."""
    if steps[0] in _KINDS:
        return "/".join(steps[:2])
    if steps[0] == "tenants" and len(steps) > 4 and steps[2] in _KINDS:
        return "/".join(steps[:4])
    return None
