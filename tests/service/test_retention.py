"""What is removed to make room: of the tenant that holds the most, never a reviewed result, and told."""

from __future__ import annotations

import errno
import json
import os
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from petrography.errors import AuditUnavailableError, StorageUnavailableError
from service.bucket import Bucket
from service.engine import ANALYSES, ANNOTATIONS, CALIBRATIONS, ArtefactStore, Kind
from service.engine.added_files import add_file
from service.engine.annotations.record import entry_file
from service.engine.bucket_retention import BucketRetention
from service.engine.result_folder import size_bytes
from service.engine.retention import Room
from service.engine.versions import add_version
from tests.kept_results import keep_files

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

    def tell(self, kind: Kind, result_id: str, owner: str) -> None:
        assert self.store.is_kept(kind, result_id, owner)
        self.told.append((kind.folder, result_id, owner))

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
        keep_files(self.store, kind, result_id, {kind.document: b"x" * size_bytes}, owner)
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
@pytest.mark.parametrize("limit", [{"max_count": 2}, {"max_bytes": 1500}])
def test_what_somebody_vouches_for_is_never_removed(
    tmp_path: Path, limit: dict[str, int], reviews: tuple[str, ...], stays: bool
) -> None:
    place = Place(tmp_path, **limit)
    # Large beside the digests of the versions.
    oldest = place.keep(99, 400, reviews=reviews)
    others = [place.keep(age_s, 400) for age_s in (50, 40, 30, 20)]

    assert place.has(oldest) is stays
    assert place.has(others[-1])
    assert not place.has(others[0])


def test_new_work_is_refused_while_reviewed_results_take_all_room(tmp_path: Path) -> None:
    place = Place(tmp_path, max_bytes=1000)
    final = [place.keep(age_s, 600, reviews=("final",)) for age_s in (50, 40)]
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


def test_what_is_reviewed_while_others_are_removed_stays(tmp_path: Path) -> None:
    place, ids = Place(tmp_path), list[str]()

    def review_the_next(kind: Kind, result_id: str, owner: str) -> None:
        place.tell(kind, result_id, owner)
        if result_id == ids[0]:
            add_version(place.store, ids[1], 2, b'{"status": "final"}')

    place.store._on_removal = review_the_next
    ids += [place.keep(age_s) for age_s in (90, 80, 70)]
    place.store._room = Room(1, 10**9)
    place.keep(0)

    assert [place.has(one) for one in ids] == [False, True, False]
    assert [one[1] for one in place.told] == [ids[0], ids[2]]


def test_what_is_reviewed_while_others_are_removed_stays_in_the_bucket(tmp_path: Path) -> None:
    bucket = Bucket((tmp_path / "bucket").as_uri())
    ids = [str(uuid.uuid4()) for _ in range(4)]
    for one in ids:
        bucket.write(f"analyses/{one}/0/result.json", b"{}")
        bucket.create(f"analyses/{one}/manifest.json", b"{}")
    told: list[str] = []

    def review_the_next(_kind: Kind, result_id: str, _owner: str) -> None:
        told.append(result_id)
        if result_id == ids[0]:
            bucket.create(f"analyses/{ids[1]}/added/result.2.json", b'{"status": "final"}')

    BucketRetention(bucket, Room(1, 10**9), review_the_next).remove_oldest()

    assert told == [ids[0], ids[2]]
    left = {one.path.split("/")[1] for one in bucket.list()}
    assert left == {ids[1], ids[3]}


def test_what_a_killed_process_left_of_a_removal_is_in_nobodys_way(tmp_path: Path) -> None:
    place = Place(tmp_path, max_count=1)
    first = place.keep(50)
    # Under its id another one was kept before, such as a calibration.
    (tmp_path / "analyses" / f".aside-{first}").mkdir()
    (tmp_path / "analyses" / f".aside-{first}" / "labels.png").write_bytes(b"x")

    second = place.keep(40)

    assert [place.has(one) for one in (first, second)] == [False, True]


def test_calibrations_go_last_whoever_holds_them(tmp_path: Path) -> None:
    place = Place(tmp_path, max_bytes=100)
    calibration = place.keep(90, 50, owner="a", kind=CALIBRATIONS)
    analysis = place.keep(50, 40, owner="b")
    place.keep(0, 40, owner="b")

    assert place.has(calibration, "a", CALIBRATIONS)
    assert not place.has(analysis, "b")


