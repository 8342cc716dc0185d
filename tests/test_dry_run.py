"""``petroserve analyse --dry-run``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from petrography.image_codec import encode_png
from tests.command_runs import Run
from tests.tiny_model import TILE_PX, paint

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_time_and_memory_are_told_and_nothing_is_written(
    run: Run, model_folder: Path, tmp_path: Path
) -> None:
    image, broken = tmp_path / "field.png", tmp_path / "broken.png"
    image.write_bytes(encode_png(paint(np.zeros((TILE_PX, 3 * TILE_PX), dtype=np.intp))))
    broken.write_bytes(b"no image")
    words = ("--models", model_folder, "--dry-run")

    status, told, _ = run("analyse", image, *words)

    assert status == 0
    assert f"192 x 64 px, 3 tiles of {TILE_PX} px with tiny:1" in told
    assert {path for path in tmp_path.iterdir() if path.is_file()} == {image, broken}
    assert not (Path.cwd() / "result.json").exists()
    status, told, complaint = run("analyse", image, broken, *words)
    assert status == 2
    assert "3 tiles" in told
    assert "broken.png" in complaint


def test_without_a_folder_nothing_else_is_done(
    run: Run, model_folder: Path, tmp_path: Path
) -> None:
    image = tmp_path / "field.png"
    image.write_bytes(encode_png(paint(np.zeros((TILE_PX, TILE_PX), dtype=np.intp))))

    status, told, complaint = run("analyse", image, "--models", model_folder)

    assert status == 2
    assert "--out DIR is missing; only --dry-run" in complaint
    assert not told
