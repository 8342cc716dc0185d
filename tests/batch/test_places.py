"""Results are there as a whole or not at all, in folders and in buckets."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from command_line.batch.places import BucketPlace, FolderPlace, Place, place_of
from petrography.errors import ConfigurationError, ConflictError, InvalidParameterError
from tests.s3_stand_in import BUCKET, Bucket, s3_bucket


@pytest.fixture(params=["folder", "bucket"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> Place:
    """An empty place of each kind."""
    if request.param == "folder":
        return FolderPlace(tmp_path / "results")
    bucket = request.getfixturevalue("bucket")
    assert isinstance(bucket, Bucket)
    return BucketPlace(f"s3://{BUCKET}/results")


@pytest.fixture
def bucket(clean_environment: pytest.MonkeyPatch) -> object:
    with s3_bucket(clean_environment) as running:
        yield running


def write(place: Place, **files: str) -> None:
    with place.replacing("s1/a") as folder:
        for name, content in files.items():
            (folder / name.replace("_", ".")).write_text(content)


def fail_midway(place: Place) -> None:
    with place.replacing("s1/a") as folder:
        (folder / "result.json").write_text("half")
        raise RuntimeError("midway")


def test_a_folder_of_results_takes_the_place_of_an_older_one(place: Place) -> None:
    write(place, result_json="old", report_pdf="old")
    assert place.has("s1/a", ["result.json", "report.pdf"])
    write(place, result_json="new", modal_csv="new")
    assert place.read("s1/a/result.json") == b"new"
    assert not place.has("s1/a", ["report.pdf"])
    assert sorted(place.files()) == ["s1/a/modal.csv", "s1/a/result.json"]
    assert place.read("s1/b/result.json") is None
    with place.local("s1/a/modal.csv") as path:
        assert path.read_text() == "new"


def test_what_fails_leaves_the_older_results_as_they_were(place: Place) -> None:
    write(place, result_json="old", modal_csv="old")
    with pytest.raises(RuntimeError, match="midway"):
        fail_midway(place)
    assert place.read("s1/a/result.json") == b"old"
    assert place.has("s1/a", ["modal.csv"])


def test_files_that_no_analysis_wrote_are_never_replaced(tmp_path: Path) -> None:
    own = tmp_path / "results" / "s1" / "a"
    own.mkdir(parents=True)
    (own / "raw.nef").write_text("precious")
    with pytest.raises(ConflictError, match=r"raw\.nef, which no analysis wrote"):
        write(FolderPlace(tmp_path / "results"), result_json="new")
    assert (own / "raw.nef").read_text() == "precious"


def test_what_a_killed_batch_left_is_cleared(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    left = tmp_path / ".unfinished" / "x"
    left.mkdir(parents=True)
    (left / "labels.png").write_text("half")
    (tmp_path / ".aside-x").write_text("half")
    with place.held():
        assert {path.name for path in tmp_path.iterdir()} == {".lock"}
        with pytest.raises(ConfigurationError, match="another batch writes"), place.held():
            pass


def test_a_table_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left") as raised:
        FolderPlace(tmp_path).put("batch.csv", b"file\n")
    assert raised.value.filename == str(tmp_path / "batch.csv")


def test_the_document_of_a_bucket_comes_last_and_goes_first(
    clean_environment: pytest.MonkeyPatch,
) -> None:
    with s3_bucket(clean_environment) as bucket:
        place = BucketPlace(f"s3://{BUCKET}/results")
        write(place, result_json="old", report_pdf="old", modal_csv="old")
        bucket.asked.clear()
        write(place, result_json="new", modal_csv="new")
        changes = [one.rpartition("/")[2] for one in bucket.asked if one.startswith("PUT")]
        removed = [one for one in bucket.asked if one.startswith(("DELETE", "POST"))]
    assert changes[-1].startswith("result.json")
    first_put = next(k for k, one in enumerate(bucket.asked) if one.startswith("PUT"))
    assert bucket.asked.index(removed[0]) < first_put


@pytest.mark.parametrize(
    ("text", "error"),
    [("", InvalidParameterError), ("https://host/x", ConfigurationError)],
)
def test_a_place_that_is_none_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="wanted"):
        place_of(text)
