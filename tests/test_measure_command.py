"""`petroserve measure`: the statistics of a label image."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from petrography.image_codec import encode_png
from tests.command_runs import Run
from tests.written_files import MEASURED

# Two grains: 10 x 10 px of chalcopyrite and 20 x 30 px of pyrite.
TRUTH = np.zeros((90, 140), dtype=np.uint8)
TRUTH[10:20, 20:30] = 1
TRUTH[40:60, 70:100] = 6

pytestmark = pytest.mark.usefixtures("clean_environment")


def write_labels(path: Path, labels: NDArray[np.uint8]) -> Path:
    path.write_bytes(encode_png(labels))
    return path


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_measure_counts_a_known_grain_exactly(run: Run, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "labels.png", TRUTH)
    out = tmp_path / "out"
    status, printed, _ = run("measure", labels, "--out", out, "--um-per-px", "2")
    assert status == 0
    assert names_in(out) == MEASURED
    grains = list(csv.DictReader(io.StringIO((out / "grains.csv").read_text())))
    areas = [(row["symbol"], row["area_px"], float(row["area_um2"])) for row in grains]
    assert areas == [("Ccp", "100", 400.0), ("Py/Mrc", "600", 2400.0)]
    assert "pyrite/marcasite" in printed


def test_measure_tells_touching_grains_apart_when_asked(run: Run, tmp_path: Path) -> None:
    truth = np.zeros((40, 70), dtype=np.uint8)
    rows, columns = np.mgrid[:40, :70]
    for column in (20, 44):
        truth[(rows - 20) ** 2 + (columns - column) ** 2 <= 14**2] = 1
    labels, out = write_labels(tmp_path / "labels.png", truth), tmp_path / "out"
    status, printed, _ = run("measure", labels, "--out", out, "--touching-grains")
    assert status == 0
    touching = json.loads((out / "result.json").read_text())["grains"]["Ccp"]["touching"]
    assert (touching["particles"], touching["divided"]) == (2, 1)
    assert "told apart" in printed


@pytest.mark.parametrize("um_per_px", ["0", "nan", "-0.5"])
def test_measure_refuses_an_impossible_scale(run: Run, tmp_path: Path, um_per_px: str) -> None:
    labels = write_labels(tmp_path / "labels.png", TRUTH)
    status, _, complaints = run(
        "measure", labels, "--out", tmp_path / "out", "--um-per-px", um_per_px
    )
    assert status == 2
    assert "wanted micrometres per pixel" in complaints


@pytest.mark.parametrize("recipe", ["S1", "quartz"])
def test_measure_of_a_phantom_is_what_its_truth_says(run: Run, tmp_path: Path, recipe: str) -> None:
    painted, out = tmp_path / "phantom", tmp_path / "out"
    words = ("--recipe", recipe, "--seed", "5", "--size", "96x130", "--out", painted)
    assert run("phantom", *words)[0] == 0
    assert run("measure", painted / "labels.png", "--out", out)[0] == 0
    truth = json.loads((painted / "truth.json").read_text())["area_fraction"]
    modal = json.loads((out / "result.json").read_text())["modal"]
    counted = {str(entry["code"]): entry["area_px"] / (96 * 130) for entry in modal}
    assert len(truth) >= 2
    assert counted == pytest.approx(truth, abs=1e-9)
    # Percentages are written with four decimals.
    written = {str(entry["code"]): entry["area_percent"] / 100 for entry in modal}
    assert written == pytest.approx(truth, abs=0.501e-6)
