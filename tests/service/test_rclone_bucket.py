"""A bucket that rclone serves, where it is installed: a server of S3 by others, without conditions."""

from __future__ import annotations

import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from petrography.errors import BucketUnavailableError, ConflictError
from service.bucket import Bucket
from service.engine import ANALYSES
from service.engine.bucket_artefacts import BucketArtefactStore
from service.engine.versions import add_version, open_version
from tests.kept_results import keep_files
from tests.started import free_port, started

RCLONE = shutil.which("rclone")
KEY_ID, SECRET, BUCKET = "section-key", "section-secret", "section"
WITHIN_S = 20.0

pytestmark = pytest.mark.skipif(RCLONE is None, reason="rclone is not installed")


def wait_until_listening(port: int) -> None:
    give_up_s = time.monotonic() + WITHIN_S
    while time.monotonic() < give_up_s:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    pytest.fail(f"rclone does not listen on port {port} within {WITHIN_S} s")


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder whose folders are the buckets."""
    folder, port = tmp_path / "served", free_port()
    (folder / BUCKET).mkdir(parents=True)
    command = [str(RCLONE), "serve", "s3", f"--auth-key={KEY_ID},{SECRET}"]
    command += [f"--addr=127.0.0.1:{port}", "--config=", str(folder)]
    for name, value in (
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}"),
    ):
        monkeypatch.setenv(name, value)
    with started(command, os.environ, tmp_path / "rclone.log"):
        wait_until_listening(port)
        yield folder


def store_in(folder: Path) -> BucketArtefactStore:
    store = BucketArtefactStore(
        Bucket(f"s3://{BUCKET}/results"), folder, max_count=10, max_bytes=10**9
    )
    store.open_folder()
    return store


def test_what_is_there_is_never_created_again(served: Path) -> None:
    bucket = Bucket(f"s3://{BUCKET}")
    assert bucket.create("a/b", b"first")
    assert not bucket.create("a/b", b"second")
    assert [one.path for one in bucket.list()] == ["a/b"]
    assert (served / BUCKET / "a" / "b").read_bytes() == b"first"


def test_results_and_versions_are_found_by_others(served: Path, tmp_path: Path) -> None:
    one, other = store_in(tmp_path / "one"), store_in(tmp_path / "other")
    result_id = str(uuid.uuid4())
    large = os.urandom(8 * 1024 * 1024)
    keep_files(one, ANALYSES, result_id, {"result.json": b"1", "labels.png": large})

    with other.open(ANALYSES, result_id, "labels.png").file as file:
        assert file.read() == large
    add_version(other, result_id, 2, b"2")
    with open_version(one, result_id).file as file:
        assert file.read() == b"2"
    with pytest.raises(ConflictError):
        add_version(one, result_id, 2, b"another")
    one.close()
    other.close()
    assert list((served / BUCKET / "results").rglob("manifest.json"))


@pytest.mark.parametrize(
    ("bucket", "secret", "reason"),
    [("another", SECRET, "NoSuchBucket"), (BUCKET, "another", "SignatureDoesNotMatch")],
)
def test_a_wrong_bucket_and_a_wrong_key_are_told_apart(
    bucket: str, secret: str, reason: str, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    with pytest.raises(BucketUnavailableError, match=reason):
        Bucket(f"s3://{bucket}/results").read("manifest.json")
