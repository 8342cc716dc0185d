"""docs/batch.md does what it says: its commands run, one after the other."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.documented_blocks import blocks
from tests.started import without_settings

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")
RUN_WITHIN_S = 600.0


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (extra batch)")
def test_the_commands_do_what_the_page_promises(tmp_path: Path) -> None:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": programs, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    script = "\n".join(blocks(PAGE, "bash"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail"], input=script, cwd=tmp_path, capture_output=True, text=True,
        env=without_settings() | settings | {"PETROSERVE_MODELS_FOLDER": str(ROOT / "models")}, check=False,
        timeout=RUN_WITHIN_S,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    rows = [
        row
        for results in ("results", "listed")
        for row in csv.DictReader((tmp_path / results / "batch.csv").read_text().splitlines())
    ]
    assert [row["status"] for row in rows] == ["ok"] * 5
    assert [row["sample_id"] for row in rows[3:]] == ["LAB-0017", "LAB-0018"]
    second = json.loads((tmp_path / "listed" / "section-2" / "field" / "result.json").read_text())
    assert second["scale"]["um_per_px"] == 0.25


def test_the_page_names_every_column() -> None:
    from command_line.batch.one_image import ImageRow, Share
    from command_line.batch.table import table_csv

    share = Share(code=1, symbol="Ccp", percent=1.0, ci95=(0.5, 1.5))
    row = ImageRow(file="a.png", folder="a", status="ok", shares=(share,))
    header = table_csv([row]).decode().partition("\n")[0]
    table = PAGE.partition("## batch.csv")[2].partition("\n##")[0]
    assert [name for name in header.split(",") if f"`{name}`" not in table] == []