def test_a_removal_is_told_once_also_where_many_results_come_at_the_same_time(
    tmp_path: Path,
) -> None:
    told: Counter[str] = Counter()

    def tell(_kind: Kind, result_id: str, _owner: str) -> None:
        told[result_id] += 1
        time.sleep(0.002)

    # As of two processes with two threads each.
    stores = [ArtefactStore(tmp_path, max_count=3, max_bytes=10**9, on_removal=tell)] * 2
    stores += [ArtefactStore(tmp_path, max_count=3, max_bytes=10**9, on_removal=tell)] * 2
    stores[0].open_folder()

    def keep_some(store: ArtefactStore) -> None:
        for _ in range(8):
            keep_files(store, ANALYSES, str(uuid.uuid4()), {ANALYSES.document: b"x"})

    with ThreadPoolExecutor(len(stores)) as threads:
        list(threads.map(keep_some, stores))

    assert told.total() == len(told) == 8 * len(stores) - 3


def test_what_stands_in_the_way_of_a_removal_is_no_fault_of_a_new_result(tmp_path: Path) -> None:
    place = Place(tmp_path, max_count=1)
    ids = ["0123456789abcdef" * 4, "fedcba9876543210" * 4]
    # A process was killed while it removed the same calibration before.
    (tmp_path / "calibrations" / f".aside-{ids[0]}" / "half").mkdir(parents=True)
    for calibration_id in ids:
        keep_files(place.store, CALIBRATIONS, calibration_id, {CALIBRATIONS.document: b"{}"})

    assert [place.has(one, kind=CALIBRATIONS) for one in ids] == [False, True]


def test_a_result_is_kept_where_no_other_can_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place(tmp_path, max_count=1)
    old, rename = place.keep(50), Path.rename

    def held(path: Path, target: Path) -> Path:
        if path.name == old:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        return rename(path, target)

    with monkeypatch.context() as stubborn:
        stubborn.setattr(Path, "rename", held)
        second = place.keep(20)
    assert place.has(old)
    assert place.has(second)
    assert "results beyond the limits stay for now" in caplog.text

    last = place.keep(10)
    assert [place.has(one) for one in (old, second, last)] == [False, False, True]


def test_a_version_that_could_not_be_read_once_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, max_count=1)
    rejected, read_bytes = place.keep(50, reviews=("rejected",)), Path.read_bytes

    def no_descriptor(path: Path) -> bytes:
        if path.name == "result.2.json":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return read_bytes(path)

    with monkeypatch.context() as busy:
        busy.setattr(Path, "read_bytes", no_descriptor)
        place.keep(20)
    # It may have been worth keeping.
    assert place.has(rejected)

    place.keep(10)
    assert not place.has(rejected)


def test_what_is_used_or_reviewed_while_others_are_removed_stays(tmp_path: Path) -> None:
    place = Place(tmp_path)
    ids = [place.keep(90 - age_s) for age_s in range(4)]
    approved = json.dumps({"status": "final"}).encode()

    def meanwhile(_kind: Kind, result_id: str, _owner: str) -> None:
        if result_id == ids[0]:
            place.store.use(ANALYSES, ids[1])
            add_version(place.store, ids[2], 2, approved)

    small = ArtefactStore(tmp_path, max_count=1, max_bytes=10**9, on_removal=meanwhile)
    keep_files(small, ANALYSES, str(uuid.uuid4()), {ANALYSES.document: b"x"})

    assert [place.has(one) for one in ids] == [False, True, True, False]


def test_annotations_that_were_drawn_upon_are_not_too_many(tmp_path: Path) -> None:
    place = Place(tmp_path, max_count=2)
    drawn = [drawn_upon(place, age_s) for age_s in (90, 80, 70)]
    empty = [place.keep(age_s, kind=ANNOTATIONS) for age_s in (60, 50, 40)]

    assert all(place.has(one, kind=ANNOTATIONS) for one in drawn)
    assert [place.has(one, kind=ANNOTATIONS) for one in empty] == [False, True, True]
    assert place.told == [("annotations", empty[0], "")]


