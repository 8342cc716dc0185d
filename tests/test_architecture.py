"""The house rules hold, and each rule is shown to bite on a planted breach."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import house_rules

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("petrography", "training", "export", "service", "command_line")
CONTRACTS: list[str] = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
]

# For every contract: a module and the line that breaks this contract and no other.
BREACHES = {
    "packages: commands above service and export above training above petrography": (
        "training/config.py",
        "import export",
    ),
    "petrography: upper lines may use lower, never the same line": (
        "petrography/images.py",
        "import petrography.minerals",
    ),
    "service: upper lines may use lower, never the same line": (
        "service/settings/problems.py",
        "import service.status",
    ),
    "only service.bento knows BentoML": ("service/status.py", "import bentoml"),
    "service reaches neither torch nor training": ("service/status.py", "import torch"),
    "service.lims and service.webhooks know results, not how they are made or served": (
        "service/lims/profile.py",
        "import petrography.pipeline",
    ),
    "petrography knows no torch, no server, no environment and no paths": (
        "petrography/images.py",
        "import os",
    ),
    "only petrography.image_codec knows file formats": (
        "service/status.py",
        "from PIL import Image",
    ),
    "only service.repository opens a model, on service.runtime": (
        "service/status.py",
        "import onnxruntime",
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources, to plant breaches in."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("pyproject.toml", "petroserve.py"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def append(path: Path, line: str) -> None:
    path.write_text(f"{path.read_text()}\n{line}\n")


def run_python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(cwd), "COLUMNS": "300"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def known_imports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was read of modules before: by their times, so that a planted line is read anew."""
    return tmp_path_factory.mktemp("imports")


def broken_contracts(root: Path, known_imports: Path) -> set[str]:
    """Names of the import contracts that the tree at `root` breaks."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    cache = ("--cache-dir", str(known_imports))
    run = run_python("-c", command, *cache, "--no-logo", cwd=root)
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b", run.stdout, flags=re.MULTILINE))
    assert set(verdicts) == set(CONTRACTS), run.stdout + run.stderr
    return {name for name, verdict in verdicts.items() if verdict == "BROKEN"}


def test_import_contracts_hold(known_imports: Path) -> None:
    assert broken_contracts(ROOT, known_imports) == set()


def test_every_contract_has_a_planted_breach() -> None:
    assert set(BREACHES) == set(CONTRACTS)


@pytest.mark.parametrize("contract", BREACHES)
def test_planted_import_breaks_exactly_its_contract(
    contract: str, tree: Path, known_imports: Path
) -> None:
    module, line = BREACHES[contract]
    append(tree / module, line)
    assert broken_contracts(tree, known_imports) == {contract}


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("training/config.py", "import service.engine", 0),
        ("export/__init__.py", "import service.engine", 0),
        ("petrography/errors.py", "import petrography.images", 1),
        ("petrography/tiling.py", "import petrography.statistics", 1),
        ("service/repository/served_models.py", "import service.engine", 2),
        ("service/catalogue/records.py", "import service.repository", 2),
        ("service/repository/served_models.py", "import segmentation_models_pytorch", 4),
        ("service/engine/turns.py", "import service.jobs", 2),
        ("service/disk.py", "import service.audit", 2),
        ("service/lims/profile.py", "import service.engine", 2),
        ("service/engine/course.py", "import service.inference", 2),
        ("service/inference/messages.py", "import service.http_api", 2),
        ("service/lims/edd.py", "import fastapi", 5),
        ("training/lumenstone.py", "import tifffile", 7),
    ],
)
def test_further_breaches_are_caught(
    module: str, line: str, contract: int, tree: Path, known_imports: Path
) -> None:
    append(tree / module, line)
    assert CONTRACTS[contract] in broken_contracts(tree, known_imports)


def test_a_new_module_must_find_its_place(tree: Path, known_imports: Path) -> None:
    (tree / "petrography" / "astrology.py").touch()
    assert broken_contracts(tree, known_imports) == {CONTRACTS[1]}


LOADED_BY_SERVICE = """
import importlib, pkgutil, sys, service
for module in pkgutil.walk_packages(service.__path__, "service."):
    importlib.import_module(module.name)
