"""docs/api.md does what it says: its commands run against a service, from top to bottom."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from petrography.report import Result
from tests.documented_blocks import blocks
from tests.http_service import png, settings_for
from tests.served import served
from tests.tiny_model import CODES, paint, write_model

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:3000"
WITHIN_S = 120.0
EVALUATED = ("evaluation.json", "judged.json")


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder in which all commands were typed into one shell, and the list that they printed."""
    folder = tmp_path_factory.mktemp("laboratory")
    write_model(folder / "models")
    minerals = np.random.default_rng(8).integers(0, len(CODES), (64, 64))
    (folder / "field.png").write_bytes(png(paint(np.kron(minerals, np.ones((4, 4), dtype=int)))))
    truth = np.array(CODES, dtype=np.uint8)[np.kron(minerals, np.ones((4, 4), dtype=int))]
    (folder / "truth.png").write_bytes(png(truth))
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with served(settings_for(folder / "models", folder / "artefacts")) as address:
        done = subprocess.run(
            ["bash", "-euxo", "pipefail"],
            input="".join(blocks(PAGE, "bash")).replace(ADDRESS, address),
            cwd=folder,
            env={"PATH": programs, "HOME": str(folder)},
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return folder, json.loads(done.stdout)


def test_the_list_has_the_fields_that_the_page_shows(typed: tuple[Path, dict[str, Any]]) -> None:
    folder, printed = typed
    (shown,) = blocks(PAGE, "json")

    assert set(re.findall(r'"(\w+)":', shown)) <= {*printed, *printed["analyses"][0]}
    (entry,) = printed["analyses"]
    made = json.loads((folder / "result.json").read_text())
    assert (entry["id"], entry["state"], entry["status"]) == (made["id"], "done", "preliminary")
    assert f"/v1/analyses/{made['id']}" in (folder / "headers.txt").read_text()


def test_versions_are_as_the_page_says(typed: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = typed
    versions = [
        Result.model_validate_json((folder / name).read_bytes())
        for name in ("first.json", "second.json", "newest.json")
    ]

    assert [(one.version, one.status) for one in versions] == [
        (1, "preliminary"),
        (2, "final"),
        (3, "corrected"),
    ]
    assert versions[2].sample is not None
    assert versions[2].sample.id == "SEC-0007"


def test_estimates_tell_what_the_page_names(typed: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = typed
    small, large = (
        json.loads((folder / name).read_text()) for name in ("estimate.json", "large.json")
    )

    (named,) = re.findall(r"^What an analysis would take.*$", PAGE, flags=re.MULTILINE)
    assert set(re.findall(r"`(\w+_\w+|tiles|seconds)`", named)) <= set(small)
    assert (large["height_px"], large["width_px"]) == (1800, 2200)
    assert small["tiles"] < large["tiles"]


def test_a_compressed_file_arrives_as_it_is(typed: tuple[Path, dict[str, Any]]) -> None:
    outlines = json.loads((typed[0] / "grains.geojson").read_text())

    assert outlines["type"] == "FeatureCollection"
    assert outlines["features"]


def test_evaluations_are_as_the_page_says(typed: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = typed
    sent, kept = (json.loads((folder / name).read_text()) for name in EVALUATED)

    assert sent["pixel_accuracy"] == kept["pixel_accuracy"] == 1.0
    assert (len(sent["images"]), len(kept["images"])) == (1, 2)
    assert "Pixel accuracy 1.0000" in (folder / "tables.md").read_text()
    assert (folder / "error_map.png").read_bytes().startswith(b"\x89PNG")


def test_every_setting_and_problem_of_the_page_is_there() -> None:
    from service.settings import Settings
    from service.status import STATUS_TABLE

    settings = {f"PETROSERVE_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"PETROSERVE_\w+[A-Z]", PAGE)) <= settings
    problems = {(status.http, status.slug) for status in STATUS_TABLE.values()}
    named = {(int(http), slug) for http, slug in re.findall(r"`(\d{3})` `([a-z-]+)`", PAGE)}
    assert named
    assert named <= problems
