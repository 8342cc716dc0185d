"""What is removed to make room: of the tenant that holds the most, never a reviewed result, and told."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import pytest

from petrography.errors import AuditUnavailableError, StorageUnavailableError
from service.bucket import Bucket
from service.engine import ANALYSES, CALIBRATIONS, ArtefactStore, Kind
from service.engine.bucket_retention import BucketRetention
from service.engine.retention import Room
from service.engine.versions import add_version

Told = list[tuple[str, str, str]]


class Place:
    """A folder of results, or a bucket as it is tidied, and what was told of removals."""

    def __init__(self, folder: Path, *, max_count: int = 100, max_bytes: int = 10**9) -> None:
        self.folder = folder
        self.told: Told = []
        self.store = ArtefactStore(
            folder, max_count=max_count, max_bytes=max_bytes, on_removal=self.tell
        )
        self.store.open_folder()

    def tell(self, kind: Kind, result_id: str, tenant: str) -> None:
        assert self.store.is_kept(kind, result_id, tenant)
        self.told.append((kind.folder, result_id, tenant))

    def keep(
        self,
        age_s: int,
        size_bytes: int = 40,
        *,
        owner: str = "",
        kind: Kind = ANALYSES,
        reviews: tuple[str, ...] = (),
    ) -> str:
        """Keep a result with versions of these statuses, and make it as old as wanted."""
        result_id = str(uuid.uuid4())
        self.store.keep(kind, result_id, {kind.document: b"x" * size_bytes}, owner)
        for version, status in enumerate(reviews, start=2):
            document = json.dumps({"status": status}).encode()
            add_version(self.store, result_id, version, document, owner)
        path = self.store.possible_folder(kind, result_id, owner)
        assert path is not None
        if path.exists():
            os.utime(path, (1_700_000_000 - age_s, 1_700_000_000 - age_s))
        return result_id

    def has(self, result_id: str, owner: str = "", kind: Kind = ANALYSES) -> bool:
        return self.store.is_kept(kind, result_id, owner)


def test_who_holds_the_most_gives_its_oldest(tmp_path: Path) -> None:
    place = Place(tmp_path, max_bytes=200)
    small = [place.keep(age_s, 10, owner="small") for age_s in (900, 800)]
    large = [place.keep(age_s, 60, owner="large") for age_s in (90, 80, 70, 60)]

    assert [place.has(one, "small") for one in small] == [True, True]
    assert [place.has(one, "large") for one in large] == [False, True, True, True]
    # A newcomer does not give anything either.
    place.keep(0, 60, owner="third")
    assert [place.has(one, "large") for one in large] == [False, False, True, True]
    assert place.told == [("analyses", one, "large") for one in large[:2]]


@pytest.mark.parametrize(
    ("reviews", "stays"),
    [
        ((), False),
        (("final",), True),
        (("final", "corrected"), True),
        (("final", "rejected"), False),
    ],
)
@pytest.mark.parametrize("limit", [{"max_count": 2}, {"max_bytes": 150}])
def test_what_somebody_vouches_for_is_never_removed(
    tmp_path: Path, limit: dict[str, int], reviews: tuple[str, ...], stays: bool
) -> None:
    place = Place(tmp_path, **limit)
    oldest = place.keep(99, reviews=reviews)
    others = [place.keep(age_s) for age_s in (50, 40, 30, 20)]

    assert place.has(oldest) is stays
    assert place.has(others[-1])
    assert not place.has(others[0])


def test_new_work_is_refused_while_reviewed_results_take_all_room(tmp_path: Path) -> None:
    place = Place(tmp_path, max_bytes=100)
    final = [place.keep(age_s, 60, reviews=("final",)) for age_s in (50, 40)]
    last = place.keep(0)

    with pytest.raises(StorageUnavailableError, match="PETROSERVE_ARTEFACTS_MAX_BYTES"):
        place.keep(0)

    assert all(place.has(one) for one in (*final, last))
    # Who makes room is let in again.
    (tmp_path / "analyses" / final[0]).rename(tmp_path / "moved")
    assert place.has(place.keep(0))


def test_what_is_not_on_record_is_not_removed(tmp_path: Path) -> None:
    place = Place(tmp_path, max_count=1)
    told = place.tell

    def full(*_: object) -> None:
        raise AuditUnavailableError("the audit log takes no entry")

    place.store._on_removal = full
    first, second = place.keep(50), place.keep(40)
    assert place.has(first)

    place.store._on_removal = told
    third = place.keep(30)
    assert [place.has(one) for one in (first, second, third)] == [False, False, True]
    assert [one[1] for one in place.told] == [first, second]


@pytest.mark.parametrize("place", ["added", "0"], ids=["after the upload", "before it"])
def test_a_bucket_is_tidied_likewise(place: str, tmp_path: Path) -> None:
    """Wherever a review lies: one that was made before the result was uploaded is among its files."""
    bucket = Bucket((tmp_path / "bucket").as_uri())
    told: Told = []

    def put(name: str, size_bytes: int, reviews: str | None = None) -> None:
        bucket.write(f"{name}/0/result.json", b"x" * size_bytes)
        if reviews is not None:
            document = json.dumps({"status": reviews}).encode()
            bucket.write(f"{name}/{place}/result.2.json", document)
        bucket.create(f"{name}/manifest.json", b"{}")

    ids = [str(uuid.uuid4()) for _ in range(5)]
    put(f"tenants/large/analyses/{ids[0]}", 600, "final")
    put(f"tenants/large/analyses/{ids[1]}", 600, "rejected")
    put(f"tenants/large/analyses/{ids[2]}", 600)
    put(f"tenants/small/analyses/{ids[3]}", 100)
    put(f"analyses/{ids[4]}", 100)
    retention = BucketRetention(
        bucket, Room(100, 1500), lambda kind, *which: told.append((kind.folder, *which))
    )

    retention.require_room()
    retention.remove_oldest()

    assert told == [("analyses", ids[1], "large")]
    left = {one.path for one in bucket.list() if "manifest" in one.path}
    assert len(left) == 4
    full = BucketRetention(bucket, Room(100, 300), lambda *_: None)
    full.remove_oldest()
    with pytest.raises(StorageUnavailableError, match="reviewed results take"):
        full.require_room()


def test_calibrations_go_last_whoever_holds_them(tmp_path: Path) -> None:
    place = Place(tmp_path, max_bytes=100)
    calibration = place.keep(90, 50, owner="a", kind=CALIBRATIONS)
    analysis = place.keep(50, 40, owner="b")
    place.keep(0, 40, owner="b")

    assert place.has(calibration, "a", CALIBRATIONS)
    assert not place.has(analysis, "b")
