"""docs/annotation.md does what it says: its commands and its Python run, from top to bottom."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from petrography.annotation import MAX_POINTS, MAX_STROKES, MAX_WIDTH_PX
from petrography.image_codec import decode_labels
from tests.annotated import PHOTOGRAPH
from tests.documented_blocks import blocks
from tests.http_service import settings_for
from tests.served import served
from tests.tiny_model import write_model

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "annotation.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:3000"
WITHIN_S = 120.0


def run(words: list[str], text: str, folder: Path) -> str:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        words,
        input=text,
        cwd=folder,
        env={"PATH": programs, "HOME": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all commands were typed into one shell."""
    folder = tmp_path_factory.mktemp("desk")
    write_model(folder / "models")
    (folder / "field.png").write_bytes(PHOTOGRAPH)
    with served(settings_for(folder / "models", folder / "artefacts")) as address:
        commands = "".join(blocks(PAGE, "bash")).replace(ADDRESS, address)
        run(["bash", "-euxo", "pipefail"], commands, folder)
    return folder


def read(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text())
    return content


def test_steps_are_answered_as_the_page_shows(desk: Path) -> None:
    (shown,) = (json.loads(block) for block in blocks(PAGE, "json"))
    answers = [read(desk, name) for name in ("step.json", "second.json", "back.json")]

    for answer in answers:
        assert set(answer) == set(shown)
        assert set(answer["changed"]) == set(shown["changed"])
    assert [one["step"] for one in answers] == [1, 2, 2]
    assert [one["last_step"] for one in answers] == [1, 2, 1]
    patch = decode_labels(base64.b64decode(answers[0]["labels_png"]))
    assert set(np.unique(patch)) <= {1, 6, 255}
    assert answers[2]["area_fraction"] == answers[0]["area_fraction"]
    now = read(desk, "now.json")
    assert (now["steps"], now["sample"]["id"], now["um_per_px"]) == (1, "SEC-0007", 0.5)
    assert read(desk, "proposals.json")["proposals"]
    assert read(desk, "doubts.json")["proposals"]


def test_the_record_drawn_again_gives_the_labels(desk: Path) -> None:
    (block,) = blocks(PAGE, "python")
    assert run([sys.executable, "-W", "error", "-"], block, desk).split() == ["1", "True", "True"]


def test_labels_are_used_as_the_page_says(desk: Path) -> None:
    from training.lumenstone import FieldPaths, load_field

    assert read(desk, "judged.json")["pixels"] == np.count_nonzero(
        decode_labels((desk / "labels.png").read_bytes()) != 255
    )
    assert read(desk, "calibration.json")["anchors"]
    paths = FieldPaths("field", desk / "images/field.png", desk / "masks/field.png", (0, 1, 2, 6))
    field = load_field(paths)
    assert set(np.unique(field.truth)) == {1, 6, 255}


def test_the_limits_are_those_of_the_code() -> None:
    (row,) = re.findall(r"^\| strokes of a step, .* \| (.*) \|$", PAGE, flags=re.MULTILINE)
    stated = [int(number.replace(" ", "")) for number in re.findall(r"\d+(?: \d{3})*", row)]
    assert stated == [MAX_STROKES, MAX_POINTS, MAX_WIDTH_PX]
