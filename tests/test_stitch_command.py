"""``petroserve stitch``: files in, a panorama, its preview and its report out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import petroserve
from petrography.image_codec import decode_image, encode_png
from petrography.phantoms import section_fields


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("tiles")
    section = section_fields("S2", 7, 2, 2, height_px=240, width_px=320, overlap=0.35)
    paths = []
    for field in section.fields:
        paths.append(folder / f"{field.name}.png")
        paths[-1].write_bytes(encode_png(field.image))
    return paths


def run(*words: object) -> int:
    return petroserve.main(["stitch", *(str(word) for word in words)])


def test_a_panorama_is_written(
    tiles: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "panorama.tif", tmp_path / "report.json"
    words = ["--grid", "2x2", "--overlap", "0.35", "--um-per-px", "0.6", "--seam-lines"]
    assert run(*tiles, "--out", out, "--report", report, *words) == 0
    content = json.loads(report.read_text())
    panorama = decode_image(out.read_bytes())
    assert panorama.pixels.shape == (content["height_px"], content["width_px"], 3)
    assert panorama.um_per_px == pytest.approx(0.6)
    assert [tile["name"] for tile in content["tiles"]] == [path.name for path in tiles]
    assert (tmp_path / "panorama.preview.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert "4 fields" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {
        "panorama.tif",
        "panorama.preview.jpg",
        "report.json",
    }


def test_a_panorama_that_fails_leaves_no_part_of_itself(
    tiles: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "panorama.tif"
    out.mkdir()
    assert run(*tiles, "--out", out, "--report", tmp_path / "report.json", "--grid", "2x2") == 2
    assert "panorama.tif" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"panorama.tif", "panorama.preview.jpg"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--grid", "2by2"], "wanted rows x columns"),
        (["--grid", "0x4"], "wanted rows x columns"),
        (["--grid", "3x2"], "6 places, 4 fields given"),
        (["--overlap", "0.3"], "belongs to a grid"),
        (["--lens", "no-such-file.json"], "no-such-file.json"),
        (["--um-per-px", "-1"], "-1"),
        (["--um-per-px", "1e-300"], "1e-300"),
        (["--association", "S1"], "add --analyse"),
        (["--analyse", "somewhere", "--association", "S9"], "S9"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    words: list[str],
    said: str,
    tiles: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, report = tmp_path / "panorama.tif", tmp_path / "report.json"
    assert run(*tiles, "--out", out, "--report", report, *words) == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
