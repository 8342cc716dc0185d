"""docs/lims.md does what it says: its commands run against the stand-in, one after the other."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from petrography.report import Result
from tests.documented_blocks import blocks

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "lims.md").read_text(encoding="utf-8")
STAND_IN = ROOT / "tests" / "lims" / "senaite_stand_in.py"
ADDRESS = "http://127.0.0.1:8099/senaite"
RUN_WITHIN_S = 600.0


BLOCKS = blocks(PAGE, "bash")


def environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PETROSERVE_")}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    models = str(ROOT / "models")
    return own | {"PATH": programs, "PYTHONPATH": str(ROOT), "PETROSERVE_MODELS_FOLDER": models}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The stand-in as the page starts it, on a free port."""
    words = [sys.executable, str(STAND_IN), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[0]
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory, address: str) -> tuple[Path, str]:
    """The folder in which all blocks were typed into one shell, and what they printed."""
    folder = tmp_path_factory.mktemp("workshop")
    typed = "".join(block for block in BLOCKS if STAND_IN.name not in block)
    assert ADDRESS in typed
    done = subprocess.run(
        ["bash", "-euo", "pipefail"], input=typed.replace(ADDRESS, address), cwd=folder,
        env=environment(), capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return folder / "lims", done.stdout


def test_the_page_names_the_stand_in() -> None:
    (block,) = (block for block in BLOCKS if STAND_IN.name in block)
    assert block == f"python {STAND_IN.relative_to(ROOT)} --port 8099\n"


def test_a_number_arrives_with_its_uncertainty(printed: tuple[Path, str]) -> None:
    folder, text = printed
    rows = [line.split("\t") for line in text.splitlines() if line.startswith("lims/analysis")]
    sent = {row[1]: row[2:4] for row in rows if len(row) > 3}
    assert sent["MOD_SP"][1] == "submitted"
    assert sent["(attachment)"] == ["report.pdf", "submitted"]
    waiting = [line for line in text.splitlines() if line.startswith("SEC-000")]
    assert waiting.count("SEC-0001\tMOD_SP\t%\tunassigned") == 1
    assert waiting[-1] == "SEC-0002\tMOD_SP\t%\tunassigned"
    with (folder / "export" / "edd-long.csv").open(newline="") as file:
        long = {row["ANALYTE"]: row for row in csv.DictReader(file)}
    assert long["MOD_SP"]["RESULT"] == sent["MOD_SP"][0]
    assert float(long["MOD_SP"]["UNCERTAINTY"]) > 0.0


def test_the_files_are_there_and_judged(printed: tuple[Path, str]) -> None:
    folder, text = printed
    for name in ("edd-long.csv", "edd-wide.csv"):
        assert (folder / "export" / name).stat().st_size > 0
    (exported,), (named,) = ((folder / into).glob("*_1.csv") for into in ("export", "named"))
    assert exported.stat().st_size > 0
    assert named.read_text().startswith(",PETRO_CCP,PETRO_SP,end\n")
    assert "not overridden" in text


def test_the_folder_is_answered_and_the_review_written(printed: tuple[Path, str]) -> None:
    folder, text = printed
    assert "field-7.png\tdone" in text
    (handed,) = (folder / "out" / "senaite").iterdir()
    assert handed.read_text().splitlines()[1].startswith("SEC-0002,")
    assert Result.model_validate_json((folder / "result.v2.json").read_bytes()).status == "final"
    assert not (folder / "result.v3.json").exists()


def test_the_python_verifies_what_it_signs(tmp_path: Path) -> None:
    (code,) = blocks(PAGE, "python")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, env=environment(),
        capture_output=True, text=True, timeout=RUN_WITHIN_S, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("4d7f.done\n", "")


def test_the_acceptance_run_listens_on_this_machine_only() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "senaite.yaml").read_text())["services"]
    assert services["senaite"]["ports"] == ["127.0.0.1:8080:8080"]
