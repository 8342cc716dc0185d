"""While the bucket of results is silent, work goes on: nothing waits for it twice."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from petrography.errors import BucketUnavailableError
from service.bucket import Bucket
from service.catalogue import Catalogue, NewAnalysis
from service.engine import ANALYSES, Finished, OnEvent, RecordedAnalyses, newest_version
from service.engine.bucket_artefacts import BucketArtefactStore
from tests import s3_stand_in
from tests.databases import sqlite_url
from tests.kept_results import keep_files
from tests.s3_stand_in import BUCKET, s3_bucket

pytestmark = pytest.mark.anyio

URL = f"s3://{BUCKET}/results"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3_stand_in.Bucket]:
    with s3_bucket(monkeypatch) as bucket:
        yield bucket


@pytest.fixture
def store(s3: s3_stand_in.Bucket, tmp_path: Path) -> Iterator[BucketArtefactStore]:
    made = BucketArtefactStore(Bucket(URL), tmp_path, max_count=10, max_bytes=10**6)
    made.open_folder()
    s3.silent = True
    yield made
    made.close()


@pytest.fixture
def recorded(store: BucketArtefactStore, tmp_path: Path) -> Iterator[RecordedAnalyses]:
    catalogue = Catalogue(sqlite_url(tmp_path))
    yield RecordedAnalyses(catalogue, store)
    catalogue.close()


def asked() -> NewAnalysis:
    return NewAnalysis("", "S", "k", "a" * 64, "tiny:1", "bulk", False, "{}")


async def made(analysis_id: str, _on_event: OnEvent) -> Finished:
    return Finished(analysis_id, b"made")


async def test_a_new_analysis_does_not_look_into_the_bucket(
    recorded: RecordedAnalyses, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(recorded.store, "folder_of", never)

    finished = await recorded.analyse(asked(), made)

    assert isinstance(finished, Finished)
    assert finished.document == b"made"


async def test_an_analysis_that_is_taken_over_is_made_again_and_the_loop_goes_on(
    recorded: RecordedAnalyses, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = recorded.catalogue.begin(asked())
    recorded.catalogue.note(begun.analysis_id, state="cancelled")
    looked_in: list[int] = []

    def silent(*_: object) -> None:
        looked_in.append(threading.get_ident())
        msg = "does not answer"
        raise BucketUnavailableError(msg)

    monkeypatch.setattr(recorded.store, "folder_of", silent)

    finished = await recorded.analyse(asked(), made)

    assert isinstance(finished, Finished)
    assert finished == Finished(begun.analysis_id, b"made")
    assert looked_in
    assert threading.get_ident() not in looked_in


async def test_an_analysis_that_was_answered_before_waits_for_the_bucket(
    recorded: RecordedAnalyses,
) -> None:
    begun = recorded.catalogue.begin(asked())
    recorded.catalogue.note(begun.analysis_id, state="done", status="preliminary", version=1)

    with pytest.raises(BucketUnavailableError):
        await recorded.analyse(asked(), made)


def test_a_bucket_that_was_just_found_silent_is_not_asked_again(
    s3: s3_stand_in.Bucket, store: BucketArtefactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: list[str] = []

    def silent(_bucket: Bucket, path: str) -> bytes:
        asked_for.append(path)
        msg = "does not answer"
        raise BucketUnavailableError(msg)

    with monkeypatch.context() as broken:
        broken.setattr(Bucket, "read", silent)
        for _ in range(3):
            with pytest.raises(BucketUnavailableError, match="does not answer"):
                store.folder_of(ANALYSES, str(uuid.uuid4()))
        assert len(asked_for) == 1
    # It is asked again after a while.
    s3.silent = False
    monkeypatch.setattr(time, "monotonic", lambda now=time.monotonic: now() + 3600.0)
    assert store.folder_of(ANALYSES, str(uuid.uuid4())) is None


@pytest.mark.parametrize("error", [BucketUnavailableError("cut off"), FileNotFoundError()])
def test_a_version_that_cannot_be_brought_leaves_nothing(
    s3: s3_stand_in.Bucket,
    store: BucketArtefactStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    """The bucket falls silent, or the version is taken back, while it is copied."""
    s3.silent = False
    result_id = str(uuid.uuid4())
    keep_files(store, ANALYSES, result_id, {"result.json": b"{}"})
    s3.put(f"results/analyses/{result_id}/added/result.2.json", b"{}")

    def cut_off(_bucket: Bucket, _path: str, file: Path) -> str:
        file.write_bytes(b"half")
        raise error

    monkeypatch.setattr(Bucket, "download", cut_off)

    assert newest_version(store, result_id) == 1
    folder = tmp_path / "analyses" / result_id
    assert [path.name for path in folder.iterdir()] == ["result.json"]


def test_a_job_whose_result_may_be_in_a_silent_bucket_is_worked_on(
    store: BucketArtefactStore,
) -> None:
    assert newest_version(store, str(uuid.uuid4())) is None


@pytest.mark.parametrize("size_bytes", [None, 100, 10**6])
def test_a_bucket_that_stands_still_is_given_up_soon(
    size_bytes: int | None,
    s3: s3_stand_in.Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Read from, or given a file of so many bytes."""
    assert s3.endpoint
    monkeypatch.setattr("service.bucket._PROMPT", timedelta(seconds=0.1))
    file = tmp_path / "labels.png"
    file.write_bytes(bytes(size_bytes or 0))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        bucket = Bucket(URL)
        read, write = partial(bucket.read, "a"), partial(bucket.write, "labels.png", file)
        begun_s = time.monotonic()
        with pytest.raises(BucketUnavailableError):
            read() if size_bytes is None else write()
        assert time.monotonic() - begun_s < 10.0
