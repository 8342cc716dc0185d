"""Files are written whole, with the rights that were asked for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.disk import put_whole, remove_folder, write_through


@pytest.fixture
def mask() -> Iterator[int]:
    """What the process takes from the rights of every file that it makes."""
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_has_the_rights_of_the_process_or_those_that_are_asked_for(
    tmp_path: Path, mask: int
) -> None:
    write_through(tmp_path / "one", b"1")
    put_whole(tmp_path / "other", b"2")
    assert rights(tmp_path / "one") == rights(tmp_path / "other") == 0o666 & ~mask
    put_whole(tmp_path / "other", b"3", mode=0o600)
    assert (rights(tmp_path / "other"), (tmp_path / "other").read_bytes()) == (0o600, b"3")


def test_a_new_file_takes_the_place_of_none(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"first")
    with pytest.raises(FileExistsError):
        write_through(tmp_path / "kept", b"second")
    assert (tmp_path / "kept").read_bytes() == b"first"


def test_what_the_disk_does_not_take_leaves_the_older_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    put_whole(tmp_path / "kept", b"first")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            put_whole(tmp_path / "kept", b"second")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"kept": b"first"}


def test_a_folder_is_removed_whole_and_may_be_gone(tmp_path: Path) -> None:
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "file").touch()
    remove_folder(tmp_path / "result")
    remove_folder(tmp_path / "result")
    assert not list(tmp_path.iterdir())
