"""A file for a folder that a LIMS imports from is there as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.lims import write_for_import


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            write_for_import(tmp_path, "a", b"1\n")
    assert not list(tmp_path.iterdir())
    assert write_for_import(tmp_path, "a", b"1\n") == tmp_path / "a_1.csv"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"1\n"]
