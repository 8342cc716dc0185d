"""What the commands share about files: their names, where results go, and that all are whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line.files import display_names, result_folders
from petrography.errors import InvalidParameterError


def test_files_are_told_apart_by_their_paths_where_names_are_equal() -> None:
    assert display_names([Path("a/x.png"), Path("b/y.png")]) == ["x.png", "y.png"]
    twins = [Path("a/x.png"), Path("b/x.png"), Path("b/y.png")]
    assert display_names(twins) == [str(path) for path in twins]


def test_one_result_goes_to_the_folder_and_several_to_folders_of_their_names() -> None:
    one, other = Path("a/x.png"), Path("b/y.png")
    assert result_folders([one], Path("out")) == {one: Path("out")}
    assert result_folders([one, other], Path("out")) == {one: Path("out/x"), other: Path("out/y")}


@pytest.mark.parametrize("other", ["a/x.png", "b/x.png", "a/x.tif"])
def test_results_that_would_meet_are_named(other: str) -> None:
    meeting = r"^a/x\.png and [ab]/x\.\w+ would both be written to out/x; rename one"
    with pytest.raises(InvalidParameterError, match=meeting):
        result_folders([Path("a/x.png"), Path(other)], Path("out"))
