"""docs/provenance.md does what it says: its commands run one after the other in one shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from petrography.report import Result
from service.audit import entries_of
from service.settings import Settings
from tests.documented_blocks import blocks
from tests.tiny_model import write_model

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "provenance.md").read_text(encoding="utf-8")
RUN_WITHIN_S = 600.0


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    typed = "".join(blocks(PAGE, "bash"))
    own = {name: value for name, value in os.environ.items() if not name.startswith("PETROSERVE_")}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    write_model(tmp_path / "models")
    done = subprocess.run(
        ["bash", "-euo", "pipefail"], input=typed, cwd=tmp_path,
        env=own | {"PATH": programs, "PYTHONPATH": str(ROOT), "PETROSERVE_MODELS_FOLDER": "models"},
        capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False,
    )  # fmt: skip

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    replayed = re.findall(r"^(\S+) +as it was +equal$", done.stdout, flags=re.MULTILINE)
    assert {"labels.png", "report.pdf", "result.json"} <= set(replayed)
    assert "different" not in done.stdout
    assert "2 entries are whole" in done.stdout
    created, reviewed = entries_of(tmp_path / "provenance" / "audit")
    assert (created.event, reviewed.event) == ("key.created", "result.reviewed")
    folder = tmp_path / "provenance"
    final = Result.model_validate_json((folder / "analysis" / "result.v2.json").read_bytes())
    assert final.status == "final"
    assert (folder / "final.pdf").read_bytes().startswith(b"%PDF-")


def test_the_settings_of_the_table_are_there() -> None:
    named = set(re.findall(r"PETROSERVE_([A-Z_]+)", PAGE))
    assert {name.lower() for name in named} <= set(Settings.model_fields)