def test_annotations_that_were_drawn_upon_are_bounded_all_the_same(tmp_path: Path) -> None:
    place = Place(tmp_path, max_count=1)
    empty = place.keep(99, kind=ANNOTATIONS)
    drawn = [drawn_upon(place, 90 - number) for number in range(12)]
    place.keep(1, kind=CALIBRATIONS)

    assert [place.has(one, kind=ANNOTATIONS) for one in drawn] == [False] * 2 + [True] * 10
    assert not place.has(empty, kind=ANNOTATIONS)


def test_annotations_that_were_drawn_upon_go_last_of_all(tmp_path: Path) -> None:
    place = Place(tmp_path, max_bytes=200)
    drawn = drawn_upon(place, 90)
    calibration = place.keep(80, 60, kind=CALIBRATIONS)
    empty = place.keep(70, 60, kind=ANNOTATIONS)
    place.keep(10, 140)

    assert place.has(drawn, kind=ANNOTATIONS)
    assert not place.has(calibration, kind=CALIBRATIONS)
    assert not place.has(empty, kind=ANNOTATIONS)
    # They are bounded all the same.
    place.keep(0, 199)
    assert not place.has(drawn, kind=ANNOTATIONS)


def drawn_upon(place: Place, age_s: int) -> str:
    """Keep an annotation with one step."""
    result_id = place.keep(age_s, kind=ANNOTATIONS)
    path = add_file(place.store, ANNOTATIONS, result_id, entry_file(1), b"{}", what="a step")
    os.utime(path.parent, (1_700_000_000 - age_s, 1_700_000_000 - age_s))
    return result_id


def test_what_grows_makes_room_as_well(tmp_path: Path) -> None:
    mib = 1024 * 1024
    place = Place(tmp_path, max_bytes=12 * mib)
    analysis = place.keep(90, mib)
    annotation = place.keep(80, 100, kind=ANNOTATIONS)
    for number in range(1, 18):
        assert place.has(analysis)
        name = entry_file(number)
        add_file(place.store, ANNOTATIONS, annotation, name, b"x" * mib, what="a step")

    # It is looked after 16 of them; the annotation was just drawn upon.
    assert not place.has(analysis)
    assert place.has(annotation, kind=ANNOTATIONS)
    assert place.told == [("analyses", analysis, "")]


def test_a_file_that_goes_meanwhile_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "step.1.json").write_bytes(b"x" * 10)
    # It is listed, and it is not there when it is looked at.
    (tmp_path / ".aside").symlink_to(tmp_path / "gone")
    assert size_bytes(tmp_path) == 10
    assert size_bytes(tmp_path / "never") == 0


def test_a_bucket_knows_what_was_drawn_upon(tmp_path: Path) -> None:
    bucket, told = Bucket((tmp_path / "bucket").as_uri()), list[str]()
    drawn, before_upload, empty, newest = (str(uuid.uuid4()) for _ in range(4))
    for one in (drawn, before_upload, empty, newest):
        bucket.write(f"annotations/{one}/0/annotation.json", b"{}")
        if one == before_upload:
            bucket.write(f"annotations/{one}/0/step.1.json", b"{}")
        bucket.create(f"annotations/{one}/manifest.json", b"{}")
    bucket.create(f"annotations/{drawn}/added/step.1.json", b"{}")

    BucketRetention(bucket, Room(1, 10**9), lambda _, one, __: told.append(one)).remove_oldest()

    assert told == [empty]


def test_a_step_is_a_use_in_a_bucket(tmp_path: Path) -> None:
    bucket, told = Bucket((tmp_path / "bucket").as_uri()), list[str]()
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for one in ids:
        bucket.write(f"annotations/{one}/0/annotation.json", b"x" * 10)
        bucket.create(f"annotations/{one}/added/step.1.json", b"{}")
        bucket.create(f"annotations/{one}/manifest.json", b"{}")
        time.sleep(0.01)
    bucket.create(f"annotations/{ids[0]}/added/step.2.json", b"{}")

    BucketRetention(bucket, Room(9, 40), lambda _, one, __: told.append(one)).remove_oldest()

    # The one that was just drawn upon is the newest.
    assert told == [ids[1]]
