"""Two photographs never share a folder of results, whatever they are called."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line.batch.result_folders import archive_folders
from petrography.errors import InvalidParameterError

# Few letters, so that names meet often.
FILES = st.lists(
    st.builds(
        lambda folders, stem, suffix: "/".join([*folders, f"{stem}.{suffix}"]),
        st.lists(st.sampled_from("ab"), max_size=2),
        st.sampled_from(["a", "b", "a.png", "batch.csv"]),
        st.sampled_from(["png", "jpg"]),
    ),
    min_size=1,
    max_size=12,
    unique=True,
)


@given(FILES)
def test_no_folder_is_or_holds_that_of_another(files: list[str]) -> None:
    folders = archive_folders(files, frozenset({"batch.csv"}))
    assert list(folders) == files
    paths = [PurePosixPath(folder) for folder in folders.values()]
    assert len(set(paths)) == len(paths)
    assert not {parent for path in paths for parent in path.parents} & set(paths)
    assert PurePosixPath("batch.csv") not in paths


@given(FILES, st.randoms())
def test_names_do_not_depend_on_the_order(files: list[str], chance: st.DataObject) -> None:
    shuffled = list(files)
    chance.shuffle(shuffled)
    assert archive_folders(shuffled) == archive_folders(files)


@pytest.mark.parametrize(
    ("files", "folders"),
    [
        (["a.png"], ["a"]),
        (["s1/a.png", "s2/a.png"], ["s1/a", "s2/a"]),
        (["a.png", "a.jpg"], ["a.png", "a.jpg"]),
        (["a.png", "a/b.png"], ["a.png", "a/b"]),
        (["a.png", "a.jpg", "a.png.tif"], ["a.png", "a.jpg", "a.png.tif"]),
        (["batch.csv.png"], ["batch.csv.png"]),
        (["/elsewhere/a.png", "a.png"], ["elsewhere/a", "a"]),
        (["..png"], ["..png"]),
    ],
)
def test_folders_are_named_after_files(files: list[str], folders: list[str]) -> None:
    assert list(archive_folders(files, frozenset({"batch.csv"})).values()) == folders


@pytest.mark.parametrize("files", [["/b/a.png", "b/a.png"], ["x.png", "batch.csv/a.png"]])
def test_what_has_no_folder_of_its_own_is_refused(files: list[str]) -> None:
    with pytest.raises(InvalidParameterError, match=f"{files[-1]} would lie in one folder"):
        archive_folders(files, frozenset({"batch.csv"}))
