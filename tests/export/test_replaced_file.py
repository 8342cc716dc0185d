"""Files are replaced as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.replaced_file import replace_file


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "made" / "report.json"
    for content in (b"one", b"two"):
        replace_file(path, content)
        assert path.read_bytes() == content
    assert [one.name for one in path.parent.iterdir()] == ["report.json"]


def test_what_cannot_be_renamed_leaves_nothing(tmp_path: Path) -> None:
    # A folder of that name stands in the way of the rename, not of the writing.
    (tmp_path / "report.json").mkdir()
    with pytest.raises(OSError, match=r"report\.json"):
        replace_file(tmp_path / "report.json", b"one")
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]
