"""Which photographs an archive has: folders, lists and buckets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line.batch.archive import Archive, read_archive
from command_line.batch.places import FolderPlace, place_of
from petrography.errors import InputError
from tests.s3_stand_in import BUCKET, s3_bucket


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder with photographs, and with other things."""
    folder = tmp_path / "photographs"
    wanted = ("b.PNG", "a.jpg", "s 1/c.tiff", "s 1/deep/d.jpeg")
    for name in (*wanted, "notes.txt", ".hidden.png", ".trash/e.png", "raw.nef"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def read(source: object, results: Path) -> Archive:
    return read_archive(str(source), FolderPlace(results), "batch.csv")


def test_a_folder_is_searched_with_all_its_folders(photographs: Path, tmp_path: Path) -> None:
    archive = read(photographs, tmp_path / "results")
    files = [image.file for image in archive.images]
    assert files == ["a.jpg", "b.PNG", "s 1/c.tiff", "s 1/deep/d.jpeg"]
    assert [image.folder for image in archive.images] == ["a", "b", "s 1/c", "s 1/deep/d"]
    assert archive.place == FolderPlace(photographs)


def test_a_list_states_what_it_knows_of_each(photographs: Path, tmp_path: Path) -> None:
    listed = photographs / "list.csv"
    other = tmp_path / "other.png"
    listed.write_text(f"file;sample_id;um_per_px\ns 1/../a.jpg;A-1;0,5\n{other};;\n")
    first, second = read(listed, tmp_path / "results").images
    assert (first.file, first.folder) == ("a.jpg", "a")
    assert first.stated == {"sample_id": "A-1", "um_per_px": "0.5"}
    assert (second.file, second.stated) == (str(other), {})
    assert second.folder == str(other.with_suffix("")).lstrip("/")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("file\na.jpg\n./a.jpg\n", "image 2 names a.jpg again"),
        ("file,sample_id\n,A-1\n", "image 1 names no file"),
        ("name\na.jpg\n", "has the columns name; wanted file"),
        ("file,operator,age\na.jpg,me,4\n", "has the columns file, operator, age"),
        ("file,sample_id\na.jpg\n", "is no table"),
        ('file\n"a.jpg\n', "no CSV"),
        ("file\n", "has no photographs"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused(
    text: str, complaint: str, photographs: Path, tmp_path: Path
) -> None:
    listed = photographs / "list.csv"
    listed.write_text(text)
    with pytest.raises(InputError, match=complaint):
        read(listed, tmp_path / "results")


@pytest.mark.parametrize("inside", ["", "results", "s 1/results"])
def test_results_among_the_photographs_are_refused(inside: str, photographs: Path) -> None:
    with pytest.raises(InputError, match="take results for photographs"):
        read(photographs, photographs / inside)


def test_a_list_is_not_overwritten_by_the_table(photographs: Path) -> None:
    listed = photographs / "batch.csv"
    listed.write_text("file\na.jpg\n")
    with pytest.raises(InputError, match="the table of the results would take its place"):
        read(listed, photographs)
    assert len(read(listed, photographs / "results").images) == 1


def test_an_empty_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    with pytest.raises(InputError, match="has no photographs"):
        read(tmp_path / "photographs", tmp_path / "results")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nowhere", tmp_path / "results")


def test_a_name_that_no_table_can_hold_is_refused(photographs: Path, tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(photographs) + b"/\xff.png")).write_bytes(b"")
    with pytest.raises(InputError, match=r"the name \\udcff.png is no text"):
        read(photographs, tmp_path / "results")


def test_a_bucket_is_searched_like_a_folder(clean_environment: pytest.MonkeyPatch) -> None:
    with s3_bucket(clean_environment) as bucket:
        for name in ("in/b.png", "in/s1/a.tif", "in/.x/a.png", "in/notes.txt", "other/a.png"):
            bucket.put(name, b"")
        bucket.put("in/list.csv", b"file,sample_id\ns1/a.tif,A-1\n")
        results = place_of(f"s3://{BUCKET}/out")
        found = read_archive(f"s3://{BUCKET}/in/", results, "batch.csv")
        listed = read_archive(f"s3://{BUCKET}/in/list.csv", results, "batch.csv")
        with pytest.raises(InputError, match="take results for photographs"):
            read_archive(f"s3://{BUCKET}/in", place_of(f"s3://{BUCKET}/in/out"), "batch.csv")
        with pytest.raises(InputError, match="would take its place"):
            read_archive(f"s3://{BUCKET}/in/list.csv", place_of(f"s3://{BUCKET}/in"), "list.csv")
        with pytest.raises(InputError, match="is not there"):
            read_archive(f"s3://{BUCKET}/in/none.csv", results, "batch.csv")
    assert [image.file for image in found.images] == ["b.png", "s1/a.tif"]
    assert [(image.folder, image.stated) for image in listed.images] == [
        ("s1/a", {"sample_id": "A-1"})
    ]
    assert listed.place == found.place
