"""A bucket as servers that speak S3 have it: conditions they do not know, and one not there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from petrography.errors import BucketUnavailableError
from service.bucket import Bucket
from tests import s3_stand_in
from tests.s3_stand_in import BUCKET, s3_bucket

URL = f"s3://{BUCKET}/results"
ASKED: dict[str, Callable[[Bucket, Path], object]] = {
    "list": lambda bucket, _: bucket.list(),
    "read": lambda bucket, _: bucket.read("a"),
    "download": lambda bucket, file: bucket.download("a", file),
    "write": lambda bucket, _: bucket.write("a", b"content"),
    "write file": lambda bucket, file: bucket.write("a", file),
    "create": lambda bucket, _: bucket.create("a", b"content"),
    "remove": lambda bucket, _: bucket.remove(["a"]),
}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3_stand_in.Bucket]:
    with s3_bucket(monkeypatch) as bucket:
        yield bucket


@pytest.mark.parametrize("conditions", ["kept", "ignored", "refused"])
def test_what_is_there_is_never_created_again(
    conditions: Literal["kept", "ignored", "refused"],
    s3: s3_stand_in.Bucket,
    caplog: pytest.LogCaptureFixture,
) -> None:
    s3.conditions = conditions
    bucket = Bucket(URL)
    with caplog.at_level(logging.WARNING, "petroserve.bucket"):
        assert bucket.create("a", b"first")
        assert not bucket.create("a", b"second")
        assert bucket.create("b", b"another")

    assert {key: content for key, (content, _) in s3.objects.items()} == {
        "results/a": b"first",
        "results/b": b"another",
    }
    # Told once, and only where it is so.
    told = [record.message for record in caplog.records if "If-None-Match" in record.message]
    assert len(told) == (conditions != "kept")


def test_what_is_sent_again_as_its_answer_was_lost_was_created(s3: s3_stand_in.Bucket) -> None:
    bucket = Bucket(URL)
    assert bucket.create("a", b"first")
    s3.loses_answer_to = "results/b"

    assert bucket.create("b", b"mine")

    assert [asked for asked in s3.asked if asked.endswith("/b")].count(
        "PUT /section/results/b"
    ) == 2
    assert not bucket.create("b", b"another")
    assert s3.objects["results/b"][0] == b"mine"


def test_whether_conditions_are_kept_is_not_decided_by_a_bucket_that_falls_silent(
    s3: s3_stand_in.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.bucket._RETRIES", 0)
    bucket = Bucket(URL)
    s3.silent = True
    with pytest.raises(BucketUnavailableError):
        bucket.create("a", b"first")
    s3.silent = False
    s3.conditions = "ignored"
    assert bucket.create("a", b"first")
    assert not bucket.create("a", b"second")


@pytest.mark.parametrize("asked", ASKED)
def test_a_bucket_that_is_not_there_is_told_by_its_name(
    asked: str, s3: s3_stand_in.Bucket, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    with pytest.raises(BucketUnavailableError, match=r"s3://another .*NoSuchBucket"):
        ASKED[asked](Bucket("s3://another"), file)
    assert s3.objects == {}


@pytest.mark.parametrize("asked", ["read", "download", "write", "remove"])
def test_another_server_in_the_place_of_the_bucket_has_no_say_in_what_is_there(
    asked: str, s3: s3_stand_in.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As what stands in front of a service answers while there is nothing behind it."""
    monkeypatch.setattr(
        s3_stand_in.Answer, "key", lambda answer: answer.reply(404, b"<html>no backend</html>")
    )
    with pytest.raises(BucketUnavailableError, match="404 Not Found"):
        ASKED[asked](Bucket(URL), tmp_path / "file")
    assert s3.objects == {}


def test_why_a_request_was_refused_is_told(
    s3: s3_stand_in.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert s3.endpoint
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    with pytest.raises(BucketUnavailableError, match=r"403 Forbidden: .*AccessDenied$"):
        Bucket(URL).list()


def test_an_object_that_is_not_there_is_no_fault_of_the_bucket(
    s3: s3_stand_in.Bucket, tmp_path: Path
) -> None:
    assert s3.endpoint
    for bucket in (Bucket(URL), Bucket(tmp_path.as_uri())):
        with pytest.raises(FileNotFoundError):
            bucket.read("a")
        bucket.remove(["a"])
