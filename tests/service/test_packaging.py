"""bentofile.yaml and Dockerfile say the same as the rest of the project."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import yaml

from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: dict[str, Any] = PYPROJECT["project"]
BENTOFILE: dict[str, Any] = yaml.safe_load((ROOT / "bentofile.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_bento_has_what_serving_on_the_cpu_needs() -> None:
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["cpu"]

    assert BENTOFILE["python"]["packages"] == wanted
    assert BENTOFILE["python"]["lock_packages"] is False


def test_the_bento_names_the_service() -> None:
    module, _, name = BENTOFILE["service"].partition(":")

    source = ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text()
    assert re.search(rf"^{name}: Any = bentoml\.service\(", source, flags=re.MULTILINE)
    assert f'name="{BENTOFILE["name"]}"' in source


def test_nothing_reports_usage() -> None:
    switches = {"BENTOML_DO_NOT_TRACK": "True", "ORT_DISABLE_TELEMETRY": "1"}

    assert {entry["name"]: entry["value"] for entry in BENTOFILE["envs"]} == switches
    for name, value in switches.items():
        assert re.search(rf"\b{name}={value}\b", DOCKERFILE)


def test_the_image_sets_only_settings_that_exist_and_trains_nothing() -> None:
    variables = set(re.findall(r"\bPETROSERVE_(\w+)=", DOCKERFILE))

    assert variables
    assert {name.lower() for name in variables} <= set(Settings.model_fields)
    assert "torch" not in DOCKERFILE
    assert re.search(r"^USER (?!root)\w+", DOCKERFILE, flags=re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", DOCKERFILE, flags=re.MULTILINE)
    assert f"EXPOSE {Settings.model_fields['http_port'].default}" in DOCKERFILE


def test_the_image_has_every_package_that_the_command_line_imports_at_once() -> None:
    imports = ast.parse((ROOT / "petroserve.py").read_text()).body
    modules = {node.module.split(".")[0] for node in imports if isinstance(node, ast.ImportFrom)}
    ours = {name for name in modules if (ROOT / name).is_dir()}

    assert {"command_line", "petrography"} <= ours
    for name in ours | {"service"}:
        assert f"COPY {name} {name}\n" in DOCKERFILE


def test_the_image_has_every_package_that_a_command_imports_when_it_runs() -> None:
    packages = {
        pattern.removesuffix("*")
        for pattern in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    }

    assert {"petrography", "training", "service"} <= packages
    assert {name for name in packages if f"COPY {name} {name}\n" not in DOCKERFILE} == set()


def test_what_the_image_copies_is_let_into_its_context() -> None:
    first, *others = (ROOT / ".dockerignore").read_text().split()
    let_in = {line.removeprefix("!") for line in others if line.startswith("!")}
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, flags=re.MULTILINE)
        for source in line.split()[:-1]
    }

    assert first == "*"
    assert {"export", "models", "pyproject.toml"} <= copied
    assert copied == let_in
    assert all((ROOT / source).exists() for source in copied)


def test_the_wheel_has_every_file_of_the_web_page(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE", "petroserve.py"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "service", tmp_path / "service")
    build = "from setuptools import build_meta; build_meta.build_wheel('made')"
    subprocess.run([sys.executable, "-W", "ignore", "-c", build], cwd=tmp_path, check=True)
    (wheel,) = tmp_path.glob("made/*.whl")
    files = {path.name for path in (ROOT / "service" / "web" / "files").iterdir()}
    with zipfile.ZipFile(wheel) as packed:
        names = {one.rpartition("/")[2] for one in packed.namelist() if "service/web/files/" in one}

    assert {"index.html", "app.js", "style.css", "icon.svg"} <= files
    assert names == files
