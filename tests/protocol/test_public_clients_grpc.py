"""The clients that people have speak gRPC: those of Triton and of KServe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.grpc_service import HOST, running_grpc
from tests.http_service import settings_for
from tests.inference_requests import infer_binary
from tests.protocol.public_clients import needs_clients, run_client, write_case
from tests.tiny_model import CODES, TILE_PX, paint

pytestmark = [pytest.mark.anyio, needs_clients]

IMAGE = paint(np.random.default_rng(4).integers(0, len(CODES), (TILE_PX, TILE_PX + 6)))


@pytest.mark.parametrize(
    ("client", "last"),
    [("triton", "an unknown model is refused"), ("kserve", "KServe: confidence, binary False")],
)
async def test_a_client_over_grpc(
    client: str,
    last: str,
    model_folder: Path,
    tmp_path: Path,
    clean_environment: pytest.MonkeyPatch,
) -> None:
    async with running_grpc(settings_for(model_folder, tmp_path / "artefacts")) as service:
        tensors = (await infer_binary(service.http, IMAGE, path="/v2/models/tiny/infer")).tensors
        labels, confidence = tensors["labels"][0], tensors["confidence"][0]
        case = write_case(tmp_path / "case.npz", IMAGE, labels, confidence)
        address = f"{HOST}:{service.port}"
        lines = await run_client("open_inference_grpc.py", client, address, "tiny", case)
    assert lines[-1] == last
