"""The uploads of jobs in a bucket: there as a whole or not at all, for every service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from petrography.errors import BucketUnavailableError, DamagedJobError
from service.bucket import Bucket
from service.jobs.bucket_job_files import BucketJobFiles
from service.jobs.job_files import JobFiles, JobOrder
from service.jobs.opening_files import open_job_files
from service.settings import Settings
from tests import s3_stand_in
from tests.jobs.kept_job import kept_job
from tests.jobs.one_job import one_job
from tests.jobs.running_jobs import FIELD, Sent, submission
from tests.s3_stand_in import BUCKET, s3_bucket

URL = f"s3://{BUCKET}/shared"
PREFIX = "shared/jobs/"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3_stand_in.Bucket]:
    # One that is silent is asked again, with pauses.
    monkeypatch.setattr("service.bucket._RETRIES", 0)
    with s3_bucket(monkeypatch) as bucket:
        yield bucket


@pytest.fixture
def one(s3: s3_stand_in.Bucket, tmp_path: Path) -> BucketJobFiles:
    return BucketJobFiles(Bucket(URL), tmp_path / "one")


@pytest.fixture
def other(s3: s3_stand_in.Bucket, tmp_path: Path) -> BucketJobFiles:
    """As `one`, on another machine."""
    return BucketJobFiles(Bucket(URL), tmp_path / "other")


def names(s3: s3_stand_in.Bucket) -> list[str]:
    return sorted(key.removeprefix(PREFIX) for key in s3.objects if key.startswith(PREFIX))


def kept(files: JobFiles, analysis_id: str = "a", content: bytes = FIELD) -> JobOrder:
    """Receive two files and keep them as a job."""
    sent = replace(submission(), files={"image": Sent(content), "xpl": Sent(b"view")})
    return kept_job(files, analysis_id, sent)


def test_what_one_has_kept_another_reads_and_removes(
    s3: s3_stand_in.Bucket, one: BucketJobFiles, other: BucketJobFiles, tmp_path: Path
) -> None:
    order = kept(one)
    assert other.order("a") == order
    assert list(other.kept()) == ["a"]
    with other.open("a") as job:
        assert job.order == order
        assert job.files["image"].read() == FIELD
        assert job.files["xpl"].read() == b"view"
        assert job.files["image"].place()[1:] == (0, len(FIELD))
    # Neither has anything of it on its disk.
    assert [*(tmp_path / "one").iterdir(), *(tmp_path / "other").iterdir()] == []
    assert [other.begun("a"), one.begun("a")] == [1, 2]
    other.ended("a")
    assert one.begun("a") == 1
    other.remove("a")
    assert names(s3) == []
    assert one.kept() == {}
    for name in ("a", "../a", ""):
        with pytest.raises(DamagedJobError, match="not there"):
            one.order(name)


def test_what_was_uploaded_is_compared_with_its_digest(
    s3: s3_stand_in.Bucket, one: BucketJobFiles, other: BucketJobFiles
) -> None:
    order = kept(one)
    key = f"{PREFIX}uploads/{order.parts[0].file}"
    s3.put(key, FIELD[:-1] + b"x")
    with pytest.raises(DamagedJobError, match="not the one that was uploaded"), other.open("a"):
        pass
    del s3.objects[key]
    with pytest.raises(DamagedJobError, match="not there"), other.open("a"):
        pass


def test_what_is_not_kept_is_gone_and_of_two_submissions_one_counts(
    s3: s3_stand_in.Bucket, one: BucketJobFiles, other: BucketJobFiles
) -> None:
    with one.received({"image": Sent()}):
        # Refused here, for instance as its key was used for another.
        assert len(names(s3)) == 1
    assert names(s3) == []
    order = kept(one)
    before = names(s3)
    kept(other, content=b"another")
    assert names(s3) == before
    assert one.order("a") == order


@pytest.mark.parametrize("asked", range(5))
def test_a_bucket_that_falls_silent_is_told_and_the_same_may_be_sent_again(
    asked: int, s3: s3_stand_in.Bucket, one: BucketJobFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent from some request of the submission on: two parts, whose they are, the order."""
    write, create, count = Bucket.write, Bucket.create, 0

    def counted() -> None:
        nonlocal count
        s3.silent = count >= asked
        count += 1

    def writes(bucket: Bucket, path: str, content: Path | bytes) -> None:
        counted()
        write(bucket, path, content)

    def creates(bucket: Bucket, path: str, content: bytes) -> bool:
        counted()
        return create(bucket, path, content)

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "write", writes)
        patched.setattr(Bucket, "create", creates)
        if asked == 4:
            kept(one)
        else:
            with pytest.raises(BucketUnavailableError):
                kept(one)
            # What its refusal calls, without effect and without another error.
            one.remove("a")
    s3.silent = False
    assert list(one.kept()) == (["a"] if asked == 4 else [])
    order = kept(one)
    with one.open("a") as job:
        assert job.files["image"].read() == FIELD
    assert order.parts


