"""Messages of inference over gRPC that are no larger than a tensor and cost far more to read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from service.proto import inference_pb2 as messages
from tests.grpc_service import Service, problem, running_grpc
from tests.http_service import settings_for

pytestmark = pytest.mark.anyio

MOST_TYPED_BYTES, PATIENCE_S = 10_000, 60.0
MANY = 60_000


@pytest.fixture
async def service(model_folder: Path, tmp_path: Path) -> AsyncIterator[Service]:
    settings = settings_for(
        model_folder, tmp_path / "artefacts", max_inference_json_bytes=MOST_TYPED_BYTES
    )
    async with running_grpc(settings) as running:
        yield running


def of_input(**fields: object) -> bytes:
    tensor = messages.ModelInferRequest.InferInputTensor(name="image", datatype="UINT8", **fields)
    return messages.ModelInferRequest(model_name="tiny", inputs=[tensor]).SerializeToString()


def typed(**contents: object) -> bytes:
    return of_input(shape=[1, 1, 3], contents=messages.InferTensorContents(**contents))


NAMED = {f"k{number}": messages.InferParameter(bool_param=True) for number in range(MANY)}
BOMBS = {
    "inputs": (b"\x2a\x00" * MANY, "malformed-request"),
    "outputs": (b"\x32\x00" * MANY, "malformed-request"),
    "raw contents": (b"\x3a\x00" * MANY, "malformed-request"),
    "unknown fields": (b"\x78\x01" * MANY, "malformed-request"),
    "groups": (b"\x7b" * MANY, "malformed-request"),
    "parameters": (
        messages.ModelInferRequest(model_name="tiny", parameters=NAMED).SerializeToString(),
        "malformed-request",
    ),
    "parameters of an input": (of_input(parameters=NAMED), "malformed-request"),
    "a shape of very many sides": (of_input(shape=[1] * 1000), "malformed-request"),
    "typed contents": (typed(uint_contents=[7] * (MOST_TYPED_BYTES + 1)), "body-too-large"),
    "files without a byte": (typed(bytes_contents=[b""] * MOST_TYPED_BYTES), "body-too-large"),
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_message_of_very_many_fields_is_refused_unread(service: Service, bomb: str) -> None:
    content, kind = BOMBS[bomb]
    infer = service.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await infer(content)
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    refused = problem(raised.value)
    assert refused["type"] == f"urn:petroserve:problem:{kind}"
    assert "raw_input_contents" in refused["detail"]
