"""The option --outputs: which files analyse and measure make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from petrography.image_codec import decode_image, encode_png
from petrography.report import EXPORTS, EXPORTS_ON_REQUEST
from tests.command_runs import Run
from tests.tiny_model import CODES, paint

INDICES = np.zeros((40, 60), dtype=np.uint8)
INDICES[10:20, 20:30] = 1


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    path = tmp_path / "field.png"
    path.write_bytes(encode_png(paint(INDICES)))
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.png"
    path.write_bytes(encode_png(np.array(CODES, dtype=np.uint8)[INDICES]))
    return path


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_analyse_makes_the_files_that_are_named(
    run: Run, photograph: Path, model_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--models", model_folder, "--outputs", "labels.png,sizes.png")
    assert run("analyse", photograph, "--out", out, *options)[0] == 0
    assert names_in(out) == {"labels.png", "sizes.png", "provenance.json", "result.json"}
    assert decode_image((out / "sizes.png").read_bytes()).pixels.shape[2] == 3


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ("modal.csv", {"modal.csv"}),
        ("grains.csv, modal.svg", {"grains.csv", "modal.svg"}),
        (
            "default,analysis.xlsx",
            set(EXPORTS) - EXPORTS_ON_REQUEST | {"analysis.xlsx"},
        ),
    ],
)
def test_measure_makes_the_files_that_are_named(
    run: Run, labels: Path, tmp_path: Path, outputs: str, expected: set[str]
) -> None:
    status, _, _ = run("measure", labels, "--out", tmp_path / "out", "--outputs", outputs)
    assert status == 0
    assert names_in(tmp_path / "out") == {*expected, "result.json"}


@pytest.mark.parametrize("outputs", ["", "grains.doc", "modal.csv,,", "../modal.csv"])
def test_measure_names_the_files_that_it_knows(
    run: Run, labels: Path, tmp_path: Path, outputs: str
) -> None:
    status, _, complaints = run("measure", labels, "--out", tmp_path, "--outputs", outputs)
    assert status == 2
    assert "wanted default, all or some of modal.csv" in complaints