class StandingStill:
    """A bucket that stands still while it is told to: each request takes ten seconds to fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s, self.takes_s, self.silent, self.asked = 1000.0, 10.0, True, 0
        monkeypatch.setattr("service.engine.bucket_silence.time.monotonic", lambda: self.now_s)
        for name in ("write", "create", "list", "read", "remove"):
            monkeypatch.setattr(Bucket, name, self._wrapped(getattr(Bucket, name)))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*args: Any) -> Any:
            self.asked += 1
            if self.silent:
                self.now_s += self.takes_s
                raise BucketUnavailableError("timed out")
            return real(*args)

        return asked


def test_a_bucket_that_stands_still_is_waited_for_once(
    s3: s3_stand_in.Bucket, one: BucketJobFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = StandingStill(monkeypatch)
    for _ in range(6):
        with pytest.raises(BucketUnavailableError):
            kept(one)
    # What the refusal of a recorded one calls.
    one.remove("a")
    assert (bucket.asked, bucket.now_s) == (1, 1010.0)
    bucket.silent = False
    bucket.now_s += 29.0
    with pytest.raises(BucketUnavailableError, match="try again"):
        kept(one)
    bucket.now_s += 1.0
    kept(one)
    assert list(one.kept()) == ["a"]


def test_a_bucket_that_falls_silent_before_the_order_is_waited_for_once(
    s3: s3_stand_in.Bucket, one: BucketJobFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = StandingStill(monkeypatch)
    keep = one.keep

    def falls_silent(aside: Path, order: JobOrder) -> None:
        bucket.silent = True
        keep(aside, order)

    bucket.silent = False
    monkeypatch.setattr(one, "keep", falls_silent)
    with pytest.raises(BucketUnavailableError, match="timed out"):
        kept(one)
    one.remove("a")
    assert bucket.now_s == 1010.0
    # The upload is found by a later start.
    assert [name.partition("/")[0] for name in names(s3)] == ["uploads", "uploads"]


def test_a_file_that_the_bucket_refuses_at_once_shuts_out_nobody(
    s3: s3_stand_in.Bucket, one: BucketJobFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = StandingStill(monkeypatch)
    bucket.takes_s = 0.5
    with pytest.raises(BucketUnavailableError):
        kept(one)
    bucket.silent = False
    kept(one)
    assert list(one.kept()) == ["a"]


def test_an_order_that_is_sent_again_as_its_answer_was_lost_keeps_its_files(
    s3: s3_stand_in.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.bucket._RETRIES", 2)
    one = BucketJobFiles(Bucket(URL), tmp_path / "one")
    s3.loses_answer_to = "orders/a.json"
    order = kept(one)

    assert one.order("a") == order
    with one.open("a") as job:
        assert job.files["image"].read() == FIELD


def test_an_order_whose_files_are_gone_gives_way_to_the_next(
    s3: s3_stand_in.Bucket, one: BucketJobFiles
) -> None:
    lost = kept(one)
    for part in lost.parts:
        del s3.objects[f"{PREFIX}uploads/{part.file}"]
    kept(one, content=FIELD + b" ")
    with one.open("a") as job:
        assert job.files["image"].read() == FIELD + b" "


def test_a_start_removes_what_killed_processes_left_and_nothing_else(
    s3: s3_stand_in.Bucket, one: BucketJobFiles, other: BucketJobFiles
) -> None:
    kept(one)
    wanted = names(s3)
    for name in ("uploads/lost/0", "uploads/ended/0", "uploads/ended/for-b"):
        s3.put(f"{PREFIX}{name}", b"x")
    for key, (content, _) in list(s3.objects.items()):
        s3.objects[key] = (content, datetime.now(UTC) - timedelta(hours=2))
    s3.put(f"{PREFIX}uploads/under-way/0", b"x")
    other.clear_leftovers()
    assert names(s3) == sorted([*wanted, "uploads/under-way/0"])
    s3.silent = True
    other.clear_leftovers()


def test_jobs_that_were_kept_before_there_was_a_bucket_are_found(
    s3: s3_stand_in.Bucket, one: BucketJobFiles, tmp_path: Path
) -> None:
    order = kept(JobFiles(tmp_path / "one"))
    assert list(one.kept()) == ["a"]
    with one.open("a") as job:
        assert (job.order, job.files["image"].read()) == (order, FIELD)
    assert one.begun("a") == 1
    one.ended("a")
    assert one.begun("a") == 1
    one.remove("a")
    assert one.kept() == {}
    assert names(s3) == []


def test_they_are_in_the_bucket_where_other_machines_see_the_queue(
    s3: s3_stand_in.Bucket, tmp_path: Path
) -> None:
    database = "postgresql://somebody@database/petroserve"
    for url, queue, shared in (
        (URL, database, True),
        (URL, None, False),
        (None, database, False),
    ):
        settings = Settings(artefacts_folder=tmp_path, artefacts_url=url, database_url=queue)
        assert isinstance(open_job_files(settings), BucketJobFiles) == shared


def test_an_end_that_was_reached_waits_for_the_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.job_runner._PATIENCE_S", 0.01)
    with one_job(tmp_path) as job:
        troubles: list[Exception] = []
        order = job.files.order

        def read(analysis_id: str) -> JobOrder:
            if troubles:
                raise troubles.pop()
            return order(analysis_id)

        job.engine.work = lambda _: troubles.extend([BucketUnavailableError("silent")] * 2)
        monkeypatch.setattr(job.files, "order", read)
        assert job.work() == "done"
        assert troubles == []
        assert [message[1] for message in job.told.messages] == ["done"]
