"""One table of rules over every place that keeps results, and what only a bucket can suffer."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from petrography.errors import (
    AnalysisNotFoundError,
    BucketUnavailableError,
    ConflictError,
    InternalError,
    NotFoundError,
    StorageUnavailableError,
)
from service.bucket import Bucket
from service.engine import (
    ANALYSES,
    CALIBRATIONS,
    PANORAMAS,
    REGISTRATIONS,
    ArtefactStore,
    newest_version,
    open_version,
)
from service.engine.bucket_artefacts import BucketArtefactStore
from service.engine.bucket_retention import BucketRetention
from service.engine.opening_store import open_store
from service.engine.retention import Room
from service.engine.versions import add_version
from service.settings import Settings
from tests import s3_stand_in
from tests.hostile.refusals import assert_problem
from tests.http_service import running_service, settings_for
from tests.kept_results import keep_files
from tests.s3_stand_in import BUCKET, s3_bucket
from tests.tiny_model import write_model

URL = f"s3://{BUCKET}/results"
DIGEST = "0123456789abcdef" * 4
# Makes the store of one machine: those of several machines share no folder, but a bucket.
Machine: TypeAlias = Callable[[], ArtefactStore]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3_stand_in.Bucket]:
    with s3_bucket(monkeypatch) as bucket:
        yield bucket


@contextmanager
def machines(tmp_path: Path, url: str | None) -> Iterator[Machine]:
    stores: list[ArtefactStore] = []

    def machine() -> ArtefactStore:
        name = "artefacts" if url is None else f"machine-{len(stores)}"
        fields = {"artefacts_folder": tmp_path / name, "artefacts_url": url}
        stores.append(open_store(Settings.model_validate(fields)))
        stores[-1].open_folder()
        return stores[-1]

    yield machine
    for store in stores:
        store.close()


@pytest.fixture(params=["folder", "file", "s3"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    url = {"folder": None, "file": (tmp_path / "bucket").as_uri(), "s3": URL}[request.param]
    if request.param == "s3":
        request.getfixturevalue("s3")
    with machines(tmp_path, url) as made:
        yield made


@pytest.fixture
def in_s3(s3: s3_stand_in.Bucket, tmp_path: Path) -> Iterator[Callable[[], BucketArtefactStore]]:
    with machines(tmp_path, URL) as made:

        def bucket_store() -> BucketArtefactStore:
            store = made()
            assert isinstance(store, BucketArtefactStore)
            return store

        yield bucket_store


def content(store: ArtefactStore, result_id: str, name: str = "result.json") -> bytes:
    with store.open(ANALYSES, result_id, name).file as file:
        return file.read()


# every place -------------------------------------------------------------------------------------


def test_what_one_keeps_another_reads(machine: Machine) -> None:
    result_id = str(uuid.uuid4())
    files = {"result.json": b"{}", "labels.png": bytes(range(256)) * 100}
    keep_files(machine(), ANALYSES, result_id, files)

    other = machine()

    opened = other.open(ANALYSES, result_id, "labels.png")
    with opened.file as file:
        file.seek(256)
        assert file.read(256) == bytes(range(256))
    assert opened.size_bytes == 25_600
    assert opened.media_type == "image/png"
    assert content(other, result_id) == b"{}"
    with pytest.raises(NotFoundError):
        other.open(ANALYSES, result_id, "overlay.jpg")


def test_a_draft_is_seen_when_it_is_published(machine: Machine) -> None:
    store, other, result_id = machine(), machine(), str(uuid.uuid4())
    with store.draft(ANALYSES) as draft:
        draft.write("result.json", b"whole")
        for one in (store, other):
            with pytest.raises(AnalysisNotFoundError):
                content(one, result_id)
        store.publish(result_id, draft)

    assert content(other, result_id) == b"whole"


def test_the_first_of_two_under_one_id_stays(machine: Machine) -> None:
    for text in (b"first", b"again"):
        keep_files(machine(), CALIBRATIONS, DIGEST, {"calibration.json": text})

    assert machine().use(CALIBRATIONS, DIGEST) == b"first"


def test_the_first_of_two_analyses_under_one_id_is_read_everywhere(machine: Machine) -> None:
    """Also by who made the second, when the process that had made the first was thought dead."""
    stores, result_id = [machine(), machine()], str(uuid.uuid4())
    for store, text in zip(stores, (b"first", b"again"), strict=True):
        keep_files(store, ANALYSES, result_id, {"result.json": text})

    assert [content(store, result_id) for store in (*stores, machine())] == [b"first"] * 3


def test_a_failed_write_leaves_nothing(machine: Machine) -> None:
    store, result_id = machine(), str(uuid.uuid4())
    with pytest.raises(StorageUnavailableError):
        keep_files(store, ANALYSES, result_id, {"result.json": b"x", "no/such/folder.png": b"x"})

    for one in (store, machine()):
        with pytest.raises(AnalysisNotFoundError):
            content(one, result_id)


def test_tenants_do_not_reach_each_other(machine: Machine) -> None:
    store, result_id = machine(), str(uuid.uuid4())
    keep_files(store, ANALYSES, result_id, {"result.json": b"mine"}, "laboratory-1")

    for owner in ("", "laboratory-2"):
        with pytest.raises(AnalysisNotFoundError):
            machine().open(ANALYSES, result_id, "result.json", owner)
    with machine().open(ANALYSES, result_id, "result.json", "laboratory-1").file as file:
        assert file.read() == b"mine"


@pytest.mark.parametrize("result_id", ["", "..", "../x", "A" * 36, "manifest.json"])
def test_only_canonical_ids_are_looked_for(machine: Machine, result_id: str) -> None:
    with pytest.raises(AnalysisNotFoundError):
        content(machine(), result_id)


def test_files_named_by_clients_keep_their_names(machine: Machine) -> None:
    names = [f"registered-{stem}.png" for stem in ("XPL 30", "шлиф", 'quo"te', "100%", "plain")]
    keep_files(machine(), REGISTRATIONS, DIGEST, {name: name.encode() for name in names})

    other = machine()
    for name in names:
        with other.open(REGISTRATIONS, DIGEST, name).file as file:
            assert file.read() == name.encode()


def test_versions_are_seen_by_all_and_made_once(machine: Machine) -> None:
    store, other, result_id = machine(), machine(), str(uuid.uuid4())
    keep_files(store, ANALYSES, result_id, {"result.json": b"1"})
    assert newest_version(other, result_id) == 1
    add_version(store, result_id, 2, b"2")

    with pytest.raises(ConflictError):
        add_version(other, result_id, 2, b"another 2")
    for one in (store, other, machine()):
        assert newest_version(one, result_id) == 2
        with open_version(one, result_id).file as file:
            assert file.read() == b"2"
        with open_version(one, result_id, version=1).file as file:
            assert file.read() == b"1"


# a bucket ----------------------------------------------------------------------------------------


def test_the_manifest_comes_last(
    s3: s3_stand_in.Bucket, in_s3: Callable[[], BucketArtefactStore]
) -> None:
    keep_files(in_s3(), PANORAMAS, str(uuid.uuid4()), {"panorama.json": b"{}", "preview.jpg": b"x"})

    asked = [one.rpartition("/")[2].partition("?")[0] for one in s3.asked if one.startswith("PUT")]
    # Beside what tries whether the bucket keeps conditions.
    puts = [name for name in asked if not name.startswith(".first-")]
    assert sorted(puts[:2]) == ["panorama.json", "preview.jpg"]
    assert puts[2:] == ["manifest.json"]


def test_what_is_finished_while_the_bucket_is_silent_is_uploaded_later(
    s3: s3_stand_in.Bucket, in_s3: Callable[[], BucketArtefactStore], tmp_path: Path
) -> None:
    store, result_id = in_s3(), str(uuid.uuid4())
    s3.silent = True
    keep_files(store, ANALYSES, result_id, {"result.json": b"kept"})
    assert content(store, result_id) == b"kept"
    assert s3.objects == {}
    with pytest.raises(BucketUnavailableError, match="does not answer"):
        store.upload_waiting()
    store.close()

    s3.silent = False
    # The next process on the same folder.
    again = BucketArtefactStore(Bucket(URL), tmp_path / "machine-0", max_count=10, max_bytes=10**6)
    again.upload_waiting()

    assert content(in_s3(), result_id) == b"kept"
    uploaded = dict(s3.objects)
    again.upload_waiting()
    assert s3.objects == uploaded


def test_a_result_that_is_elsewhere_needs_the_bucket(
    s3: s3_stand_in.Bucket,
    in_s3: Callable[[], BucketArtefactStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.engine.bucket_silence._SILENT_S", 0.0)
    monkeypatch.setattr("service.engine.bucket_silence._SILENT_TIMES", 0.0)
    result_id = str(uuid.uuid4())
    keep_files(in_s3(), ANALYSES, result_id, {"result.json": b"x"})
    other = in_s3()
    s3.silent = True

    with pytest.raises(BucketUnavailableError):
        content(other, result_id)
    s3.silent = False
    assert content(other, result_id) == b"x"


def test_a_correction_needs_the_bucket(
    s3: s3_stand_in.Bucket, in_s3: Callable[[], BucketArtefactStore]
) -> None:
    store, result_id = in_s3(), str(uuid.uuid4())
    keep_files(store, ANALYSES, result_id, {"result.json": b"1"})
    s3.silent = True

    with pytest.raises(BucketUnavailableError):
        add_version(store, result_id, 2, b"2")
    assert newest_version(store, result_id) == 1


def test_an_altered_object_is_not_answered(
    s3: s3_stand_in.Bucket, in_s3: Callable[[], BucketArtefactStore]
) -> None:
    result_id = str(uuid.uuid4())
    keep_files(in_s3(), ANALYSES, result_id, {"result.json": b"true"})
    (key,) = (key for key in s3.objects if key.endswith("result.json"))
    s3.put(key, b"false")

    with pytest.raises(InternalError, match="is not what was uploaded"):
        content(in_s3(), result_id)


def test_a_manifest_cannot_name_a_file_outside(
    s3: s3_stand_in.Bucket, in_s3: Callable[[], BucketArtefactStore], tmp_path: Path
) -> None:
    result_id = str(uuid.uuid4())
    keep_files(in_s3(), ANALYSES, result_id, {"result.json": b"x"})
    (key,) = (key for key in s3.objects if key.endswith("manifest.json"))
    s3.put(key, s3.objects[key][0].replace(b'"result.json"', b'"../../../out"'))

    with pytest.raises(InternalError, match="names a file"):
        content(in_s3(), result_id)
    assert not list(tmp_path.rglob("out"))


def test_what_waits_is_never_removed_and_bounded(s3: s3_stand_in.Bucket, tmp_path: Path) -> None:
    store = BucketArtefactStore(Bucket(URL), tmp_path, max_count=1, max_bytes=100)
    store.open_folder()
    s3.silent = True
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for result_id in ids:
        keep_files(store, ANALYSES, result_id, {"result.json": b"x" * 40})

    assert [content(store, result_id) for result_id in ids] == [b"x" * 40] * 3
    with (
        pytest.raises(BucketUnavailableError, match="120 bytes of results wait"),
        store.draft(ANALYSES),
    ):
        pass
    store.close()


def test_tries_that_fail_leave_nothing_in_a_bucket_that_is_full(
    s3: s3_stand_in.Bucket,
    in_s3: Callable[[], BucketArtefactStore],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = Bucket.write

    def fits(bucket: Bucket, path: str, content: Path | bytes) -> None:
        if path.endswith("result.json"):
            msg = "no space left"
            raise BucketUnavailableError(msg)
        write(bucket, path, content)

    store = in_s3()
    with monkeypatch.context() as full:
        full.setattr(Bucket, "write", fits)
        keep_files(store, ANALYSES, str(uuid.uuid4()), {"modal.csv": b"x", "result.json": b"kept"})
        with pytest.raises(BucketUnavailableError):
            store.upload_waiting()
        assert s3.objects == {}
    store.upload_waiting()
    assert len(s3.objects) == 3


@pytest.mark.parametrize("again", [False, True], ids=["answer lost", "sent twice"])
def test_a_manifest_whose_answer_is_lost_keeps_its_files(
    again: bool, in_s3: Callable[[], BucketArtefactStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client may notice it, or send the manifest again, which then is there already."""
    create = Bucket.create

    def losing(bucket: Bucket, path: str, content: bytes) -> bool:
        create(bucket, path, content)
        if again:
            return create(bucket, path, content)
        msg = "no answer"
        raise BucketUnavailableError(msg)

    store, result_id = in_s3(), str(uuid.uuid4())
    with monkeypatch.context() as lost:
        lost.setattr(Bucket, "create", losing)
        keep_files(store, ANALYSES, result_id, {"modal.csv": b"x", "result.json": b"kept"})
    store.upload_waiting()

    elsewhere = in_s3()
    assert content(elsewhere, result_id) == b"kept"
    assert content(elsewhere, result_id, "modal.csv") == b"x"


