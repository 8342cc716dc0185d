"""Triton's perf_analyzer measures the service over both protocols."""

from __future__ import annotations

import asyncio
import base64
import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.grpc_service import HOST, running_grpc
from tests.http_service import settings_for
from tests.protocol.public_clients import serving_http
from tests.tiny_model import CODES, TILE_PX, paint

PERF_ANALYZER = shutil.which("perf_analyzer")
WITHIN_S = 120.0
IMAGE = paint(np.random.default_rng(4).integers(0, len(CODES), (TILE_PX, TILE_PX + 6)))

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        PERF_ANALYZER is None, reason="perf_analyzer (PyPI: in tritonclient 2.41) is not installed"
    ),
]


async def test_over_http(model_folder: Path, tmp_path: Path) -> None:
    async with serving_http(settings_for(model_folder, tmp_path / "artefacts")) as address:
        await measured("http", address.removeprefix("http://"), tmp_path)


async def test_over_grpc(model_folder: Path, tmp_path: Path) -> None:
    async with running_grpc(settings_for(model_folder, tmp_path / "artefacts")) as service:
        await measured("grpc", f"{HOST}:{service.port}", tmp_path)


async def measured(protocol: str, address: str, folder: Path) -> None:
    """Let two clients ask for a second, pairs of images, and read what was measured."""
    assert PERF_ANALYZER is not None
    height, width, channels = IMAGE.shape
    image = {"b64": base64.b64encode(IMAGE.tobytes()).decode(), "shape": IMAGE.shape}
    (folder / "images.json").write_text(json.dumps({"data": [{"image": image}]}))
    process = await asyncio.create_subprocess_exec(
        PERF_ANALYZER, "-m", "tiny", "-u", address, "-i", protocol, "-b", "2",
        "--shape", f"image:{height},{width},{channels}", "--shape", "possible:1",
        "--input-data", folder / "images.json", "-f", folder / "measured.csv",
        "--concurrency-range", "2", "-p", "1000", "-s", "999",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(WITHIN_S):
        printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    with (folder / "measured.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["Inferences/Second"]) > 0
    # From the statistics of the service, read before and after.
    assert 0 < float(row["Server Compute Infer"]) <= float(row["p99 latency"])
