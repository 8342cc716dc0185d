"""`petroserve measure` with several label images, and `petroserve fields`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from petrography.image_codec import encode_png
from tests.command_runs import Run


@pytest.fixture
def label_images(tmp_path: Path) -> list[Path]:
    paths = []
    for seed in range(3):
        labels = np.random.default_rng(seed).choice([0, 1, 6], (60, 80)).astype(np.uint8)
        path = tmp_path / f"field{seed}.png"
        path.write_bytes(encode_png(labels))
        paths.append(path)
    return paths


def test_several_label_images_are_measured_and_joined(
    run: Run, tmp_path: Path, label_images: list[Path]
) -> None:
    out = tmp_path / "out"
    status, printed, _ = run("measure", *label_images, "--out", out, "--association", "S1")
    assert status == 0
    assert {path.name for path in out.iterdir()} == {
        *("field0", "field1", "field2", "fields.json", "fields.csv"),
    }
    assert "3 fields, scatter between 3 fields" in printed
    one = json.loads((out / "field0" / "result.json").read_text())
    assert [limit["symbol"] for limit in one["not_found"]] == ["Gn", "Bn", "Sp", "Tnt/Ttr"]
    again = tmp_path / "again"
    results = [out / f"field{seed}" / "result.json" for seed in range(3)]
    assert run("fields", *results, "--out", again)[0] == 0
    assert (again / "fields.csv").read_bytes() == (out / "fields.csv").read_bytes()


def test_sections_are_the_units_where_they_are_named(
    run: Run, tmp_path: Path, label_images: list[Path]
) -> None:
    status, printed, _ = run(
        "measure", *label_images, "--out", tmp_path / "out", "--sections", "A,A,B"
    )
    assert status == 0
    assert "scatter between 2 sections" in printed


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--sections", "A"), "names 1 sections for 3 fields"),
        (("--not-analysed", "Xyz"), "wanted mineral codes or symbols"),
        (("--uncertainty", "polish"), "wanted NAME=PERCENT"),
        (("--uncertainty", "polish=-1"), "--uncertainty is -1.0"),
        (("--wanted-error", "0"), "--wanted-error is 0.0"),
        (("--association", "S9"), "association names 'S9'"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_is_written(
    run: Run, tmp_path: Path, label_images: list[Path], options: tuple[str, str], complaint: str
) -> None:
    out = tmp_path / "out"
    status, _, complaints = run("measure", *label_images, "--out", out, *options)
    assert status == 2
    assert complaint in complaints
    assert not out.exists()


def test_label_images_of_one_name_are_not_overwritten(
    run: Run, tmp_path: Path, label_images: list[Path]
) -> None:
    status, _, complaints = run(
        "measure", label_images[0], label_images[0], "--out", tmp_path / "out"
    )
    assert status == 2
    assert "would both be written to" in complaints


def test_what_is_no_result_is_refused_by_name(
    run: Run, tmp_path: Path, label_images: list[Path]
) -> None:
    status, _, complaints = run("fields", label_images[0], "--out", tmp_path / "out")
    assert status == 2
    assert "field0.png is no result.json" in complaints
