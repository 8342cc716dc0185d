"""``petroserve analyse`` with what belongs to the microscope: views, shading, distortion."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from petrography.calibration import LensModel, photographed, undistort
from petrography.image_codec import decode_labels, encode_png
from petrography.minerals import UNLABELLED_CODE
from petrography.phantoms import stage_series
from tests.command_runs import Run
from tests.tiny_model import CODES, paint

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_views_of_the_image_are_laid_over_it(run: Run, model_folder: Path, tmp_path: Path) -> None:
    series = stage_series("S2", 5, 240, 300, views=2, step_deg=30.0)
    plain, turned, crossed = (tmp_path / f"{name}.png" for name in ("plain", "turned", "crossed"))
    plain.write_bytes(encode_png(series.ppl[0].image))
    turned.write_bytes(encode_png(series.ppl[1].image))
    crossed.write_bytes(encode_png(series.xpl[1].image))
    words = ("--models", model_folder, "--view", f"PPL:30={turned}", "--view", f"XPL:30={crossed}")
    out = tmp_path / "out"
    assert run("analyse", plain, "--out", out, *words)[0] == 0
    views = json.loads((out / "result.json").read_text())["registration"]["views"]
    assert [view["name"] for view in views] == ["turned.png", "crossed.png"]
    assert views[0]["rotation_deg"] == pytest.approx(-30.0, abs=0.3)
    assert views[0]["matrix"] == views[1]["matrix"]
    status, _, complaint = run("analyse", plain, turned, "--out", out, *words)
    assert status == 2
    assert "--view belongs to one image" in complaint


def test_a_part_of_the_image_is_analysed_and_replayed(
    run: Run, model_folder: Path, tmp_path: Path
) -> None:
    photograph, mask = tmp_path / "field.png", tmp_path / "mask.png"
    photograph.write_bytes(encode_png(paint(np.arange(2000).reshape(40, 50) % len(CODES))))
    drawn = np.zeros((40, 50), np.uint8)
    drawn[:, :30] = 255
    mask.write_bytes(encode_png(drawn))
    words = ("--models", model_folder, "--out", tmp_path / "out", "--region", mask)
    assert run("analyse", photograph, *words)[0] == 0
    labels = decode_labels((tmp_path / "out" / "labels.png").read_bytes())
    assert np.array_equal(labels == UNLABELLED_CODE, drawn == 0)
    result = tmp_path / "out" / "result.json"
    again = ("replay", result, "--image", photograph, "--models", model_folder)
    status, _, complaint = run(*again)
    assert (status, "a region 'region'; wanted its file too" in complaint) == (2, True)
    assert run(*again, "--view", f"region={mask}")[0] == 0
    status, _, complaint = run(*again, "--view", f"region={photograph}")
    assert (status, "the region 'region' has SHA-256" in complaint) == (2, True)
    status, _, complaint = run("analyse", photograph, mask, *words)
    assert (status, "--region belongs to one image, 2 are given" in complaint) == (2, True)


def test_the_barcode_is_kept_as_it_was_read(
    run: Run, model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    photograph, patterns = tmp_path / "field.png", tmp_path / "patterns"
    photograph.write_bytes(encode_png(paint(np.zeros((40, 50), np.intp))))
    patterns.write_text("* [A-Z]+ [0-9]+\n")
    clean_environment.setenv("PETROSERVE_BARCODE_PATTERNS_FILE", str(patterns))
    words = ("--models", model_folder, "--out", tmp_path / "out", "--barcode-raw")
    assert run("analyse", photograph, *words, "SEC 1")[0] == 0
    sample = json.loads((tmp_path / "out" / "result.json").read_text())["sample"]
    assert (sample["id"], sample["barcode_raw"]) == (None, "SEC 1")
    status, _, complaint = run("analyse", photograph, *words, "SEC1")
    assert (status, "[A-Z]+ [0-9]+" in complaint) == (2, True)
    status, _, complaint = run("analyse", photograph, photograph, *words, "SEC 1")
    assert status == 2


def test_shading_and_distortion_are_corrected_before_an_analysis(
    run: Run, model_folder: Path, tmp_path: Path
) -> None:
    photograph = tmp_path / "field.png"
    pixels = paint(np.kron(np.arange(12).reshape(3, 4) % len(CODES), np.ones((40, 40), np.intp)))
    photograph.write_bytes(encode_png(pixels))
    height_px, width_px = pixels.shape[:2]
    lens = LensModel(height_px=height_px, width_px=width_px, k1=0.2)
    (tmp_path / "lens.json").write_text(lens.model_dump_json())
    straight = tmp_path / "straight.png"
    straight.write_bytes(encode_png(undistort(pixels, lens)))
    words = ("--models", model_folder, "--out")
    by_file, by_hand = tmp_path / "by_file", tmp_path / "by_hand"
    assert run("analyse", photograph, "--lens", tmp_path / "lens.json", *words, by_file)[0] == 0
    assert run("analyse", straight, *words, by_hand)[0] == 0
    labels, whole = (
        decode_labels((folder / "labels.png").read_bytes()) for folder in (by_file, by_hand)
    )
    assert np.array_equal(labels, np.where(photographed(lens), whole, 255))
    provenance = json.loads((by_file / "provenance.json").read_text())
    assert provenance["lens"]["k1"] == 0.2
    status, _, complaint = run("analyse", photograph, "--flat-field", photograph, *words, by_file)
    assert status == 2
    assert photograph.name in complaint
