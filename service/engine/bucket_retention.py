"""Room in a bucket of results: the oldest are removed, as in the local folder."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

from service.bucket import Bucket, StoredObject
from service.engine.kinds import KINDS

__all__ = ["remove_oldest_results"]

_MANIFEST = "manifest.json"
# No upload takes that long, so what is older without a manifest was left by a killed process.
_LEFTOVER = timedelta(hours=1)
_LASTING = {kind.folder for kind in KINDS if kind.lasting}
_FOLDERS = {kind.folder for kind in KINDS}


def remove_oldest_results(bucket: Bucket, max_count: int, max_bytes: int) -> None:
    """Remove results beyond the limits; the newest, and lasting kinds, go last.

    Parameters
    ----------
    bucket : Bucket
        Of results: ``.../<kind>/<id>/...``; other objects are left alone.
    max_count : int
        Results of each kind and tenant.
    max_bytes : int
        Of all together.

    Raises
    ------
    BucketUnavailableError
        If the bucket does not answer.
    """
    results: dict[str, list[StoredObject]] = defaultdict(list)
    for one in bucket.list():
        steps = one.path.split("/")
        if len(steps) > 2 and (key := _result_of(steps)) is not None:
            results[key].append(one)
    written = {
        key: next((one.changed for one in objects if one.path == f"{key}/{_MANIFEST}"), None)
        for key, objects in results.items()
    }
    now = datetime.now(UTC)
    for key, objects in results.items():
        if written[key] is None and now - max(one.changed for one in objects) > _LEFTOVER:
            bucket.remove(one.path for one in objects)
    by_worth = sorted(
        ((_is_lasting(key), changed, key) for key, changed in written.items() if changed),
        reverse=True,
    )
    newest = max(by_worth, key=lambda one: one[1], default=None)
    counts: Counter[str] = Counter()
    total_bytes = 0
    for worth in by_worth:
        key = worth[2]
        counts[key.rpartition("/")[0]] += 1
        total_bytes += sum(one.size_bytes for one in results[key])
        too_many = counts[key.rpartition("/")[0]] > max_count or total_bytes > max_bytes
        if too_many and worth != newest:
            # Without its manifest it is gone, whatever becomes of the rest.
            bucket.remove([f"{key}/{_MANIFEST}", *(one.path for one in results[key])])


def _result_of(steps: list[str]) -> str | None:
    """Find the result of an object: the path to its id."""
    if steps[0] in _FOLDERS:
        return "/".join(steps[:2])
    if steps[0] == "tenants" and len(steps) > 4 and steps[2] in _FOLDERS:
        return "/".join(steps[:4])
    return None


def _is_lasting(key: str) -> bool:
    return key.split("/")[-2] in _LASTING
