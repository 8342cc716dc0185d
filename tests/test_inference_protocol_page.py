"""docs/inference-protocol.md does what it says: its commands run against a real server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest

from petrography.image_codec import decode_image
from service.http_api.open_inference.body import JSON_LENGTH
from service.settings import Settings
from tests.documented_blocks import blocks
from tests.http_service import READY_WITHIN_S
from tests.protocol.public_clients import INTERPRETER, serving_http

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "inference-protocol.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:3000"
MODEL = "lumenstone-pspnet"
WITHIN_S = 300.0


async def typed(words: list[str], text: str, folder: Path) -> str:
    """Type a text into a program; what it printed."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, env={**os.environ, "PATH": programs, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(WITHIN_S):
        printed, said = await process.communicate(text.encode())
    assert process.returncode == 0, f"{printed.decode()}\n{said.decode()}"
    return printed.decode()


async def test_the_examples_run(tmp_path: Path, clean_environment: pytest.MonkeyPatch) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / MODEL).symlink_to(ROOT / "models" / MODEL)
    settings = Settings.model_validate(
        {"models_folder": models, "artefacts_folder": tmp_path / "artefacts", "provider": "cpu"}
    )
    async with serving_http(settings) as address:
        await until_ready(address)
        text = "".join(blocks(PAGE, "bash")).replace(ADDRESS, address)
        printed = await typed(["bash", "-euo", "pipefail"], text, tmp_path)
        answer = json.loads((tmp_path / "answer.json").read_bytes())
        if INTERPRETER.exists():
            (code,) = blocks(PAGE, "python")
            code = code.replace("127.0.0.1:3000", address.removeprefix("http://"))
            said = await typed([str(INTERPRETER), "-"], code, tmp_path)
            assert said.startswith("(512, 512) [")
    image = decode_image((tmp_path / "section" / "image.png").read_bytes()).pixels
    (labels,) = answer["outputs"]
    assert (answer["id"], labels["shape"]) == ("section-9", [1, *image.shape[:2]])
    assert len(np.unique(labels["data"])) > 2
    # What is printed before is what `phantom` says.
    assert json.loads(printed[printed.index('{"name"') :])["name"] == MODEL


async def until_ready(address: str) -> None:
    async with (
        asyncio.timeout(READY_WITHIN_S),
        httpx.AsyncClient(base_url=address, timeout=READY_WITHIN_S) as client,
    ):
        while (await client.get("/v2/health/ready")).status_code != 200:
            await asyncio.sleep(0.02)


def test_the_page_names_the_settings_with_their_defaults_and_the_header() -> None:
    for name, mib in (("max_inference_bytes", 256), ("max_inference_json_bytes", 16)):
        assert f"`PETROSERVE_{name.upper()}` ({mib} MiB)" in PAGE
        assert Settings.model_fields[name].default == mib * 1024**2
    assert JSON_LENGTH in PAGE
