"""README.md does what it says: its commands run, its tables are those of the code."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from petrography.image_codec import decode_image, decode_labels
from tests.documented_blocks import blocks
from tests.started import free_port, started, wait_until_ready
from tests.written_files import ANALYSED

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:3000"
RUN_WITHIN_S = 300.0


def block(language: str, word: str) -> str:
    """The one block of a language that holds a word."""
    (found,) = (text for text in blocks(README, language) if word in text)
    return found


def load(path: Path) -> ModuleType:
    """A script as a module."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the commands of README.md are typed, one after the other."""
    return tmp_path_factory.mktemp("workshop")


@pytest.fixture(scope="module")
def variables(workshop: Path) -> dict[str, str]:
    """The environment of a user who stands in a checkout with an active .venv."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PETROSERVE_")}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **own,
        "PATH": programs,
        "PYTHONPATH": str(ROOT),
        "PETROSERVE_MODELS_FOLDER": str(ROOT / "models"),
        "PETROSERVE_ARTEFACTS_FOLDER": str(workshop / "artefacts"),
    }


@pytest.fixture(scope="module")
def section(workshop: Path, variables: dict[str, str]) -> Path:
    """The section that README.md paints and analyses."""
    typed(block("bash", "petroserve phantom"), workshop, variables)
    return workshop / "section"


@pytest.fixture(scope="module")
def address(workshop: Path, variables: dict[str, str]) -> Iterator[str]:
    """A service as `petroserve serve` starts it, on a free port."""
    port = free_port()
    log = workshop / "service.log"
    ports = ["--http-port", str(port), "--grpc-port", "0"]
    command = [sys.executable, str(ROOT / "petroserve.py"), "serve", *ports]
    with started(command, variables, log, workshop) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}"


def typed(text: str, folder: Path, variables: dict[str, str]) -> str:
    """Type a block into a shell; returns what it prints."""
    return run(["bash", "-euo", "pipefail", "-c", text], folder, variables)


def run(command: list[str], folder: Path, variables: dict[str, str]) -> str:
    ended = subprocess.run(
        command,
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=RUN_WITHIN_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_command_line_block_writes_what_it_promises(section: Path) -> None:
    assert {path.name for path in section.iterdir()} == {"image.png", "labels.png", "truth.json"}
    analysis = section.parent / "analysis"
    assert {path.name for path in analysis.iterdir()} == ANALYSED
    for name in ANALYSED:
        assert f"`{name}`" in README
    labels = decode_labels((analysis / "labels.png").read_bytes())
    assert labels.shape == decode_image((section / "image.png").read_bytes()).pixels.shape[:2]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_block_brings_the_result(
    section: Path, address: str, variables: dict[str, str]
) -> None:
    typed(block("bash", "curl").replace(ADDRESS, address), section.parent, variables)
    served = json.loads((section.parent / "result.json").read_text())
    typed_in = json.loads((section.parent / "analysis" / "result.json").read_text())
    assert served["modal"] == typed_in["modal"]


def test_python_block_prints_the_composition_and_keeps_the_map(
    section: Path, address: str, variables: dict[str, str]
) -> None:
    (code,) = blocks(README, "python")
    printed = run([sys.executable, "-c", code.replace(ADDRESS, address)], section.parent, variables)
    assert "background" in printed
    served = decode_labels((section.parent / "labels.png").read_bytes())
    typed_in = decode_labels((section.parent / "analysis" / "labels.png").read_bytes())
    np.testing.assert_array_equal(served, typed_in)


def test_example_client_keeps_every_file(
    section: Path, address: str, variables: dict[str, str]
) -> None:
    out = section.parent / "client"
    client = [sys.executable, str(ROOT / "examples" / "analyse_over_http.py")]
    words = [str(section / "image.png"), "--association", "S1", "--out", str(out)]
    printed = run([*client, *words, "--service", address], section.parent, variables)
    assert "background" in printed
    assert {path.name for path in out.iterdir()} == ANALYSED - {"result.json"}
    typed_in = section.parent / "analysis"
    for name in ("labels.png", "confidence.png", "overlay.jpg", "modal.csv", "grains.csv"):
        assert (out / name).read_bytes() == (typed_in / name).read_bytes()


def test_tables_are_those_of_the_code_and_the_cards() -> None:
    parts = load(ROOT / "docs" / "readme_parts.py")
    for page in parts.PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert parts.with_parts(text, page) == text, "run python docs/readme_parts.py"
    shown = len(parts.Settings.model_fields) - len(parts._NOT_FOR_USERS)
    settings = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert settings.count("| `PETROSERVE_") == shown


def test_parts_need_their_marks() -> None:
    parts = load(ROOT / "docs" / "readme_parts.py")
    with pytest.raises(ValueError, match=r"README\.md has no part between"):
        parts.with_parts("# Petroserve", "README.md")


def make_targets() -> list[str]:
    text = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, flags=re.MULTILINE)
    return [name for name in phony.split() if name != "help"]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_bare_make_lists_exactly_the_tasks(variables: dict[str, str]) -> None:
    tasks = ["demo", "serve", "test", "testclients", "testbatch", "clients"]
    tasks += ["check", "audit", "bench", "train", "export", "proto"]
    listed = re.findall(r"^  make (\w+) +\S", run(["make"], ROOT, variables), flags=re.MULTILINE)
    assert listed == tasks == make_targets()


def test_every_task_of_the_readme_exists() -> None:
    named = {word for text in blocks(README, "bash") for word in re.findall(r"\bmake (\w+)", text)}
    assert {"demo", "serve", "test"} <= named
    assert named <= set(make_targets())


def test_every_command_of_the_readme_exists(variables: dict[str, str]) -> None:
    rows = re.findall(r"^\| `petroserve (.*?) \|", README, flags=re.MULTILINE)
    named = {row.split()[0].strip("`") for row in rows}
    usage = run([sys.executable, str(ROOT / "petroserve.py"), "--help"], ROOT, variables)
    listed = set(re.findall(r"^    ([a-z][a-z-]+)(?: |$)", usage, flags=re.MULTILINE))
    assert named == listed
