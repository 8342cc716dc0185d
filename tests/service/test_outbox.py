"""The list of results that wait for a bucket survives full disks and single bad results."""

from __future__ import annotations

import errno
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from petrography.errors import BucketUnavailableError
from service.bucket import Bucket
from service.engine import ANALYSES, bucket_artefacts
from service.engine.bucket_artefacts import BucketArtefactStore
from service.engine.outbox import Outbox
from tests.kept_results import keep_files


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    made = Outbox(tmp_path)
    made.open()
    return made


def test_a_note_is_there_as_a_whole_or_not_at_all(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "analyses" / str(uuid.uuid4())

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            outbox.note(path)
    assert not outbox.holds(path)
    assert outbox.paths() == []

    outbox.note(path)
    assert outbox.holds(path)
    assert outbox.paths() == [path]


@pytest.mark.parametrize("content", ["", ".", "..", "analyses/another", "/etc", "\0"])
def test_a_note_that_holds_no_path_of_its_own_is_no_result(
    outbox: Outbox, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "analyses" / str(uuid.uuid4())
    outbox.note(path)
    (tmp_path / ".outbox" / f"{'0' * 64}.note").write_text(content)

    assert outbox.paths() == [path]


def test_notes_that_are_no_text_are_no_results(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / ".outbox" / f"{'0' * 64}.note").write_bytes(b"\xff\xfe")
    assert outbox.paths() == []


def test_what_was_put_off_comes_last_even_within_one_tick_of_the_clock(
    outbox: Outbox, tmp_path: Path
) -> None:
    for _ in range(20):
        first, second = (tmp_path / "analyses" / str(uuid.uuid4()) for _ in range(2))
        for path in (first, second):
            outbox.note(path)
        for note in (tmp_path / ".outbox").glob("*.note"):
            now_ns = time.time_ns()
            os.utime(note, ns=(now_ns, now_ns))

        outbox.put_off(first)
        assert outbox.paths() == [second, first]
        for path in (first, second):
            outbox.strike(path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BucketArtefactStore]:
    bucket = Bucket((tmp_path / "bucket").as_uri())
    made = BucketArtefactStore(bucket, tmp_path / "kept", max_count=10, max_bytes=10**6)
    made.open_folder()
    yield made
    made.close()


def test_a_stop_waits_for_one_upload_and_not_for_all(
    store: BucketArtefactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as silent:
        silent.setattr(store._silence, "_until_s", float("inf"))
        for _ in range(3):
            keep_files(store, ANALYSES, str(uuid.uuid4()), {"result.json": b"{}"})
    create = Bucket.create

    def stopped_meanwhile(bucket: Bucket, path: str, content: bytes) -> bool:
        store.close()
        return create(bucket, path, content)

    monkeypatch.setattr(Bucket, "create", stopped_meanwhile)
    store.upload_waiting()

    uploaded = list((tmp_path / "bucket").glob("analyses/*/manifest.json"))
    waiting = list((tmp_path / "kept" / ".outbox").glob("*.note"))
    assert (len(uploaded), len(waiting)) == (1, 2)


@pytest.mark.parametrize("error", [BucketUnavailableError("too large"), OSError(5, "broken")])
def test_one_result_that_cannot_be_uploaded_blocks_no_other(
    store: BucketArtefactStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    write, bad, good = Bucket.write, str(uuid.uuid4()), str(uuid.uuid4())

    def one_fails(bucket: Bucket, path: str, content: Path | bytes) -> None:
        if bad in path:
            raise error
        write(bucket, path, content)

    with monkeypatch.context() as silent:
        silent.setattr(store._silence, "_until_s", float("inf"))
        for result_id in (bad, good):
            keep_files(store, ANALYSES, result_id, {"result.json": b"{}"})
    monkeypatch.setattr(Bucket, "write", one_fails)
    for _ in range(2):
        try:
            store.upload_waiting()
        except BucketUnavailableError:
            continue

    assert (tmp_path / "bucket" / "analyses" / good / "manifest.json").is_file()
    assert not (tmp_path / "bucket" / "analyses" / bad / "manifest.json").exists()


def test_a_result_that_takes_long_to_get_to_the_disk_stays_on_the_list(
    store: BucketArtefactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result_id, uploading = str(uuid.uuid4()), Bucket.write

    def slow(_folder: Path) -> None:
        # What is done beside it every half minute; then the bucket falls silent.
        store.upload_waiting()
        monkeypatch.setattr(Bucket, "write", silent)

    def silent(*_: object) -> None:
        msg = "silent"
        raise BucketUnavailableError(msg)

    monkeypatch.setattr("service.engine.artefact_store.sync_tree", slow)
    keep_files(store, ANALYSES, result_id, {"result.json": b"{}"})
    monkeypatch.setattr(Bucket, "write", uploading)
    store.upload_waiting()

    assert (tmp_path / "bucket" / "analyses" / result_id / "manifest.json").is_file()


def test_what_never_came_is_struck_off_in_the_end(
    store: BucketArtefactStore, tmp_path: Path
) -> None:
    never = tmp_path / "kept" / "analyses" / str(uuid.uuid4())
    store._outbox.note(never)
    store.upload_waiting()
    assert store._outbox.holds(never)
    long_ago_s = time.time() - 7200.0
    (note,) = (tmp_path / "kept" / ".outbox").glob("*.note")
    os.utime(note, (long_ago_s, long_ago_s))

    store.upload_waiting()

    assert not store._outbox.holds(never)


def test_tries_that_break_off_leave_nothing_in_the_bucket(
    store: BucketArtefactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = bucket_artefacts._sha256

    def broken(file: Path) -> str:
        if file.name == "result.json":
            raise OSError(5, "Input/output error")
        return digest(file)

    monkeypatch.setattr(bucket_artefacts, "_sha256", broken)
    result_id = str(uuid.uuid4())
    # Kept here it is, and so nobody is told that it is not.
    keep_files(store, ANALYSES, result_id, {"modal.csv": b"x", "result.json": b"{}"})
    for _ in range(2):
        store.upload_waiting()

    assert store.is_kept(ANALYSES, result_id)
    assert [path for path in (tmp_path / "bucket").rglob("*") if path.is_file()] == []
