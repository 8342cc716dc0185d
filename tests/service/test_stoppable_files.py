"""Files of a result: written as others are, until nobody waits for them."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path
from typing import BinaryIO

import pytest

from petrography.model_card import sha256_hex
from petrography.pipeline.file_sink import written
from service.engine.course import Course
from service.engine.draft import Draft
from service.engine.stoppable_files import StoppableFiles
from service.telemetry import Telemetry


def files(folder: Path) -> tuple[StoppableFiles, Course]:
    course = Course(Telemetry())
    return StoppableFiles(Draft(folder), course.go_on), course


def test_what_is_written_is_what_is_kept(tmp_path: Path) -> None:
    sink, _ = files(tmp_path)
    digest = written(sink, "a.bin", lambda file: [file.write(b"one"), file.write(b"two")])
    assert (tmp_path / "a.bin").read_bytes() == b"onetwo"
    assert digest == sha256_hex(b"onetwo")


def test_once_stopped_no_further_piece_is_written(tmp_path: Path) -> None:
    sink, course = files(tmp_path)
    pieces: list[int] = []

    def write(file: BinaryIO) -> None:
        for piece in range(5):
            if piece == 2:
                course.stop()
            file.write(b"x")
            pieces.append(piece)

    with pytest.raises(CancelledError, match="nobody waits"):
        written(sink, "a.bin", write)
    assert pieces == [0, 1]
    with pytest.raises(CancelledError):
        sink.create("b.bin")
    assert not (tmp_path / "b.bin").exists()