foreign = {"torch", "torchvision", "segmentation_models_pytorch", "training", "export"}
print(*sorted(foreign & set(sys.modules)))
"""


def foreign_modules_loaded(root: Path) -> list[str]:
    """What the service loads of torch, training and export, in a fresh interpreter."""
    run = run_python("-c", LOADED_BY_SERVICE, cwd=root)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


def test_service_loads_neither_torch_nor_training() -> None:
    assert foreign_modules_loaded(ROOT) == []


def test_a_dynamic_import_of_training_is_seen(tree: Path) -> None:
    append(tree / "service/status.py", "__import__('train' + 'ing')")
    assert foreign_modules_loaded(tree) == ["training"]


def test_the_command_line_loads_no_extra_before_it_is_needed() -> None:
    late = {"torch", "bentoml", "training", "export", "service"}
    code = f"import petroserve, sys; print({late} & set(sys.modules))"
    run = run_python("-c", code, cwd=ROOT)
    assert (run.returncode, run.stdout.strip()) == (0, "set()"), run.stderr


# By the names of their modules, where those are others.
LIBRARIES = {"cv2": "OpenCV", "nacl": "PyNaCl", "skimage": "scikit-image"}


def test_the_page_names_every_library_that_petrography_knows() -> None:
    known = {
        name.split(".")[0]
        for path, text in house_rules.product_sources(ROOT)
        if path.startswith("petrography/")
        for name in house_rules.imported_names(text)
    }
    # Of type checkers, and never loaded.
    known -= {*sys.stdlib_module_names, "petrography", "_typeshed"}
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"^\| `petrography` \|.*\|(.*?)\. No torch,", page, flags=re.MULTILINE)
    named = set(re.findall(r"[\w-]+", re.sub(r" (?:in|and) (?:`\w+`)?", " ", said)))
    assert named == {LIBRARIES.get(name, name) for name in known}


RULES: dict[str, Callable[[Path], list[str]]] = {rule.__name__: rule for rule in house_rules.ALL}


@pytest.mark.parametrize("rule", RULES)
def test_rule_holds(rule: str) -> None:
    assert RULES[rule](ROOT) == []


PLANTED = [
    (
        "environment_read_outside_settings",
        "service/status.py",
        "import os\nos.environ['A'] = os.environ['B']",
    ),
    ("environment_read_outside_settings", "petrography/images.py", "import os\nos.getenv('HOME')"),
    (
        "environment_read_outside_settings",
        "training/config.py",
        "from os import environ as surroundings",
    ),
    ("file_formats_outside_image_codec", "training/config.py", "import tifffile"),
    (
        "file_formats_outside_image_codec",
        "petrography/images.py",
        "import importlib\nimportlib.import_module('PIL.Image')",
    ),
    ("file_formats_outside_image_codec", "export/__init__.py", "import cv2\ncv2.imread('a.png')"),
    ("file_formats_outside_image_codec", "petroserve.py", "import skimage.io"),
    ("bentoml_outside_bento", "service/status.py", "__import__('bentoml')"),
    ("bentoml_outside_bento", "training/config.py", "from bentoml.io import JSON"),
    ("overlong_files", "petrography/images.py", "#\n" * 420),
    ("overlong_functions", "petrography/images.py", "def long():\n" + "    _ = 1\n" * 50),
    ("names_that_say_nothing", "service/utils.py", ""),
    ("names_that_say_nothing", "petrography/common/__init__.py", ""),
    ("machine_paths", "training/config.py", f"DATA = '{Path('/', 'home', 'me', 'data')}'"),
    ("pickles", "service/status.py", "import pickle"),
    ("pickles", "petrography/images.py", "from joblib import load"),
    ("pickles", "training/config.py", "torch.load('a.pt')"),
    ("pickles", "training/config.py", "torch.load('a.pt', weights_only=weights_only)"),
    ("pickles", "training/foreign/reading.py", "pickle.loads(b'')"),
    ("pickles", "petrography/images.py", "np.load('a.npy', allow_pickle=True)"),
    ("unfinished_places", "petrography/images.py", "# TODO: later"),
    ("unfinished_places", "petrography/images.py", "raise NotImplementedError"),
]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_rule_bites_on_a_planted_breach(rule: str, path: str, text: str, tree: Path) -> None:
    target = tree / path
    target.parent.mkdir(exist_ok=True)
    target.touch()
    append(target, text)
    assert [breach.split(":")[0] for breach in RULES[rule](tree)] == [path]


def test_every_rule_has_a_planted_breach() -> None:
    assert {rule for rule, _, _ in PLANTED} == set(RULES)


def dependency_names() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [name for extra in project["optional-dependencies"].values() for name in extra]
    found = {re.match(r"[A-Za-z0-9_.-]+", name) for name in [*project["dependencies"], *extras]}
    return {normal(match.group()) for match in found if match}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_constraints_are_plain_and_pin_every_dependency() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [re.fullmatch(r"([A-Za-z0-9_.-]+)==[0-9][A-Za-z0-9.]*", line) for line in lines]
    assert [line for line, pin in zip(lines, pins, strict=True) if not pin and line[0] != "#"] == []
    assert dependency_names() - {normal(pin.group(1)) for pin in pins if pin} == set()
