"""The tables of bad uploads in every way that there is: a refusal of the same kind, nothing left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from service.proto import inference_pb2 as messages
from service.status import STATUS_TABLE
from tests.command_runs import Run
from tests.every_way import (
    WITHIN_S,
    Asked,
    Refused,
    Way,
    over_files,
    over_grpc,
    over_http,
    over_job,
    settle,
    words_of,
)
from tests.grpc_service import Service, problem, running_grpc
from tests.hostile.bad_uploads import BAD_IMAGES, BAD_REQUESTS
from tests.hostile.refusals import GOOD, MAX_IMAGE_BYTES, MAX_REQUEST_BYTES
from tests.http_service import settings_for
from tests.inference_requests import INFER, JSON_LENGTH, error_of

pytestmark = pytest.mark.anyio

GOOD_REQUEST = Asked([("image", GOOD)], '{"um_per_px": 0.5}')
SERVED = {"http": over_http, "job": over_job, "grpc": over_grpc}
# There an empty request is none, and every field has its default.
NOT_OVER_GRPC = "request: empty"
# Every bad file and request, and the statuses that it may have.
BAD: dict[str, tuple[Asked, tuple[int, ...]]] = {
    **{
        f"image: {name}": (Asked([("image", image)]), statuses)
        for name, (image, statuses) in BAD_IMAGES.items()
    },
    **{
        f"request: {name}": (Asked([("image", GOOD)], text), (status,))
        for name, (text, status, _) in BAD_REQUESTS.items()
    },
    "image over its limit": (Asked([("image", GOOD + bytes(MAX_IMAGE_BYTES))]), (413,)),
    "request over its limit": (
        Asked([("image", GOOD), ("request", b" " * (MAX_REQUEST_BYTES + 1))]),
        (413,),
    ),
    "no image": (Asked([("request", b"{}")]), (400,)),
    "two images": (Asked([("image", GOOD), ("image", GOOD)]), (422,)),
    "unknown part": (Asked([("image", GOOD), ("../../passwd", GOOD)]), (422,)),
}


@pytest.fixture
async def service(
    model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    settings = settings_for(
        model_folder,
        tmp_path / "artefacts",
        max_image_bytes=MAX_IMAGE_BYTES,
        max_request_bytes=MAX_REQUEST_BYTES,
        max_image_pixels=100_000,
    )
    settle(clean_environment, settings)
    async with running_grpc(settings) as running:
        yield running


def results(service: Service) -> int:
    """How many results are kept, drafts included."""
    return len(list((service.engine.settings.artefacts_folder / "analyses").iterdir()))


async def nothing_under_way(service: Service) -> None:
    """Wait until no place is taken, and no files of jobs lie there but those of failed ones."""
    answer = await service.http.get("/v1/analyses", params={"state": "failed", "limit": 200})
    # Kept for who queues them again, as docs/jobs.md says.
    failed = {one["id"] for one in answer.json()["analyses"]}
    folder = service.engine.settings.artefacts_folder / "jobs" / "files"
    async with asyncio.timeout(WITHIN_S):
        # The files of a job go just after its end was told.
        while service.engine.admission.taken or (
            folder.is_dir() and {path.name for path in folder.iterdir()} - failed
        ):
            await asyncio.sleep(0.01)


async def refused(ask: Way, asked: Asked) -> dict[str, Any]:
    with pytest.raises(Refused) as raised:
        await ask(asked)
    return raised.value.problem


async def test_a_bad_upload_is_the_same_refusal_in_every_way(service: Service) -> None:
    for way in SERVED.values():
        await way(service, GOOD_REQUEST)
    before = results(service)
    for name, (asked, statuses) in BAD.items():
        ways = [way for way in SERVED.values() if way is not over_grpc or name != NOT_OVER_GRPC]
        told = [await refused(partial(way, service), asked) for way in ways]
        assert told[0]["status"] in statuses, (name, told)
        # The kind, and the words; no way has an error of its own.
        assert [(name, one) for one in told] == [(name, told[0])] * len(ways)
    await nothing_under_way(service)
    assert results(service) == before
    metrics = service.engine.telemetry.exposition().decode()
    assert 'outcome="failed"' not in metrics
    for way in SERVED.values():
        assert (await way(service, GOOD_REQUEST))["status"] == "preliminary"


async def test_the_command_refuses_the_same_for_the_same_reason(
    service: Service, run: Run, tmp_path: Path
) -> None:
    tried = 0
    for number, (name, (asked, _)) in enumerate(BAD.items()):
        if words_of(asked) is None:
            continue
        tried += 1
        http = await refused(partial(over_http, service), asked)
        with pytest.raises(Refused) as raised:
            over_files(run, tmp_path / f"{number}", asked)
        # How large a file becomes nobody knows while it comes; a command does, and says so.
        is_over_limit = name == "image over its limit"
        reason = "300000" if is_over_limit else http["detail"].rpartition(": ")[2]
        assert reason in str(raised.value), (name, http["detail"], str(raised.value))
    assert tried >= 20
    assert over_files(run, tmp_path / "good", GOOD_REQUEST)["status"] == "preliminary"


def as_tensor(content: bytes, **parameters: Any) -> tuple[bytes, dict[str, str]]:
    """A file in the form of the Open Inference Protocol over HTTP."""
    raw = len(content).to_bytes(4, "little") + content
    tensor = {"name": "image", "datatype": "BYTES", "shape": [1]}
    head = {"inputs": [tensor | {"parameters": {"binary_data_size": len(raw)}}]}
    text = json.dumps({**head, "parameters": parameters}).encode()
    return text + raw, {JSON_LENGTH: str(len(text))}


def as_message(content: bytes, **parameters: Any) -> messages.ModelInferRequest:
    """The same over gRPC."""
    tensor = messages.ModelInferRequest.InferInputTensor(name="image", datatype="BYTES", shape=[1])
    tensor.contents.bytes_contents.append(content)
    request = messages.ModelInferRequest(model_name="tiny", inputs=[tensor])
    for name, value in parameters.items():
        field = {str: "string_param", float: "double_param", bool: "bool_param"}[type(value)]
        setattr(request.parameters[name], field, value)
    return request


async def same_refusal(
    service: Service, http: httpx.Response, request: messages.ModelInferRequest
) -> int:
    """Check that gRPC refuses as HTTP did; returns the status."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await service.inferences.ModelInfer(request)
    told = problem(raised.value)
    assert error_of(http, told["status"]) == told["detail"] == raised.value.details()
    rows = [one for one in STATUS_TABLE.values() if one.type_uri == told["type"]]
    assert raised.value.code() == grpc.StatusCode[rows[0].grpc]
    status: int = told["status"]
    return status


