"""What the commands share about files: their names, where results go, and that all are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line.files import display_names, result_folders, write_files, written_folder
from petrography.errors import InvalidParameterError


def test_files_are_told_apart_by_their_paths_where_names_are_equal() -> None:
    assert display_names([Path("a/x.png"), Path("b/y.png")]) == ["x.png", "y.png"]
    twins = [Path("a/x.png"), Path("b/x.png"), Path("b/y.png")]
    assert display_names(twins) == [str(path) for path in twins]


def test_a_file_that_is_given_twice_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match=r"^a/x\.png is given more than once"):
        display_names([Path("a/x.png"), Path("b/x.png"), Path("a/x.png")])


def test_one_result_goes_to_the_folder_and_several_to_folders_of_their_names() -> None:
    one, other = Path("a/x.png"), Path("b/y.png")
    assert result_folders([one], Path("out")) == {one: Path("out")}
    assert result_folders([one, other], Path("out")) == {one: Path("out/x"), other: Path("out/y")}


@pytest.mark.parametrize("other", ["a/x.png", "b/x.png", "a/x.tif"])
def test_results_that_would_meet_are_named(other: str) -> None:
    meeting = r"^a/x\.png and [ab]/x\.\w+ would both be written to out/x; rename one"
    with pytest.raises(InvalidParameterError, match=meeting):
        result_folders([Path("a/x.png"), Path(other)], Path("out"))


def test_a_file_that_cannot_take_its_name_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write_files(tmp_path, {"taken": b"1", "other": b"2"})
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]

    with pytest.raises(IsADirectoryError), written_folder(tmp_path) as sink:
        sink.create("taken").close()
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_files_take_the_place_of_older_ones(tmp_path: Path) -> None:
    write_files(tmp_path / "out", {"a": b"1", "b": b"2"})
    write_files(tmp_path / "out", {"a": b"3"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        "a": b"3",
        "b": b"2",
    }


def test_the_folder_of_no_files_is_made(tmp_path: Path) -> None:
    write_files(tmp_path / "deep" / "out", {})
    assert (tmp_path / "deep" / "out").is_dir()
