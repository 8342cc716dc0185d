"""What gRPC tells is what HTTP tells: versions, tables, divided models, the audit log, refusals."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from petrography.errors import NotReadyError
from service.access import Guard, Provider, Tokens
from service.engine import ANALYSES, Engine
from service.grpc_api import serving_grpc
from service.jobs import Jobs
from service.proto import analysis_pb2 as messages
from service.proto import inference_pb2
from service.proto.analysis_pb2_grpc import AnalysisServiceStub
from service.telemetry import Telemetry
from tests.grpc_service import PATIENCE_S, Service, analyse, problem, running_grpc, upload
from tests.http_service import png, settings_for
from tests.tiny_model import CODES, paint, write_model

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("clean_environment")]

INDICES = np.random.default_rng(11).integers(0, len(CODES), (40, 50))
FIELD = png(paint(INDICES))
PLAIN = {"Accept-Encoding": "identity"}
TABLES = ("senaite.csv", "edd-long.csv", "edd-wide.csv")


async def file_of(service: Service, analysis_id: str, name: str) -> tuple[Any, bytes]:
    """What a file is, and its bytes."""
    wanted = messages.GetArtefactRequest(analysis_id=analysis_id, name=name)
    first, *rest = [chunk async for chunk in service.analyses.GetArtefact(wanted)]
    return first.artefact, b"".join(chunk.data for chunk in rest)


async def analysed(service: Service, image: bytes = FIELD, **request: Any) -> str:
    events = await analyse(service, upload(image, request))
    return str(events[-1].finished.analysis_id)


async def test_an_identity_provider_that_is_away_is_no_unknown_error(
    model_folder: Path, tmp_path: Path
) -> None:
    def away(_url: str) -> dict[str, Any]:
        msg = "the identity provider does not answer"
        raise NotReadyError(msg)

    tokens = Tokens(Provider("https://login.example.org", "petroserve"), fetch=away)
    engine = Engine(settings_for(model_folder, tmp_path / "artefacts"), Telemetry())
    jobs = Jobs(engine, engine.recorded.catalogue)
    # The head of a token is all that is looked at before its keys are asked for.
    token = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.e30.c2ln"
    async with (
        asyncio.timeout(PATIENCE_S),
        serving_grpc(engine, jobs, guard=Guard(None, tokens=tokens), port=0) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await AnalysisServiceStub(channel).ListModels(
                messages.ListModelsRequest(), metadata=(("authorization", f"Bearer {token}"),)
            )
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert problem(raised.value)["type"] == "urn:petroserve:problem:not-ready"


async def test_result_json_is_the_newest_version(grpc_service: Service) -> None:
    analysis_id = await analysed(grpc_service)
    place = f"/v1/analyses/{analysis_id}"
    review = {"status": "final", "reviewer": "A. Ivanova"}
    reviewed = await grpc_service.http.post(f"{place}/corrections", json=review)
    assert reviewed.status_code == 201, reviewed.text

    artefact, content = await file_of(grpc_service, analysis_id, "result.json")

    over_http = await grpc_service.http.get(f"{place}/result.json", headers=PLAIN)
    assert (content, artefact.etag) == (over_http.content, over_http.headers["etag"])
    assert (content, artefact.media_type) == (reviewed.content, "application/json")


async def test_a_result_that_was_changed_is_not_given(grpc_service: Service) -> None:
    analysis_id = await analysed(grpc_service, sample={"id": "SEC-1"})
    folder = grpc_service.engine.store.folder_of(ANALYSES, analysis_id)
    assert folder is not None
    document = folder / "result.json"
    document.write_bytes(document.read_bytes().replace(b"SEC-1", b"SEC-2"))

    wanted = messages.GetAnalysisRequest(analysis_id=analysis_id)
    for given in (
        grpc_service.analyses.GetAnalysis(wanted),
        file_of(grpc_service, analysis_id, "result.json"),
        file_of(grpc_service, analysis_id, "senaite.csv"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await given
        assert raised.value.code() == grpc.StatusCode.DATA_LOSS
        assert problem(raised.value)["type"] == "urn:petroserve:problem:result-damaged"


async def test_tables_of_laboratories_are_read_too(grpc_service: Service) -> None:
    analysis_id = await analysed(grpc_service, sample={"id": "SEC-1"}, um_per_px=0.5)
    place = f"/v1/analyses/{analysis_id}"
    before: dict[str, str] = {}
    for name in TABLES:
        artefact, content = await file_of(grpc_service, analysis_id, name)
        over_http = await grpc_service.http.get(f"{place}/{name}", headers=PLAIN)
        assert content
        assert content == over_http.content
        assert artefact.size_bytes == len(content)
        assert artefact.media_type == over_http.headers["content-type"]
        assert artefact.etag == over_http.headers["etag"]
        before[name] = artefact.etag
        headers = {"If-None-Match": artefact.etag}
        known = await grpc_service.http.get(f"{place}/{name}", headers=headers)
        assert known.status_code == 304

    # Another version says something else, and is named otherwise.
    final = {"status": "final", "reviewer": "A. Ivanova"}
    other = {"status": "corrected", "reason": "wrong label", "sample": {"id": "SEC-2"}}
    for review in (final, final | other):
        answer = await grpc_service.http.post(f"{place}/corrections", json=review)
        assert answer.status_code == 201, answer.text
    for name in TABLES:
        artefact, content = await file_of(grpc_service, analysis_id, name)
        assert b"SEC-2" in content
        assert artefact.etag != before[name]


async def test_a_table_without_a_sample_is_refused_alike(grpc_service: Service) -> None:
    analysis_id = await analysed(grpc_service)
    for name in TABLES:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await file_of(grpc_service, analysis_id, name)
        over_http = (await grpc_service.http.get(f"/v1/analyses/{analysis_id}/{name}")).json()
        told = problem(raised.value)
        assert told | {"instance": ""} == over_http | {"instance": ""}
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await file_of(grpc_service, "0" * 32, name)
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND


async def test_a_record_names_the_version_that_looked(model_folder: Path, tmp_path: Path) -> None:
    write_model(model_folder, version=2)
    (model_folder / "tiny" / "traffic.toml").write_text("[weights]\n1 = 1\n2 = 1\n")
    got = set()
    async with running_grpc(settings_for(model_folder, tmp_path / "artefacts")) as service:
        for number in range(6):
            analysis_id = await analysed(service, png(paint((INDICES + number) % len(CODES))))
            result = (await service.http.get(f"/v1/analyses/{analysis_id}")).json()
            version = result["model"]["version"]
            assert service.jobs.record_now("", analysis_id).model == f"tiny:{version}"
            got.add(version)
    assert got == {1, 2}


async def test_a_barcode_that_does_not_match_is_refused_in_every_way(
    model_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "patterns").write_text("lab [0-9]+\n* [A-Z]{3}-[0-9]{4}\n")
    settings = settings_for(
        model_folder, tmp_path / "artefacts", barcode_patterns_file=tmp_path / "patterns"
    )
    bad, good = ({"sample": {"id": "S", "barcode_raw": code}} for code in ("?1", "ABC-0001"))
    refusals = []
    async with running_grpc(settings) as service:
        for headers in ({}, {"Prefer": "respond-async"}):
            files = {"image": FIELD, "request": (None, json.dumps(bad))}
            answer = await service.http.post("/v1/analyses", files=files, headers=headers)
            refusals.append((answer.status_code, answer.json()["detail"]))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await analysed(service, **bad)
        refusals.append((422, problem(raised.value)["detail"]))
        place = f"/v1/analyses/{await analysed(service, **good)}"
        result = (await service.http.get(place)).json()
        assert result["sample"]["barcode_raw"] == "ABC-0001"
        assert "ABC-0001" in (await service.http.get(f"{place}/edd-long.csv")).text
        final = {"status": "final", "reviewer": "A"}
        assert (await service.http.post(f"{place}/corrections", json=final)).status_code == 201
        wrong = {"status": "corrected", "reviewer": "A", "reason": "misread"}
        answer = await service.http.post(
            f"{place}/corrections", json=wrong | {"sample": bad["sample"]}
        )
        refusals.append((answer.status_code, answer.json()["detail"]))
    assert len(set(refusals)) == 1, refusals
    assert refusals[0][0] == 422
    assert "[A-Z]{3}-[0-9]{4}" in refusals[0][1]


@pytest.mark.parametrize("name", ["binary_data", "classification"])
async def test_parameters_of_outputs_are_refused_as_over_http(
    grpc_service: Service, name: str
) -> None:
    pixels = paint(INDICES)
    tensor = {"name": "image", "datatype": "UINT8", "shape": list(pixels.shape)}
    request = inference_pb2.ModelInferRequest(
        model_name="tiny", inputs=[tensor], raw_input_contents=[pixels.tobytes()]
    )
    output = request.outputs.add(name="labels")
    assert (await grpc_service.inferences.ModelInfer(request)).outputs[0].name == "labels"
    output.parameters["binary_data"].bool_param = True
    assert (await grpc_service.inferences.ModelInfer(request)).outputs[0].name == "labels"
    output.parameters[name].int64_param = 3

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await grpc_service.inferences.ModelInfer(request)

    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert name in str(raised.value.details())


async def test_parameters_of_inputs_are_refused_as_over_http(grpc_service: Service) -> None:
    pixels = paint(INDICES)
    tensor = {"name": "image", "datatype": "UINT8", "shape": list(pixels.shape)}
    request = inference_pb2.ModelInferRequest(
        model_name="tiny", inputs=[tensor], raw_input_contents=[pixels.tobytes()]
    )
    request.inputs[0].parameters["binary_data_size"].int64_param = pixels.nbytes
    assert (await grpc_service.inferences.ModelInfer(request)).outputs
    for name, value in (("binary_data_size", pixels.nbytes - 1), ("foo", 1)):
        request.inputs[0].parameters[name].int64_param = value
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await grpc_service.inferences.ModelInfer(request)
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert name in str(raised.value.details())
        del request.inputs[0].parameters[name]
