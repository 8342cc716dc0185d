"""Models from a bucket: mirrored, verified, followed, and kept when it falls silent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from petrography.errors import BucketUnavailableError, ConfigurationError
from service.bucket import Bucket
from service.repository import Changes, FolderWatch, open_repository
from service.repository.bucket_mirror import BucketMirror
from service.settings import Settings
from tests import s3_stand_in
from tests.s3_stand_in import BUCKET, s3_bucket
from tests.tiny_model import write_model

URL = f"s3://{BUCKET}/models"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3_stand_in.Bucket]:
    with s3_bucket(monkeypatch) as bucket:
        yield bucket


class InS3:
    """Puts and removes objects of the stand-in."""

    def __init__(self, bucket: s3_stand_in.Bucket) -> None:
        self.bucket, self.url = bucket, URL

    def put(self, path: str, content: bytes) -> None:
        self.bucket.put(f"models/{path}", content)

    def remove(self, path: str) -> None:
        del self.bucket.objects[f"models/{path}"]


class InFolder:
    """The same in a folder that stands for a bucket."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, folder.as_uri()

    def put(self, path: str, content: bytes) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content)

    def remove(self, path: str) -> None:
        (self.folder / path).unlink()


@pytest.fixture(params=["s3", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> InS3 | InFolder:
    if request.param == "s3":
        return InS3(request.getfixturevalue("s3"))
    return InFolder(tmp_path / "bucket")


def upload(place: InS3 | InFolder, tmp_path: Path, **changes: Any) -> None:
    folder = write_model(tmp_path / "local", **changes)
    for file in folder.iterdir():
        place.put(f"{folder.parent.name}/{folder.name}/{file.name}", file.read_bytes())


def settings_of(url: str, tmp_path: Path) -> Settings:
    fields = {"models_url": url, "models_mirror_folder": tmp_path / "mirror", "provider": "cpu"}
    return Settings.model_validate(fields | {"threads": 1})


def second_look(watch: FolderWatch) -> Changes:
    assert watch.look() is None
    changes = watch.look()
    assert changes is not None
    return changes


def test_a_bucket_is_followed(place: InS3 | InFolder, tmp_path: Path) -> None:
    upload(place, tmp_path)
    watch = FolderWatch(settings_of(place.url, tmp_path))
    assert [model.card.version for model in watch.open()] == [1]
    assert watch.look() is None
    upload(place, tmp_path, version=2)
    place.put("tiny/traffic.toml", b"[weights]\n1 = 1\n")
    place.put("README.md", b"beside the models")

    repository = second_look(watch).repository

    assert [model.card.version for model in repository] == [1, 2]
    assert repository.get("tiny").card.version == 1
    for path in ("tiny/traffic.toml", "tiny/1/model.json", "tiny/1/model.onnx"):
        place.remove(path)
    assert [model.card.version for model in second_look(watch).repository] == [2]
    assert sorted(path.name for path in (tmp_path / "mirror" / "tiny").iterdir()) == ["2"]


def test_of_two_processes_that_copy_a_version_the_first_keeps_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the first start of several workers: one may be opening what the other has copied too."""
    place = InFolder(tmp_path / "bucket")
    upload(place, tmp_path)
    first, second = (BucketMirror(Bucket(place.url), tmp_path / "mirror") for _ in range(2))
    graph = tmp_path / "mirror" / "tiny" / "1" / "model.onnx"
    download, copied = Bucket.download, []

    def overtaken(bucket: Bucket, path: str, file: Path) -> str:
        if not copied:
            copied.append(0)
            first.update()
            copied[0] = graph.stat().st_ino
        return download(bucket, path, file)

    monkeypatch.setattr(Bucket, "download", overtaken)
    second.update()

    assert graph.stat().st_ino == copied[0]
    assert [path.name for path in graph.parent.parent.iterdir()] == ["1"]


def test_what_a_killed_process_left_in_the_mirror_goes(tmp_path: Path) -> None:
    place = InFolder(tmp_path / "bucket")
    upload(place, tmp_path)
    mirror = BucketMirror(Bucket(place.url), tmp_path / "mirror")
    mirror.update()
    name = tmp_path / "mirror" / "tiny"
    for leftover in (name / ".aside-old", name / ".aside-new"):
        (leftover / "tiny" / "1").mkdir(parents=True)
        (leftover / "tiny" / "1" / "model.onnx").write_bytes(b"half")
    (name / ".aside-weights").touch()
    for leftover in (name / ".aside-old", name / ".aside-weights"):
        os.utime(leftover, (1, 1))

    mirror.update()

    # What is young may be on its way.
    assert sorted(path.name for path in name.iterdir()) == [".aside-new", "1"]


def test_what_is_half_there_or_broken_is_left_out(place: InS3 | InFolder, tmp_path: Path) -> None:
    upload(place, tmp_path)
    upload(place, tmp_path, version=2)
    place.put("tiny/2/model.onnx", b"another graph")
    upload(place, tmp_path, version=3)
    place.remove("tiny/3/model.onnx")
    watch = FolderWatch(settings_of(place.url, tmp_path))

    assert [model.card.version for model in watch.open()] == [1]

    told = {one.version: one.reason for one in watch.not_served()}
    assert "was altered" in told["2"]
    assert "no model.onnx yet" in told["3"]
    place.put("tiny/3/model.onnx", (tmp_path / "local/tiny/3/model.onnx").read_bytes())
    assert [model.card.version for model in second_look(watch).repository] == [1, 3]


def test_a_bucket_that_falls_silent_changes_nothing(s3: s3_stand_in.Bucket, tmp_path: Path) -> None:
    upload(InS3(s3), tmp_path)
    watch = FolderWatch(settings_of(URL, tmp_path))
    before = watch.open()
    s3.silent = True

    assert watch.look() is None
    assert "does not answer" in (watch.problem or "")
    # A new start serves what is in the mirror.
    (again,) = open_repository(settings_of(URL, tmp_path))
    assert again.card == before.get(None).card
    s3.silent = False
    assert watch.look() is None
    assert watch.problem is None


def test_a_bucket_without_models_removes_none(s3: s3_stand_in.Bucket, tmp_path: Path) -> None:
    upload(InS3(s3), tmp_path)
    watch = FolderWatch(settings_of(URL, tmp_path))
    watch.open()
    s3.objects.clear()

    assert watch.look() is None
    assert "there is no model in s3://section/models" in (watch.problem or "")
    assert (tmp_path / "mirror/tiny/1/model.onnx").is_file()


@pytest.mark.parametrize("silent", [True, False])
def test_without_bucket_and_mirror_nothing_starts(
    s3: s3_stand_in.Bucket, tmp_path: Path, silent: bool
) -> None:
    s3.silent = silent

    with pytest.raises(ConfigurationError, match="no model from before"):
        open_repository(settings_of(URL, tmp_path))


def test_names_of_a_bucket_cannot_leave_the_mirror(s3: s3_stand_in.Bucket, tmp_path: Path) -> None:
    upload(InS3(s3), tmp_path)
    for name in (".hidden", "a/b", "x\\y", "имя", "x" * 200):
        for file in ("model.onnx", "model.json"):
            s3.put(f"models/{name}/1/{file}", b"x")

    open_repository(settings_of(URL, tmp_path))

    assert [path.name for path in (tmp_path / "mirror").iterdir()] == ["tiny"]


@pytest.mark.parametrize(
    "url", ["", "models", "ftp://host/x", "s3://", "s3://key:secret@bucket/x", "http://host/x"]
)
def test_what_is_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Bucket(url)
    assert "secret" not in str(refused.value)


def test_a_key_that_is_not_good_is_told(
    s3: s3_stand_in.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")

    with pytest.raises(BucketUnavailableError, match=r"403|denied"):
        Bucket(URL).list()
