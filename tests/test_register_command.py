"""``petroserve register``: files in, views that lie over each other and their report out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import petroserve
from petrography.image_codec import decode_image, encode_png
from petrography.phantoms import phantom, stage_series
from petrography.registration import CHANNELS, RegistrationReport

SHAPE = (220, 260)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A series of six turns in both lights, and a view of another section."""
    place = tmp_path_factory.mktemp("views")
    series = stage_series("S2", 7, *SHAPE, views=6, step_deg=30.0)
    for light, views in (("ppl", series.ppl), ("xpl", series.xpl)):
        for view in views:
            path = place / f"{light}{view.stage_angle_deg:g}.png"
            path.write_bytes(encode_png(view.image))
    (place / "other.png").write_bytes(encode_png(phantom("S2", 70, *SHAPE).image))
    return place


def run(*words: object) -> int:
    return petroserve.main(["register", *(str(word) for word in words)])


def test_plane_polarised_views_need_no_angles(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "reports" / "views.json"
    views = [folder / "ppl30.png", folder / "ppl60.png"]

    assert run(folder / "ppl0.png", *views, "--out", tmp_path / "out", "--report", report) == 0

    content = json.loads(report.read_text())
    assert [view["name"] for view in content["views"]] == ["ppl30.png", "ppl60.png"]
    for view in content["views"]:
        assert np.shape(view["matrix"]) == (2, 3)
        assert {"model", "rmse_px", "inliers", "overlap_fraction"} <= view.keys()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "registered-ppl30.png",
        "registered-ppl60.png",
    }
    drawn = decode_image((tmp_path / "out" / "registered-ppl30.png").read_bytes()).pixels
    assert drawn.shape == (*SHAPE, 3)
    assert "ppl60.png" in capsys.readouterr().out


def test_crossed_polars_give_harmonics(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words: list[object] = []
    for angle in (30, 60, 90, 120, 150):
        words += ["--view", f"PPL:{angle}={folder}/ppl{angle}.png"]
    for angle in (0, 30, 60, 90, 120, 150):
        words += ["--view", f"XPL:{angle}={folder}/xpl{angle}.png"]

    assert run(folder / "ppl0.png", *words, "--out", tmp_path) == 0

    report = RegistrationReport.model_validate_json((tmp_path / "registration.json").read_text())
    assert report.view("xpl90.png").carried_by == "ppl90.png"
    assert report.xpl is not None
    assert report.xpl.model == "mean+2psi+4psi"
    with np.load(tmp_path / "harmonics.npz") as channels:
        assert set(channels) == {*CHANNELS, "valid", "noise_floor", "anisotropic"}
        assert channels["amplitude_4psi"].shape == SHAPE
    assert decode_image((tmp_path / "anisotropy.png").read_bytes()).pixels.shape[1] == SHAPE[1]
    assert "% of the pixels are anisotropic" in capsys.readouterr().out


def test_three_crossed_views_are_drawn_but_not_tested(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Laid over each other already: the reference stays, the others are at its own angle."""
    words = ["--reference-light", "XPL", "--out", tmp_path]
    views = [f"{folder}/xpl{angle}.png" for angle in (30, 60)]
    given = [
        word
        for view, angle in zip(views, (30, 60), strict=True)
        for word in ("--view", f"XPL:{angle}={view}")
    ]

    assert run(folder / "xpl0.png", *given, *words) == 0

    printed = capsys.readouterr().out
    assert "no anisotropy test" in printed
    assert "warning: the stage angles cannot tell" in printed
    assert (tmp_path / "anisotropy.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{}/other.png"], "other.png cannot be registered"),
        ([], "only the reference ppl0.png is given"),
        (["{}/missing.png"], "missing.png"),
        (["{}/ppl30.png", "{}/ppl30.png"], "ppl30.png is given more than once"),
        (["--view", "XPL:inf={}/xpl30.png"], "stage angle of xpl30.png is inf"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    words: list[str],
    said: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [word.format(folder) for word in words]
    assert run(folder / "ppl0.png", *given, "--out", tmp_path) == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("view", ["XPL:30", "UV:30=a.png", "XPL:north=a.png", "PPL:="])
def test_a_view_must_name_its_light_angle_and_file(
    view: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run("a.png", "--view", view, "--out", tmp_path)
    assert "wanted LIGHT:ANGLE=FILE" in capsys.readouterr().err
