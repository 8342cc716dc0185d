"""What others do to a result of a bucket, and to its copy here, between two steps of a reader."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from petrography.errors import BucketUnavailableError, CalibrationNotFoundError, ConflictError
from service.bucket import Bucket
from service.engine import ANALYSES, ANNOTATIONS, CALIBRATIONS, open_version
from service.engine.added_files import add_file
from service.engine.artefact_store import sync_tree
from service.engine.bucket_artefacts import BucketArtefactStore
from service.engine.bucket_retention import BucketRetention
from service.engine.retention import Room
from service.engine.versions import add_version
from tests.hostile.refusals import assert_problem
from tests.http_service import running_service, settings_for
from tests.kept_results import keep_files

DIGESTS = ["0123456789abcdef" * 4, "fedcba9876543210" * 4]
DOCUMENT = {"result.json": b"{}", "labels.png": b"labels"}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Callable[[], BucketArtefactStore]]:
    """Makes the stores of several machines, which share nothing but a bucket."""
    stores: list[BucketArtefactStore] = []

    def made() -> BucketArtefactStore:
        bucket = Bucket((tmp_path / "bucket").as_uri())
        folder = tmp_path / f"machine-{len(stores)}"
        stores.append(BucketArtefactStore(bucket, folder, max_count=10, max_bytes=10**6))
        stores[-1].open_folder()
        return stores[-1]

    yield made
    for store in stores:
        store.close()


@pytest.fixture
def store(machine: Callable[[], BucketArtefactStore]) -> BucketArtefactStore:
    return machine()


def kept(store: BucketArtefactStore) -> tuple[str, Path]:
    """Keep an analysis; gives its id and its folder."""
    result_id = str(uuid.uuid4())
    keep_files(store, ANALYSES, result_id, DOCUMENT)
    folder = store.possible_folder(ANALYSES, result_id)
    assert folder is not None
    return result_id, folder


@pytest.mark.parametrize("reviewed", [False, True])
def test_a_copy_that_goes_while_it_is_opened_is_brought_again(
    store: BucketArtefactStore, monkeypatch: pytest.MonkeyPatch, reviewed: bool
) -> None:
    result_id, folder = kept(store)
    if reviewed:
        add_version(store, result_id, 2, b"second")
        (folder / "result.2.json").unlink()
    looked = Bucket.list
    # As another request does that makes room for what it brings.
    gone = iter([True, False, True, False])

    def removed_meanwhile(bucket: Bucket, prefix: str = "") -> Any:
        found = looked(bucket, prefix)
        if next(gone, False):
            shutil.rmtree(folder)
        return found

    monkeypatch.setattr(Bucket, "list", removed_meanwhile)
    with store.open(ANALYSES, result_id, "labels.png").file as file:
        assert file.read() == b"labels"
    with open_version(store, result_id).file as file:
        assert file.read() == (b"second" if reviewed else b"{}")


def test_a_review_of_a_copy_that_goes_meanwhile_is_kept(
    store: BucketArtefactStore,
    machine: Callable[[], BucketArtefactStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result_id, folder = kept(store)
    added_key = store._added_key

    def removed_meanwhile(path: Path) -> str:
        shutil.rmtree(folder)
        return added_key(path)

    monkeypatch.setattr(store, "_added_key", removed_meanwhile)
    add_version(store, result_id, 2, b"second")

    with open_version(machine(), result_id).file as file:
        assert file.read() == b"second"


def test_a_review_that_is_taken_back_while_it_is_brought_is_no_fault(
    store: BucketArtefactStore,
    machine: Callable[[], BucketArtefactStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result_id, _ = kept(store)
    path = add_version(store, result_id, 2, b"second")
    other, download = machine(), Bucket.download

    def taken_back(bucket: Bucket, key: str, file: Path) -> str:
        if "added" in key:
            store.take_back(path)
        return download(bucket, key, file)

    monkeypatch.setattr(Bucket, "download", taken_back)
    with open_version(other, result_id).file as file:
        assert file.read() == b"{}"


def test_a_review_that_breaks_off_on_its_way_leaves_nothing_of_it(
    store: BucketArtefactStore,
    machine: Callable[[], BucketArtefactStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result_id, folder = kept(store)
    add_version(machine(), result_id, 2, b"second")

    def half(_bucket: Bucket, _key: str, file: Path) -> str:
        file.write_bytes(b"sec")
        raise BucketUnavailableError("gone")

    monkeypatch.setattr(Bucket, "download", half)
    with store.open(ANALYSES, result_id, "labels.png").file as file:
        assert file.read() == b"labels"
    assert {one.name for one in folder.iterdir()} == set(DOCUMENT)


@pytest.mark.anyio
async def test_a_disk_without_room_for_a_copy_is_503(
    store: BucketArtefactStore, model_folder: Path, tmp_path: Path
) -> None:
    result_id, _ = kept(store)

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/secret/path")

    url = (tmp_path / "bucket").as_uri()
    settings = settings_for(model_folder, tmp_path / "other", artefacts_url=url)
    async with running_service(settings) as (client, _):
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(Bucket, "download", full)
            refused = await client.get(f"/v1/analyses/{result_id}/labels.png")
        assert_problem(refused, 503, "a copy of a result cannot be stored")
        assert (await client.get(f"/v1/analyses/{result_id}/labels.png")).content == b"labels"


def test_what_is_still_being_published_stays_on_the_list_of_uploads(
    store: BucketArtefactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_disk(folder: Path) -> None:
        # A gigabyte takes longer than the thread of the uploads waits between two looks.
        store.upload_waiting()
        sync_tree(folder)
        monkeypatch.setattr(store._silence, "_until_s", float("inf"))

    monkeypatch.setattr("service.engine.artefact_store.sync_tree", slow_disk)
    result_id, _ = kept(store)
    manifest = tmp_path / "bucket" / "analyses" / result_id / "manifest.json"
    assert not manifest.exists()

    store.upload_waiting()
    assert manifest.is_file()


def test_a_result_that_cannot_be_read_for_its_upload_is_kept_and_uploaded_later(
    store: BucketArtefactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptor(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as busy:
        busy.setattr(Bucket, "write", no_descriptor)
        result_id, _ = kept(store)
    with store.open(ANALYSES, result_id, "labels.png").file as file:
        assert file.read() == b"labels"

    store.upload_waiting()
    assert (tmp_path / "bucket" / "analyses" / result_id / "manifest.json").is_file()


def test_what_was_never_finished_goes_from_the_list_of_uploads(
    store: BucketArtefactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("service.engine.artefact_store.sync_tree", killed)
    with pytest.raises(KeyboardInterrupt):
        kept(store)
    (note,) = (tmp_path / "machine-0" / ".outbox").glob("*.note")
    os.utime(note, (1, 1))

    store.upload_waiting()
    assert not note.exists()


def removing(store: BucketArtefactStore, on_removal: Callable[..., object] = print) -> None:
    BucketRetention(store._bucket, Room(1, 10**6), on_removal).remove_oldest()


def test_a_calibration_that_is_removed_while_it_is_used_can_be_made_again(
    store: BucketArtefactStore,
    machine: Callable[[], BucketArtefactStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for digest in DIGESTS:
        keep_files(store, CALIBRATIONS, digest, {"calibration.json": b"{}"})
    write, once = Bucket.write, iter([True])

    def late(bucket: Bucket, path: str, content: Path | bytes) -> None:
        # Another service tidies between the two requests by which a use is noted.
        if next(once, False):
            removing(store)
        write(bucket, path, content)

    with monkeypatch.context() as busy:
        busy.setattr(Bucket, "write", late)
        store.use(CALIBRATIONS, DIGESTS[0])
    with pytest.raises(CalibrationNotFoundError):
        machine().use(CALIBRATIONS, DIGESTS[0])

    keep_files(store, CALIBRATIONS, DIGESTS[0], {"calibration.json": b"{}"})
    assert machine().use(CALIBRATIONS, DIGESTS[0]) == b"{}"


def test_what_is_used_while_others_are_removed_stays(store: BucketArtefactStore) -> None:
    ids = [f"{number:064x}" for number in range(3)]
    for calibration_id in ids:
        keep_files(store, CALIBRATIONS, calibration_id, {"calibration.json": b"{}"})

    removing(store, lambda *_: store.use(CALIBRATIONS, ids[1]))

    found = {one.path.split("/")[1] for one in store._bucket.list()}
    assert found == set(ids[1:])


def test_who_was_not_first_finds_what_was_also_when_the_bucket_was_just_silent(
    machine: Callable[[], BucketArtefactStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = machine(), machine()
    result_id = str(uuid.uuid4())
    keep_files(one, ANNOTATIONS, result_id, {"annotation.json": b"{}"})
    folder = other.folder_of(ANNOTATIONS, result_id)
    assert folder is not None
    add_file(one, ANNOTATIONS, result_id, "step.1.json", b"first", what="a step")

    def silent(*_: object) -> bytes:
        msg = "the bucket does not answer"
        raise BucketUnavailableError(msg)

    with monkeypatch.context() as outage:
        outage.setattr(Bucket, "read", silent)
        assert not other.bring_added(folder / "step.1.json")
    # Until it is asked again nothing waits for it; but now it has answered.
    assert not other.bring_added(folder / "step.1.json")
    with pytest.raises(ConflictError):
        add_file(other, ANNOTATIONS, result_id, "step.1.json", b"second", what="a step")

    assert other.bring_added(folder / "step.1.json")
    assert (folder / "step.1.json").read_bytes() == b"first"
    assert not other.bring_added(folder / "step.2.json")
