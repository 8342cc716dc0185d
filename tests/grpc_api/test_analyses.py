"""`petroserve.v1.AnalysisService`: a real client, a real server, a real tiny model."""

from __future__ import annotations

import hashlib
import json

import grpc
import numpy as np
import pytest

from service.proto import analysis_pb2 as messages
from tests.grpc_service import (
    Service,
    analyse,
    part,
    problem,
    upload,
)
from tests.http_service import png
from tests.tiny_model import CODES, paint

pytestmark = pytest.mark.anyio

FIELD = png(paint(np.random.default_rng(7).integers(0, len(CODES), (70, 130))))


async def test_an_analysis_tells_how_far_it_is_and_gives_its_result(grpc_service: Service) -> None:
    events = await analyse(grpc_service, upload(FIELD, {"um_per_px": 0.5}))

    kinds = [event.WhichOneof("event") for event in events]
    assert (kinds[0], kinds[-1]) == ("accepted", "finished")
    assert set(kinds[1:-1]) == {"progress"}
    finished = events[-1].finished
    assert finished.analysis_id == events[0].accepted.analysis_id
    result = json.loads(finished.result_json)
    assert (result["id"], result["scale"]["um_per_px"]) == (finished.analysis_id, 0.5)

    kept = await grpc_service.analyses.GetAnalysis(
        messages.GetAnalysisRequest(analysis_id=finished.analysis_id)
    )
    assert kept == finished
    for artefact in result["artefacts"]:
        wanted = messages.GetArtefactRequest(
            analysis_id=finished.analysis_id, name=artefact["name"]
        )
        first, *rest = [chunk async for chunk in grpc_service.analyses.GetArtefact(wanted)]
        content = b"".join(chunk.data for chunk in rest)
        assert first.artefact.media_type == artefact["media_type"]
        assert first.artefact.size_bytes == len(content)
        assert hashlib.sha256(content).hexdigest() == artefact["sha256"]
        http = await grpc_service.http.get(
            artefact["href"], headers={"Accept-Encoding": "identity"}
        )
        assert (http.content, http.headers["etag"]) == (content, first.artefact.etag)


async def test_a_repeated_call_gives_the_analysis_of_the_first(grpc_service: Service) -> None:
    key = (("idempotency-key", "8e03978e"),)
    first = await analyse(grpc_service, upload(FIELD), metadata=key)

    again = await analyse(grpc_service, upload(FIELD), metadata=key)
    over_http = await grpc_service.http.post(
        "/v1/analyses", files={"image": FIELD}, headers={"Idempotency-Key": "8e03978e"}
    )

    assert again == first[-1:]
    assert over_http.content == first[-1].finished.result_json
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await analyse(grpc_service, upload(FIELD, {"um_per_px": 2.0}), metadata=key)
    assert raised.value.code() == grpc.StatusCode.ALREADY_EXISTS
    assert problem(raised.value)["status"] == 409
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await analyse(grpc_service, upload(FIELD), metadata=(("idempotency-key", "two words"),))
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_an_analysis_without_a_result_tells_how_it_stands(grpc_service: Service) -> None:
    key = (("idempotency-key", "refused"),)
    with pytest.raises(grpc.aio.AioRpcError):
        await analyse(grpc_service, upload(b"no image"), metadata=key)

    (again,) = await analyse(grpc_service, upload(b"no image"), metadata=key)

    assert again.earlier.state == "failed"
    described = json.loads(again.earlier.problem_json)
    assert described["type"] == "urn:petroserve:problem:unsupported-image"
    asked = messages.GetAnalysisRequest(analysis_id=again.earlier.analysis_id)
    assert await grpc_service.analyses.GetAnalysis(asked) == again.earlier
    asked.version = 1
    file = messages.GetArtefactRequest(analysis_id=asked.analysis_id, name="labels.png")
    for wanted in (
        grpc_service.analyses.GetAnalysis(asked),
        anext(aiter(grpc_service.analyses.GetArtefact(file))),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await wanted
        assert raised.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert "is failed and has no result" in str(raised.value.details())


async def test_models_are_those_of_http(grpc_service: Service) -> None:
    (model,) = (await grpc_service.analyses.ListModels(messages.ListModelsRequest())).models
    (wanted,) = (await grpc_service.http.get("/v1/models")).json()["models"]

    for name in (
        "name",
        "version",
        "default",
        "description",
        "precision",
        "sha256",
        "provider",
        "weight",
    ):
        assert getattr(model, name) == wanted[name]
    assert not model.HasField("derived_from")
    assert [
        {"code": one.code, "symbol": one.symbol, "name": one.name} for one in model.classes
    ] == (wanted["classes"])


async def test_an_error_in_any_writing_fits_into_the_headers(grpc_service: Service) -> None:
    # Clients take 8 KiB, and tell of an error of their own where there is more.
    for letter in ("\u0436", "\u77f3", "\U0001f48e"):
        names = {f"{letter * 49}{number}": 1 for number in range(10)}
        text = json.dumps(names, ensure_ascii=False).encode()
        chunks = [messages.UploadChunk(begin=messages.Begin(request_json=text))]
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await analyse(grpc_service, [*chunks, *part("image", FIELD)])
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        told = problem(raised.value)
        assert told["type"] == "urn:petroserve:problem:invalid-parameter"
        assert letter * 49 in told["detail"]
        assert told["errors"][0]["detail"] == "Extra inputs are not permitted"
