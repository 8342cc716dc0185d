"""API keys over gRPC: the same keys, scopes, tenants and limits as over HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from contextlib import nullcontext
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from petrography.errors import ForbiddenError, MalformedRequestError, UnauthenticatedError
from service.access import Guard, create_key, empty_key_file, write_key_file
from service.grpc_api.access import Caller, admitted
from service.proto import analysis_pb2 as messages
from service.proto import analysis_pb2_grpc, inference_pb2_grpc
from tests.grpc_service import analyse, problem, running_grpc, upload
from tests.http_service import png, settings_for
from tests.tiny_model import CODES, paint, write_model

NOW = dt.datetime.now(dt.UTC)
FIELD = png(paint(np.random.default_rng(3).integers(0, len(CODES), (40, 50))))


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)


@pytest.mark.anyio
async def test_the_key_decides_what_is_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_model(tmp_path / "models")
    content, allowed = create_key(
        empty_key_file(), tenant="lab", scopes=["read", "analyse"], now=NOW
    )
    content, reading = create_key(content, tenant="lab", scopes=["read"], now=NOW)
    content, once = create_key(
        content, tenant="lab", scopes=["read"], now=NOW, requests_per_minute=1
    )
    content, stranger = create_key(content, tenant="other", scopes=["read", "analyse"], now=NOW)
    write_key_file(tmp_path / "keys.json", content)
    guarded = settings_for(
        tmp_path / "models", tmp_path / "artefacts", api_keys=tmp_path / "keys.json"
    )
    caplog.set_level(logging.INFO, "petroserve.grpc")
    async with running_grpc(guarded) as service:
        health = health_pb2_grpc.HealthStub(service.channel)
        assert (await health.Check(health_pb2.HealthCheckRequest())).status

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await analyse(service, upload(FIELD))
        assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert problem(raised.value)["type"] == "urn:petroserve:problem:unauthenticated"

        events = await analyse(service, upload(FIELD), metadata=bearer(allowed))
        wanted = messages.GetAnalysisRequest(analysis_id=events[-1].finished.analysis_id)
        lower = (("x-api-key", reading),)
        assert await service.analyses.GetAnalysis(wanted, metadata=lower) == events[-1].finished

        for ask in (service.analyses.GetAnalysis, service.analyses.CancelAnalysis):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await ask(wanted, metadata=bearer(stranger))
            assert raised.value.code() == grpc.StatusCode.NOT_FOUND
        file = messages.GetArtefactRequest(analysis_id=wanted.analysis_id, name="labels.png")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await service.analyses.GetArtefact(file, metadata=bearer(stranger)).read()
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await analyse(service, upload(FIELD), metadata=bearer(reading))
        assert raised.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert "scope analyse" in str(raised.value.details())

        await service.analyses.ListModels(messages.ListModelsRequest(), metadata=bearer(once))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await service.analyses.ListModels(messages.ListModelsRequest(), metadata=bearer(once))
        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        pushback_ms = dict(raised.value.trailing_metadata() or ())["grpc-retry-pushback-ms"]
        assert 1_000 <= int(pushback_ms) <= 60_000
    assert f"lab/{content.keys[0].id}" in caplog.text
    assert allowed.split("_", 2)[2] not in caplog.text


@pytest.mark.parametrize("stub", ["analysis", "inference"])
def test_every_method_that_is_not_known_to_read_needs_more(stub: str, tmp_path: Path) -> None:
    content, reading = create_key(empty_key_file(), tenant="lab", scopes=["read"], now=NOW)
    write_key_file(tmp_path / "keys.json", content)
    guard = Guard(tmp_path / "keys.json")
    servicer = {
        "analysis": analysis_pb2_grpc.AnalysisServiceServicer,
        "inference": inference_pb2_grpc.GRPCInferenceServiceServicer,
    }[stub]
    making = {"Analyse", "CancelAnalysis", "ModelInfer"}
    service = {
        "analysis": "petroserve.v1.AnalysisService",
        "inference": "inference.GRPCInferenceService",
    }[stub]
    methods = [name for name in vars(servicer) if name[0].isupper()]
    assert len(methods) >= 5
    for name in methods:
        refused = pytest.raises(ForbiddenError) if name in making else nullcontext()
        with refused:
            asyncio.run(admitted(guard, f"/{service}/{name}", bearer(reading)))


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:192.0.2.1:40000", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:40000", "2001:db8::1"),
        ("unix:/run/petroserve.sock", "unix:/run/petroserve.sock"),
    ],
)
def test_without_keys_calls_of_one_address_share(peer: str, host: str) -> None:
    assert Caller(None, (), peer).tenant == host


@pytest.mark.anyio
async def test_several_keys_are_refused_and_not_repeated(
    model_folder: Path, tmp_path: Path
) -> None:
    content, allowed = create_key(empty_key_file(), tenant="lab", scopes=["read"], now=NOW)
    content, other = create_key(content, tenant="other", scopes=["read"], now=NOW)
    write_key_file(tmp_path / "keys.json", content)
    keys = tmp_path / "keys.json"
    guarded = settings_for(model_folder, tmp_path / "artefacts", api_keys=keys)
    several = {
        "Authorization was given 2 times": (*bearer(other), *bearer(allowed)),
        "X-API-Key was given 2 times": (("x-api-key", other), ("x-api-key", allowed)),
        "Authorization and X-API-Key": (("x-api-key", other), *bearer(allowed)),
    }
    async with running_grpc(guarded) as service:
        wanted = messages.ListModelsRequest()
        for said, metadata in several.items():
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await service.analyses.ListModels(wanted, metadata=metadata)
            assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert said in str(raised.value.details())
            assert "ps_" not in str(raised.value.details())
        twice = (("x-api-key", allowed), *bearer(allowed))
        assert (await service.analyses.ListModels(wanted, metadata=twice)).models


@pytest.mark.anyio
async def test_several_idempotency_keys_are_refused(model_folder: Path, tmp_path: Path) -> None:
    async with running_grpc(settings_for(model_folder, tmp_path / "artefacts")) as service:
        names = (("idempotency-key", "one"), ("idempotency-key", "two"))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await analyse(service, upload(FIELD), metadata=names)
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "Idempotency-Key is 'one, two'; wanted one" in str(raised.value.details())


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    metadata=st.lists(
        st.tuples(st.sampled_from(["authorization", "x-api-key", "other"]), st.text() | st.binary())
    )
)
def test_metadata_without_a_good_key_is_refused(
    metadata: list[tuple[str, str | bytes]], tmp_path: Path
) -> None:
    write_key_file(tmp_path / "keys.json", empty_key_file())
    with pytest.raises((UnauthenticatedError, MalformedRequestError)):
        asyncio.run(admitted(Guard(tmp_path / "keys.json"), "/inference.Any/Method", metadata))
