"""``petroserve calibrate``: files in, files out, the same as in Python."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from command_line import calibrate
from command_line.files import adding_to, read_image
from petrography.calibration import (
    apply_calibration,
    fit_calibration,
    lumenstone_reference,
    parse_calibration,
    parse_lens,
    parse_reference,
)
from petrography.errors import InvalidParameterError, LabelImageError, MissingPartError
from petrography.image_codec import encode_png
from petrography.phantoms import filtered, phantom, section_fields


def run(*words: object) -> int:
    """Run ``calibrate`` as petroserve.py joins it."""
    parser = argparse.ArgumentParser()
    tasks = parser.add_subparsers(required=True)
    calibrate.add_commands(adding_to(tasks))
    parsed = parser.parse_args([str(word) for word in words])
    status: int = parsed.run(parsed)
    return status


@pytest.fixture(scope="module")
def painted():
    return phantom("S1", 2, 240, 320)


@pytest.fixture
def folder(tmp_path: Path, painted) -> Path:
    """``image.png`` behind a filter, ``clean.png``, ``labels.png``."""
    files = {
        "image.png": filtered(painted.image, "blue"),
        "clean.png": painted.image,
        "labels.png": painted.labels,
    }
    for name, pixels in files.items():
        (tmp_path / name).write_bytes(encode_png(pixels))
    return tmp_path


def test_fit_and_apply_do_what_python_does(folder: Path, painted, capsys) -> None:
    image, labels, out = folder / "image.png", folder / "labels.png", folder / "new" / "cal.json"
    assert run("fit", "--image", image, "--labels", labels, "--out", out) == 0
    stored = parse_calibration(out.read_bytes(), source="cal")
    seen = filtered(painted.image, "blue")
    fitted = fit_calibration(seen, painted.labels, lumenstone_reference())
    assert stored.made_utc is not None
    assert stored.model_copy(update={"made_utc": None}) == fitted
    assert stored.id[:16] in capsys.readouterr().out
    corrected = folder / "corrected.png"
    assert run("apply", "--calibration", out, image, "--out", corrected) == 0
    assert np.array_equal(read_image(corrected).pixels, apply_calibration(seen, stored))


def test_a_corrected_photograph_tells_what_it_cannot_carry(folder: Path, painted, capsys) -> None:
    calibration, scaled = folder / "cal.json", folder / "scaled.tif"
    words = ("--image", folder / "image.png", "--white", "200,210,240", "--out", calibration)
    assert run("fit", *words) == 0
    scale = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}  # 0.5 um a pixel
    tifffile.imwrite(scaled, np.stack([painted.image, painted.image]), photometric="rgb", **scale)
    capsys.readouterr()
    assert run("apply", "--calibration", calibration, scaled, "--out", folder / "c.png") == 0
    said = capsys.readouterr().out
    assert "several images" in said
    assert "that of the photograph is 0.5 um (TIFF resolution): wanted --um-per-px 0.5" in said


def test_a_series_and_an_own_reference(folder: Path) -> None:
    for name in ("imgs", "masks"):
        (folder / name).mkdir()
    (folder / "imgs" / "a.png").write_bytes((folder / "clean.png").read_bytes())
    (folder / "masks" / "a.png").write_bytes((folder / "labels.png").read_bytes())
    out = folder / "ref.json"
    words = ("--images", folder / "imgs", "--masks", folder / "masks", "--white", "250,240,230")
    assert run("reference", *words, "--source", "a phantom", "--out", out) == 0
    reference = parse_reference(out.read_bytes(), source="ref")
    assert (reference.name, reference.source) == ("imgs", "a phantom")
    assert reference.white_rgb == (250.0, 240.0, 230.0)
    pair = ("--image", folder / "image.png", "--labels", folder / "labels.png")
    calibration = folder / "cal.json"
    assert run("fit", *pair, *pair, "--reference", out, "--out", calibration) == 0
    content = json.loads(calibration.read_bytes())
    assert (content["mode"], content["reference"]) == ("series", "imgs")


def test_a_white_instead_of_labels(folder: Path) -> None:
    out = folder / "cal.json"
    assert run("fit", "--image", folder / "image.png", "--white", "200,210,240", "--out", out) == 0
    assert json.loads(out.read_bytes())["mode"] == "white-reference"


def test_the_lens_is_found_from_overlapping_fields(tmp_path: Path, capsys) -> None:
    paths = []
    section = section_fields(
        "S2", 7, 2, 2, height_px=360, width_px=480, overlap=0.4, distortion_k1=-0.04
    )
    for field in section.fields:
        paths.append(tmp_path / f"{field.name}.png")
        paths[-1].write_bytes(encode_png(field.image))
    lens = tmp_path / "lens.json"
    assert run("lens", "fit", *paths, "--fields", "--out", lens) == 0
    found = parse_lens(lens.read_bytes(), source="lens.json")
    # A quarter of a pixel in the corners, which are 300 px from the centre.
    assert found.k1 == pytest.approx(-0.04, abs=0.001)
    assert found.rmse_px < 0.3
    assert f"{found.points} points" in capsys.readouterr().out
    with pytest.raises(InvalidParameterError, match="--fields"):
        run("lens", "fit", *paths, "--out", lens)


def test_flat_field_and_lens(folder: Path, capsys) -> None:
    blank = np.linspace(180, 150, 320).astype(np.uint8)[None, :, None].repeat(240, 0).repeat(3, 2)
    (folder / "blank.png").write_bytes(encode_png(blank))
    flat, even = folder / "flat.json", folder / "even.jpg"
    assert run("flatfield", "fit", folder / "blank.png", "--out", flat) == 0
    applied = ("apply", "--flat-field", flat, folder / "blank.png", "--out", even)
    assert run("flatfield", *applied) == 0
    assert read_image(even).pixels[:, 20:180].mean() == pytest.approx(
        read_image(even).pixels[:, 220:300].mean(), abs=2
    )
    dots = np.full((240, 320, 3), 200, dtype=np.uint8)
    for x in range(20, 310, 20):
        for y in range(20, 230, 20):
            cv2.circle(dots, (x, y), 5, (40, 40, 40), -1)
    (folder / "dots.png").write_bytes(encode_png(dots))
    lens, straight = folder / "lens.json", folder / "straight.png"
    words = (folder / "dots.png", "--rows", 11, "--columns", 15)
    assert run("lens", "fit", *words, "--out", lens) == 0
    assert "165 points" in capsys.readouterr().out
    assert run("lens", "apply", "--lens", lens, folder / "dots.png", "--out", straight) == 0
    # The dots are straight already.
    assert np.abs(read_image(straight).pixels.astype(int) - dots).mean() < 1


def test_evening_out_wants_a_flat_field(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("flatfield", "apply", folder / "blank.png", "--out", folder / "even.png")
    with pytest.raises(SystemExit):
        run(*words)
    assert "the following arguments are required: --flat-field" in capsys.readouterr().err


def test_what_is_refused(folder: Path) -> None:
    image, labels, out = folder / "image.png", folder / "labels.png", folder / "x.json"
    with pytest.raises(MissingPartError, match="one for each"):
        run("fit", "--image", image, "--image", image, "--labels", labels, "--out", out)
    with pytest.raises(InvalidParameterError, match="a series wants labels"):
        run("fit", "--image", image, "--image", image, "--out", out)
    with pytest.raises(MissingPartError, match="neither"):
        run("fit", "--image", image, "--out", out)
    (folder / "empty").mkdir()
    with pytest.raises(LabelImageError, match="no image"):
        run("reference", "--images", folder / "empty", "--masks", folder, "--out", out)
    with pytest.raises(LabelImageError, match="have no mask"):
        run("reference", "--images", folder, "--masks", folder / "empty", "--out", out)
    with pytest.raises(MissingPartError, match="wanted pairs"):
        run("reference", "--images", folder, *("--masks", folder) * 2, "--out", out)
    for word in ("flatfield", "lens"):
        with pytest.raises(SystemExit):
            run(word)
    with pytest.raises(SystemExit):
        run("fit", "--image", image, "--white", "1,2", "--out", out)
    assert not out.exists()


def test_an_image_of_another_suffix_is_refused(folder: Path) -> None:
    out = folder / "cal.json"
    run("fit", "--image", folder / "image.png", "--labels", folder / "labels.png", "--out", out)
    with pytest.raises(InvalidParameterError, match=r"wanted \.png"):
        run("apply", "--calibration", out, folder / "image.png", "--out", folder / "a.webp")
