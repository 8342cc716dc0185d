"""docs/imaging.md does what it says: its commands and its Python run, one after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documented_blocks import blocks

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "imaging.md").read_text(encoding="utf-8")
RUN_WITHIN_S = 600.0


def run(words: list[str], folder: Path, text: str) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PETROSERVE_")}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    models = str(ROOT / "models")
    settings = {"PATH": programs, "PYTHONPATH": str(ROOT), "PETROSERVE_MODELS_FOLDER": models}
    done = subprocess.run(
        words, input=text, cwd=folder, env=own | settings, capture_output=True, text=True,
        timeout=RUN_WITHIN_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all commands of the page were typed."""
    folder = tmp_path_factory.mktemp("workshop")
    for block in blocks(PAGE, "bash"):
        run(["bash", "-euo", "pipefail"], folder, block)
    return folder


def test_the_commands_write_what_the_page_promises(workshop: Path) -> None:
    imaging = workshop / "imaging"
    for name in (
        "calibration.json",
        "calibrated.png",
        "analysis/result.json",
        "part/result.json",
        "registered/registration.json",
        "anisotropy/anisotropy.png",
        "anisotropy/harmonics.npz",
        "turning/result.json",
        "fused/result.json",
        "panorama.tif",
        "panorama.json",
        "whole/labels.png",
    ):
        assert (imaging / name).stat().st_size > 0, name


def test_the_python_runs_on_what_the_commands_wrote(workshop: Path) -> None:
    (block,) = blocks(PAGE, "python")
    printed = run([sys.executable, "-W", "error", "-"], workshop, block).splitlines()
    model, before, after = printed[0].split()
    assert model == "affine"
    assert float(after) < float(before)
    rotation_deg, rmse_px = map(float, printed[1].split())
    assert rotation_deg == pytest.approx(-30.0, abs=0.3)
    assert rmse_px < 1.0
    assert float(printed[2].split()[0]) < 0.5
