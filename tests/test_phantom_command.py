"""The command `petroserve phantom`: the files it writes are those of the painters."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import petroserve
from petrography.image_codec import decode_image, decode_labels
from petrography.phantoms import phantom, section_fields, stage_series

SIZE = ("--size", "40x50")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


@pytest.mark.parametrize("recipe", ["S1", "S2", "S3", "quartz"])
def test_one_photograph(recipe: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["phantom", "--recipe", recipe, "--seed", "3", *SIZE, "--out", str(out)]
    assert petroserve.main(words) == 0
    assert files(out) == ["image.png", "labels.png", "truth.json"]
    painted = phantom(recipe, 3, 40, 50)
    image = decode_image((out / "image.png").read_bytes()).pixels
    assert np.array_equal(image, painted.image)
    assert np.array_equal(decode_labels((out / "labels.png").read_bytes()), painted.labels)
    assert json.loads((out / "truth.json").read_text()) == painted.truth


def test_views_of_a_turning_stage(tmp_path: Path) -> None:
    words = ["phantom", "--recipe", "S2", *SIZE, "--views", "3", "--out", str(tmp_path)]
    assert petroserve.main(words) == 0
    names = [f"views/{light}_{angle}.png" for light in ("ppl", "xpl") for angle in ("000", "015")]
    assert set(names) < set(files(tmp_path))
    assert len(files(tmp_path)) == 3 + 6
    made = stage_series("S2", 0, 40, 50, views=3)
    view = decode_image((tmp_path / "views" / "xpl_030.png").read_bytes()).pixels
    assert np.array_equal(view, made.xpl[2].image)
    assert json.loads((tmp_path / "truth.json").read_text()) == made.truth


def test_angles_between_whole_degrees_have_names_of_their_own(tmp_path: Path) -> None:
    words = ["phantom", "--recipe", "S1", "--size", "4x5", "--views", "32", "--out", str(tmp_path)]
    assert petroserve.main(words) == 0
    assert (tmp_path / "views" / "ppl_011.250.png").is_file()
    assert len(list((tmp_path / "views").iterdir())) == 64


def test_fields_of_a_section(tmp_path: Path) -> None:
    words = ["phantom", "--recipe", "S1", *SIZE, "--fields", "2x1", "--overlap", "0.4"]
    assert petroserve.main([*words, "--out", str(tmp_path)]) == 0
    written = ["blank.png", "fields/r0c0.png", "fields/r1c0.png", "labels.png", "poses.json"]
    assert files(tmp_path) == written
    made = section_fields("S1", 0, 2, 1, height_px=40, width_px=50, overlap=0.4)
    field = decode_image((tmp_path / "fields" / "r1c0.png").read_bytes()).pixels
    assert np.array_equal(field, made.fields[1].image)
    labels = decode_labels((tmp_path / "labels.png").read_bytes())
    assert np.array_equal(labels, made.panorama_labels)
    assert json.loads((tmp_path / "poses.json").read_text()) == made.truth


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipe", "S9", *SIZE], "known recipes are S1, S2, S3, quartz"),
        (["--recipe", "S1", *SIZE, "--views", "0"], "views is 0"),
        (["--recipe", "S1", *SIZE, "--fields", "1x1", "--overlap", "2"], "overlap is 2.0"),
    ],
)
def test_what_cannot_be_painted_is_refused_in_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert petroserve.main(["phantom", *words, "--out", str(tmp_path / "out")]) == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert complaint.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words", [["--fields", "3"], ["--fields", "axb"], ["--views", "2", "--fields", "1x1"]]
)
def test_words_that_cannot_be_read_end_with_the_usage(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        petroserve.main(["phantom", "--recipe", "S1", *SIZE, *words, "--out", str(tmp_path)])
    assert ended.value.code == 2