PARAMETERS: list[dict[str, Any]] = [
    {"association": "S99"},
    {"association": "200"},
    {"um_per_px": 0.0},
    {"um_per_px": -0.5},
    {"um_per_px": 1e-300},
    {"um_per_px": "0.5"},
    {"um_per_px": True},
    {"resampling_factor": 1e9},
    {"colour": 1.0},
]


async def test_bad_files_as_tensors_are_the_same_refusal_in_both_ways(service: Service) -> None:
    for name, (image, statuses) in BAD_IMAGES.items():
        content, headers = as_tensor(image)
        http = await service.http.post(INFER, content=content, headers=headers)
        assert (name, await same_refusal(service, http, as_message(image))) in [
            (name, status) for status in statuses
        ]
    for parameters in PARAMETERS:
        content, headers = as_tensor(GOOD, **parameters)
        http = await service.http.post(INFER, content=content, headers=headers)
        assert await same_refusal(service, http, as_message(GOOD, **parameters)) == 422
    await nothing_under_way(service)
    content, headers = as_tensor(GOOD)
    assert (await service.http.post(INFER, content=content, headers=headers)).status_code == 200
    assert (await service.inferences.ModelInfer(as_message(GOOD))).outputs


async def test_numbers_that_are_none_are_refused_over_grpc_too(service: Service) -> None:
    # JSON has no words for them, so only a message can hold them.
    for number in map(float, ("nan", "inf", "-inf")):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await service.inferences.ModelInfer(as_message(GOOD, um_per_px=number))
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT, number