def test_a_version_whose_answer_is_lost_was_made(
    s3: s3_stand_in.Bucket, in_s3: Callable[[], BucketArtefactStore]
) -> None:
    store, result_id = in_s3(), str(uuid.uuid4())
    keep_files(store, ANALYSES, result_id, {"result.json": b"1"})
    s3.loses_answer_to = "added/result.2.json"

    add_version(store, result_id, 2, b"2")

    assert [newest_version(one, result_id) for one in (store, in_s3())] == [2, 2]


def test_a_bucket_is_bounded(
    s3: s3_stand_in.Bucket, in_s3: Callable[[], BucketArtefactStore]
) -> None:
    store = in_s3()
    ids = [str(uuid.uuid4()) for _ in range(4)]
    for result_id in ids:
        keep_files(store, ANALYSES, result_id, {"result.json": b"x"})
    keep_files(store, CALIBRATIONS, DIGEST, {"calibration.json": b"{}"})
    s3.put("results/notes.txt", b"of somebody else")

    BucketRetention(Bucket(URL), Room(2, 10**6), print).remove_oldest()

    kept = {key.split("/")[2] for key in s3.objects if key.endswith("manifest.json")}
    assert kept == {*ids[2:], DIGEST}
    assert len(s3.objects) == 2 * 3 + 1
    BucketRetention(Bucket(URL), Room(2, 1), print).remove_oldest()
    assert [key.split("/")[1] for key in s3.objects if "manifest" in key] == ["calibrations"]


def test_no_thread_is_left(in_s3: Callable[[], BucketArtefactStore]) -> None:
    before = set(threading.enumerate())
    store = in_s3()
    assert {one.name for one in set(threading.enumerate()) - before} >= {"artefacts"}
    store.close()

    assert not [one for one in set(threading.enumerate()) - before if one.name == "artefacts"]


@pytest.mark.anyio
async def test_a_silent_bucket_is_503_with_a_time_to_come_back(
    s3: s3_stand_in.Bucket, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "models")
    settings = settings_for(tmp_path / "models", tmp_path / "artefacts", artefacts_url=URL)
    async with running_service(settings) as (client, _):
        s3.silent = True
        answer = await client.get(f"/v1/analyses/{uuid.uuid4()}/labels.png")
        assert_problem(answer, 503, "does not answer")
        assert int(answer.headers["retry-after"]) > 0
