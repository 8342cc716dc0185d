"""Large, damaged and odd images through the command line, with every array in a scratch file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from petrography.image_codec import decode_labels
from petrography.images import Image, Labels
from petrography.pipeline import seeing
from service.engine import scratch_files
from tests.command_runs import Run
from tests.tiny_model import CODES, COLOURS, paint

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small an array is, it lies in a scratch file."""
    monkeypatch.setattr(scratch_files, "_LEAST_MAPPED_BYTES", 1)


def section() -> tuple[Labels, Image]:
    blocks = np.random.default_rng(8).integers(0, len(CODES), (7, 9))
    index = np.kron(blocks, np.ones((23, 19), dtype=np.intp))
    return np.array(CODES, dtype=np.uint8)[index], paint(index)


def write_tiff(path: Path, pixels: Image, **options: Any) -> Path:
    tifffile.imwrite(path, pixels, photometric="rgb", **options)
    return path


def files_of(folder: Path) -> dict[str, bytes]:
    """Its files but those with a date or timings."""
    dated = {"result.json", "provenance.json"}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in dated}


def pixels_sha256(folder: Path) -> str:
    provenance = json.loads((folder / "provenance.json").read_text())
    return str(provenance["image"]["pixels_sha256"])


@pytest.mark.parametrize("factor", ["1", "0.5", "1.5"])
def test_scratch_files_change_no_byte(
    run: Run, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: str
) -> None:
    path = write_tiff(tmp_path / "s.tif", section()[1], tile=(64, 32), compression="zlib")
    words = ("analyse", path, "--models", model_folder, "--resampling-factor", factor, "--out")
    assert run(*words, tmp_path / "memory")[0] == 0
    monkeypatch.setattr(scratch_files, "_LEAST_MAPPED_BYTES", 1)
    assert run(*words, tmp_path / "disk")[0] == 0
    assert files_of(tmp_path / "disk") == files_of(tmp_path / "memory")
    assert pixels_sha256(tmp_path / "disk") == pixels_sha256(tmp_path / "memory")


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize(
    "options",
    [
        {"rowsperstrip": 5},
        {"rowsperstrip": 161},
        {"tile": (16, 16), "bigtiff": True},
        {"tile": (32, 64), "compression": "lzw", "predictor": True},
        {"planarconfig": "separate"},
    ],
)
def test_the_layout_of_the_file_does_not_matter(
    run: Run, model_folder: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    truth, image = section()
    planar = "planarconfig" in options
    stored = np.ascontiguousarray(np.moveaxis(image, -1, 0)) if planar else image
    path = write_tiff(tmp_path / "s.tif", stored, **options)
    assert run("analyse", path, "--models", model_folder, "--out", tmp_path / "out")[0] == 0
    for name in ("labels.png", "labels.ome.tif"):
        found = decode_labels((tmp_path / "out" / name).read_bytes())
        np.testing.assert_array_equal(found, truth)


@pytest.mark.usefixtures("on_disk")
def test_a_tile_damaged_in_the_middle_is_an_error_and_leaves_nothing(
    run: Run, model_folder: Path, tmp_path: Path
) -> None:
    path = write_tiff(tmp_path / "s.tif", section()[1], tile=(32, 32), compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0].aspage()
        offset, length = page.dataoffsets[7], page.databytecounts[7]
    content = bytearray(path.read_bytes())
    content[offset : offset + length] = b"\xee" * length
    path.write_bytes(content)
    status, _, complaint = run("analyse", path, "--models", model_folder, "--out", tmp_path / "out")
    assert status == 2
    assert "is damaged: the TIFF decoder says" in complaint
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("on_disk")
def test_an_analysis_that_fails_while_it_writes_leaves_nothing(
    run: Run, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiff(tmp_path / "s.tif", section()[1])
    full = OSError(28, "No space left on device")

    def no_room(*_: object, **__: object) -> None:
        raise full

    monkeypatch.setattr("petrography.pipeline.map_files.write_label_pyramid", no_room)
    words = ("--models", model_folder, "--out", tmp_path / "out")
    status, _, complaint = run("analyse", path, *words)
    assert status == 2
    assert "No space left" in complaint
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("on_disk")
@pytest.mark.parametrize("index", [0, 1])
def test_a_field_without_ore_and_one_grain_that_covers_all(
    run: Run, model_folder: Path, tmp_path: Path, index: int
) -> None:
    path = write_tiff(tmp_path / "s.tif", paint(np.full((150, 210), index, dtype=np.intp)))
    out = tmp_path / "out"
    assert run("analyse", path, "--models", model_folder, "--out", out)[0] == 0
    result = json.loads((out / "result.json").read_text())
    assert [(one["code"], one["area_percent"]) for one in result["modal"]] == [(CODES[index], 100)]
    assert [one["count"] for one in result["grains"].values()] == [1] * index
    features = json.loads((out / "grains.geojson").read_text())["features"]
    assert len(features) == index


@pytest.mark.usefixtures("on_disk")
def test_views_are_refused_for_more_than_a_photograph(
    run: Run, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeing, "MAX_WHOLE_PX", 10_000)
    path = write_tiff(tmp_path / "s.tif", section()[1])
    words = ("--models", model_folder, "--view", f"PPL:30={path}", "--out", tmp_path / "out")
    status, _, complaint = run("analyse", path, *words)
    assert status == 2
    assert "names views" in complaint
    assert "at most 10000" in complaint


@pytest.mark.usefixtures("on_disk")
def test_an_image_over_the_limit_is_refused_before_it_is_decoded(
    run: Run, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiff(tmp_path / "s.tif", np.broadcast_to(COLOURS[1], (200, 300, 3)).copy())
    for name, limit in (("PIXELS", "59999"), ("BYTES", "1000")):
        with monkeypatch.context() as patch:
            patch.setenv(f"PETROSERVE_MAX_IMAGE_{name}", limit)
            words = ("--models", model_folder, "--out", tmp_path / "out")
            status, _, complaint = run("analyse", path, *words)
            assert status == 2
            assert f"the limit is {limit}" in complaint
    assert not (tmp_path / "out").exists()
