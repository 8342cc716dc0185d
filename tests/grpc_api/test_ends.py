"""How calls end: by deadline, by the client, by another call, by the stop of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from petrography.errors import ConfigurationError, NotReadyError
from service.engine import Engine
from service.grpc_api import serving_grpc
from service.jobs import Jobs
from service.proto import analysis_pb2 as messages
from service.proto.analysis_pb2_grpc import AnalysisServiceStub
from service.telemetry import Telemetry
from tests.grpc_service import (
    PATIENCE_S,
    Service,
    analyse,
    begin,
    part,
    problem,
    running_grpc,
    upload,
)
from tests.http_service import png, settings_for
from tests.tiny_model import CODES, paint

pytestmark = pytest.mark.anyio

FIELD = png(paint(np.random.default_rng(7).integers(0, len(CODES), (70, 130))))
# 400 tiles, so that there is something to give up.
LARGE = png(paint(np.kron(np.arange(4).reshape(2, 2), np.ones((640, 640), dtype=np.intp))))


@pytest.fixture
async def service(
    model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    settings = settings_for(model_folder, tmp_path / "artefacts", concurrent_interactive=0)
    async with running_grpc(settings) as running:
        yield running


async def until_idle(engine: Engine) -> None:
    """Wait until every place is free again."""
    async with asyncio.timeout(PATIENCE_S):
        while engine.admission.taken:
            await asyncio.sleep(0.001)


async def until_ready(engine: Engine) -> None:
    """Wait until every model is warm."""
    while True:
        try:
            engine.require_ready()
        except NotReadyError:
            await asyncio.sleep(0.005)
        else:
            return


async def until_at_work(call: object) -> str:
    """Read events until tiles are being run; the id of the analysis."""
    analysis_id = ""
    async with asyncio.timeout(PATIENCE_S):
        async for event in call:  # type: ignore[attr-defined]
            analysis_id = event.accepted.analysis_id or analysis_id
            if event.progress.stage == "segmentation":
                return analysis_id
    pytest.fail("the analysis ended before it was at work")


def tiles(service: Service) -> float:
    return service.engine.telemetry.tiles._value.get()


async def test_a_cancelled_call_gives_its_analysis_up(service: Service) -> None:
    call = service.analyses.Analyse(iter(upload(LARGE)))
    analysis_id = await until_at_work(call)

    call.cancel()
    await until_idle(service.engine)

    assert tiles(service) < 400
    asked = messages.GetAnalysisRequest(analysis_id=analysis_id)
    assert (await service.analyses.GetAnalysis(asked)).state == "cancelled"
    assert "CANCELLED" in service.engine.telemetry.exposition().decode()
    assert (await analyse(service, upload(FIELD)))[-1].finished.result_json


async def test_a_deadline_gives_its_analysis_up(service: Service) -> None:
    chunks = upload(LARGE)
    gate = asyncio.Event()

    async def sent() -> AsyncIterator[messages.UploadChunk]:
        for chunk in chunks[:-1]:
            yield chunk
        await gate.wait()

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        async for _ in service.analyses.Analyse(sent(), timeout=0.3):
            pass

    assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await until_idle(service.engine)
    assert (await analyse(service, upload(FIELD)))[-1].finished.result_json


async def test_another_call_cancels_an_analysis(service: Service) -> None:
    call = service.analyses.Analyse(iter(upload(LARGE)))
    analysis_id = await until_at_work(call)
    cancel = service.analyses.CancelAnalysis

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await cancel(messages.CancelAnalysisRequest(analysis_id="other"))
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND
    await cancel(messages.CancelAnalysisRequest(analysis_id=analysis_id))

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        async for _ in call:
            pass
    assert raised.value.code() == grpc.StatusCode.CANCELLED
    assert problem(raised.value)["type"] == "urn:petroserve:problem:analysis-cancelled"
    # As over HTTP: what was cancelled may be cancelled again.
    await cancel(messages.CancelAnalysisRequest(analysis_id=analysis_id))
    assert tiles(service) < 400
    await until_idle(service.engine)


async def test_a_full_queue_refuses_before_the_upload(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(
        model_folder, tmp_path / "artefacts", concurrent_interactive=0, queue_length=0
    )
    async with running_grpc(settings) as service:
        call = service.analyses.Analyse(iter(upload(LARGE)))
        await until_at_work(call)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await analyse(service, [begin(), *part("image", FIELD)])
        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        metadata = dict(raised.value.trailing_metadata() or ())
        assert int(metadata["grpc-retry-pushback-ms"]) >= 1_000
        call.cancel()
        await until_idle(service.engine)


async def test_health_follows_the_models(model_folder: Path, tmp_path: Path) -> None:
    engine = Engine(settings_for(model_folder, tmp_path / "artefacts"), Telemetry())
    async with (
        asyncio.timeout(PATIENCE_S),
        serving_grpc(engine, Jobs(engine, engine.recorded.catalogue), port=0) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        watching = health.Watch(
            health_pb2.HealthCheckRequest(service="petroserve.v1.AnalysisService")
        )
        states = health_pb2.HealthCheckResponse
        seen = [(await watching.read()).status]
        async with engine.running():
            while seen[-1] != states.SERVING:
                seen.append((await watching.read()).status)
            assert (await health.Check(health_pb2.HealthCheckRequest())).status == states.SERVING
        while seen[-1] == states.SERVING:
            seen.append((await watching.read()).status)
        assert (seen[-1], states.SERVING in seen) == (states.NOT_SERVING, True)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await health.Check(health_pb2.HealthCheckRequest(service="other"))
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND
        # Its end must not come when the event loop of this test is closed.
        watching.cancel()
        assert await watching.code() == grpc.StatusCode.CANCELLED


async def test_calls_under_way_end_before_the_service_does(
    model_folder: Path, tmp_path: Path
) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts", concurrent_interactive=0)
    engine = Engine(settings, Telemetry())
    channel = None
    async with asyncio.timeout(PATIENCE_S), engine.running():
        jobs = Jobs(engine, engine.recorded.catalogue)
        async with serving_grpc(engine, jobs, port=0) as port:
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
            service = Service(engine, jobs, None, port, channel)
            # One that watches for ever does not hold the stop up.
            watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            await watching.read()
            await until_ready(engine)
            call = service.analyses.Analyse(iter(upload(LARGE)))
            await until_at_work(call)
        events = [event async for event in call]
        assert events[-1].finished.result_json
        # Its end comes behind the states that were told before, of which there may be several.
        with suppress(grpc.aio.AioRpcError):
            while await watching.read() is not grpc.aio.EOF:
                pass
        assert await watching.code() != grpc.StatusCode.OK
        await channel.close()


# A call that comes in the moment of the stop, before it is accepted, is cancelled by gRPC itself.
REFUSALS = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


async def refusal(channel: grpc.aio.Channel) -> grpc.StatusCode:
    """Call until it is refused: a server that says so stops a moment later."""
    while True:
        try:
            await AnalysisServiceStub(channel).ListModels(messages.ListModelsRequest())
        except grpc.aio.AioRpcError as error:
            return error.code()


@pytest.mark.parametrize("requests_of_http_end_first", [False, True])
async def test_while_calls_end_new_ones_are_refused(
    requests_of_http_end_first: bool, model_folder: Path, tmp_path: Path
) -> None:
    settings = settings_for(
        model_folder, tmp_path / "artefacts", concurrent_analyses=1, concurrent_interactive=0
    )
    engine = Engine(settings, Telemetry())
    jobs, stop = Jobs(engine, engine.recorded.catalogue), asyncio.Event()
    begun: asyncio.Queue[int] = asyncio.Queue()

    async def serve() -> None:
        async with serving_grpc(engine, jobs, port=0) as port:
            begun.put_nowait(port)
            await stop.wait()

    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S), engine.running():
        serving = asyncio.create_task(serve())
        port = await begun.get()
        await until_ready(engine)
        connect = grpc.aio.insecure_channel
        known = await stack.enter_async_context(connect(f"127.0.0.1:{port}"))
        another = await stack.enter_async_context(connect(f"127.0.0.1:{port}"))
        health = health_pb2_grpc.HealthStub(known)
        async with engine.admission.turn("bulk"):
            call = AnalysisServiceStub(known).Analyse(iter(upload(FIELD)))
            watching = health.Watch(health_pb2.HealthCheckRequest())
            # Whatever fails below, no call may outlive its channel.
            stack.callback(call.cancel)
            stack.callback(watching.cancel)
            under_way = aiter(call)
            assert (await anext(under_way)).accepted.analysis_id
            states = health_pb2.HealthCheckResponse
            # The state follows the models a moment later.
            while (await watching.read()).status != states.SERVING:
                pass
            engine.readiness.tell_to_stop() if requests_of_http_end_first else stop.set()
            assert (await watching.read()).status == states.NOT_SERVING
            for channel in (known, another):
                assert await refusal(channel) in REFUSALS
            assert not serving.done()
        events = [event async for event in under_way]
        assert events[-1].finished.result_json
        stop.set()
        await serving


async def test_reflection_lists_the_services(service: Service) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(service.channel)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(
            file_containing_symbol="petroserve.v1.AnalysisService"
        ),
    ]
    listed, described = [answer async for answer in stub.ServerReflectionInfo(iter(asked))]
    names = {found.name for found in listed.list_services_response.service}
    assert {"petroserve.v1.AnalysisService", "grpc.health.v1.Health"} <= names
    assert b"CancelAnalysis" in described.file_descriptor_response.file_descriptor_proto[0]


async def test_a_port_in_use_is_refused(service: Service, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"port {service.port}"):
        async with serving_grpc(service.engine, service.jobs, port=service.port):
            pass


async def test_a_job_of_http_is_cancelled_too(service: Service) -> None:
    call = service.analyses.Analyse(iter(upload(LARGE)))
    await until_at_work(call)
    headers = {"Prefer": "respond-async"}
    submitted = await service.http.post("/v1/analyses", files={"image": LARGE}, headers=headers)
    assert submitted.status_code == 202
    asked = messages.GetAnalysisRequest(analysis_id=submitted.json()["id"])
    assert (await service.analyses.GetAnalysis(asked)).state in {"queued", "running"}

    await service.analyses.CancelAnalysis(
        messages.CancelAnalysisRequest(analysis_id=asked.analysis_id)
    )

    assert (await service.analyses.GetAnalysis(asked)).state == "cancelled"
    call.cancel()
    await until_idle(service.engine)
