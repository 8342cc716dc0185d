"""docs/jobs.md does what it says: its commands run against a service, one after the other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.settings import Settings
from tests.documented_blocks import blocks
from tests.http_service import png
from tests.started import free_port, started, wait_until_ready
from tests.tiny_model import TILE_PX, paint, write_model

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:3000"
WITHIN_S = 120.0
COMMANDS = [
    line.removeprefix("$ ")
    for block in blocks(PAGE, "console")
    for line in block.splitlines()
    if line.startswith("$ ")
]


def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "PETROSERVE_MODELS_FOLDER": str(folder / "models"),
        "PETROSERVE_ARTEFACTS_FOLDER": str(folder / "artefacts"),
        "PETROSERVE_GRPC_PORT": "0",
        "PETROSERVE_PROVIDER": "cpu",
        "PETROSERVE_THREADS": "1",
    }


def typed(command: str, folder: Path, **variables: str) -> str:
    """Type a command into a shell; returns what it printed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], cwd=folder, text=True, timeout=WITHIN_S,
        env=environment(folder) | variables, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The service as the page starts it, on a free port: its folder and its address."""
    folder = tmp_path_factory.mktemp("laboratory")
    write_model(folder / "models")
    (folder / "field.png").write_bytes(png(paint(np.zeros((TILE_PX, TILE_PX), dtype=np.intp))))
    secret, serve = (one for one in COMMANDS if "webhook.secrets" in one)
    typed(secret, folder)
    port = free_port()
    command = ["bash", "-c", f"exec env {serve} --http-port {port}"]
    with started(command, environment(folder), folder / "log", folder) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, folder / "log")
        yield folder, f"http://127.0.0.1:{port}"


def test_the_page_runs(service: tuple[Path, str]) -> None:
    folder, address = service
    submit, state, events, cancel, *_ = (one.replace(ADDRESS, address) for one in COMMANDS)
    told = httpx.Response(200, content=typed(submit, folder)).json()
    assert told["state"] in {"queued", "running"}
    assert typed(events, folder, ID=told["id"]).rstrip().splitlines()[-2] == "event: done"
    result = httpx.Response(200, content=typed(state, folder, ID=told["id"])).json()
    assert (result["id"], result["scale"]["um_per_px"]) == (told["id"], 0.5)
    ended = httpx.Response(200, content=typed(cancel, folder, ID=told["id"])).json()
    assert ended["type"] == "urn:petroserve:problem:analysis-ended"

    callback = next(one for one in COMMANDS if "callback" in one).replace(ADDRESS, address)
    called = httpx.Response(200, content=typed(callback, folder)).json()
    assert typed(events, folder, ID=called["id"]).rstrip().splitlines()[-2] == "event: done"
    seen, again = (one.replace(ADDRESS, address) for one in COMMANDS if "$ID/callbacks" in one)
    end = time.monotonic() + WITHIN_S
    # It is stored just after the job has ended.
    while not (told := json.loads(typed(seen, folder, ID=called["id"]))["callbacks"]):
        assert time.monotonic() < end
    assert told[0]["id"].startswith(f"{called['id']}.")
    assert json.loads(typed(again, folder, ID=called["id"]))["state"] == "waiting"
    for one in COMMANDS:
        if one.startswith("petroserve jobs"):
            typed(one, folder)


def test_the_page_names_every_setting_of_jobs() -> None:
    named = set(re.findall(r"`PETROSERVE_([A-Z_]+)`", PAGE))
    ours = {
        name.upper()
        for name in Settings.model_fields
        if name.startswith(("job", "webhook")) or name == "database_url"
    }
    assert ours <= named
    assert named <= {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if name.startswith("job"):
            assert f"| `PETROSERVE_{name.upper()}` | {field.default:g} |" in PAGE
