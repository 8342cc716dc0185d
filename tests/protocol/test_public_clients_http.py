"""The clients that people have speak to ``/v2``: those of Triton and of KServe."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.http_service import READY_WITHIN_S, settings_for
from tests.inference_requests import infer_binary
from tests.protocol.public_clients import needs_clients, run_client, serving_http, write_case
from tests.tiny_model import CODES, TILE_PX, paint

pytestmark = [pytest.mark.anyio, needs_clients]

IMAGE = paint(np.random.default_rng(4).integers(0, len(CODES), (TILE_PX, TILE_PX + 6)))


async def test_the_clients_of_triton_and_kserve(
    model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    async with (
        serving_http(settings_for(model_folder, tmp_path / "artefacts")) as address,
        httpx.AsyncClient(base_url=address, timeout=READY_WITHIN_S) as client,
    ):
        while (await client.get("/v2/health/ready")).status_code != 200:
            pass
        tensors = (await infer_binary(client, IMAGE, path="/v2/models/tiny/infer")).tensors
        labels, confidence = tensors["labels"][0], tensors["confidence"][0]
        case = write_case(tmp_path / "case.npz", IMAGE, labels, confidence)
        lines = await run_client("open_inference_http.py", address, "tiny", case)
    assert "binary in True, out True: labels" in lines
    assert lines[-1] == "KServe: confidence, binary False"
