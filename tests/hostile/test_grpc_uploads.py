"""Streams that are wrong, by mistake or on purpose: a clear refusal, and the service goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import grpc
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.proto import analysis_pb2 as messages
from service.proto import inference_pb2
from service.settings import Settings
from tests.grpc_service import HOST, Service, analyse, begin, part, problem, running_grpc, upload
from tests.hostile.refusals import (
    GOOD,
    MAX_IMAGE_BYTES,
    MAX_REQUEST_BYTES,
    MAX_SERIES_BYTES,
    MAX_VIEWS,
)
from tests.http_service import settings_for

pytestmark = pytest.mark.anyio

ANALYSE = "/petroserve.v1.AnalysisService/Analyse"
INFER = "/inference.GRPCInferenceService/ModelInfer"
DATA = messages.UploadChunk(data=b"abc")
EMPTY = messages.UploadChunk()
IMAGE = list(part("image", GOOD))
MESSAGE_BYTES = 64 * 1024
BAD: dict[str, tuple[list[messages.UploadChunk], int, str]] = {
    "nothing": ([], 400, "the upload is empty"),
    "empty chunk": ([EMPTY], 400, "an empty chunk; wanted `begin`"),
    "data first": ([DATA], 400, "begins with data"),
    "part first": (IMAGE, 400, "begins with part"),
    "data before a part": ([begin(), DATA], 400, "before its first `part`"),
    "begun twice": ([begin(), *IMAGE, begin()], 400, "`begin` is there twice"),
    "empty chunk between": ([begin(), *IMAGE, EMPTY], 400, "nothing that is known"),
    "no files": ([begin()], 400, "'image' is missing"),
    "very many parts": ([begin(), *IMAGE[:1] * 500], 400, "more than"),
    "two images": ([begin(), *IMAGE, *IMAGE], 422, "2 times"),
    "unknown part": ([begin(), *IMAGE, *part("mask", GOOD)], 422, "'mask' is unknown"),
    "part without a name": ([begin(), *part("", GOOD)], 422, "'' is unknown"),
    "part that is a path": ([begin(), *part("../../etc/passwd", GOOD)], 422, "is unknown"),
    "image without bytes": ([begin(), *part("image", b"")], 415, "empty"),
    "image cut short": ([begin(), *part("image", GOOD[:-20])], 422, ""),
    "stage angle of many turns": (
        [begin({"views": [{"part": "v", "stage_angle_deg": 1e300}]}), *IMAGE, *part("v", GOOD)],
        422,
        "views.0.stage_angle_deg",
    ),
    "request over its limit": (
        [begin({"model": "m" * MAX_REQUEST_BYTES}), *IMAGE],
        413,
        str(MAX_REQUEST_BYTES),
    ),
    "request that is no text": (
        [messages.UploadChunk(begin=messages.Begin(request_json=b"\xff\x00")), *IMAGE],
        400,
        "no JSON",
    ),
    "image over its limit": (
        [begin(), *part("image", GOOD + bytes(MAX_IMAGE_BYTES), chunk_bytes=60_000)],
        413,
        str(MAX_IMAGE_BYTES),
    ),
    "stream over its limit": (
        [begin(), *[*part("image", bytes(MAX_IMAGE_BYTES), chunk_bytes=60_000)] * 6],
        413,
        "or more; at most",
    ),
}


def small(model_folder: Path, tmp_path: Path, **changes: object) -> Settings:
    return settings_for(
        model_folder,
        tmp_path / "artefacts",
        max_image_bytes=MAX_IMAGE_BYTES,
        max_request_bytes=MAX_REQUEST_BYTES,
        max_fields=MAX_VIEWS,
        max_series_bytes=MAX_SERIES_BYTES,
        grpc_max_message_bytes=MESSAGE_BYTES,
        **changes,
    )


@pytest.fixture
async def service(
    model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    async with running_grpc(small(model_folder, tmp_path)) as running:
        yield running


async def assert_healthy(service: Service) -> None:
    """Nothing was left behind and the next analysis is done."""
    assert service.engine.admission.taken == 0
    assert (await analyse(service, upload(GOOD)))[-1].finished.result_json


async def refusal(service: Service, chunks: Iterable[messages.UploadChunk]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await analyse(service, chunks)
    return raised.value


async def test_bad_streams(service: Service) -> None:
    for name, (chunks, status, words) in BAD.items():
        error = await refusal(service, chunks)
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, (name, error)
        assert (name, problem(error)["status"]) == (name, status)
        assert words in str(error.details()), name
    await assert_healthy(service)
    assert psutil.Process().num_fds() < 200


async def test_a_stream_over_its_limit_is_refused_while_it_comes(service: Service) -> None:
    sent = 0

    async def endless() -> AsyncIterator[messages.UploadChunk]:
        nonlocal sent
        yield begin()
        yield IMAGE[0]
        while True:
            sent += 60_000
            yield messages.UploadChunk(data=bytes(60_000))

    with pytest.raises(grpc.aio.AioRpcError):
        async for _ in service.analyses.Analyse(endless()):
            pass
    # Beyond the limit it goes on for a moment, so that the client learns why.
    assert sent < 64 * 1024**2
    metrics = service.engine.telemetry.exposition().decode()
    assert 'petroserve_errors_total{error="BodyTooLargeError"} 1.0' in metrics
    await assert_healthy(service)


async def test_a_message_over_the_limit_is_refused_with_the_limit(service: Service) -> None:
    for content in (bytes(MESSAGE_BYTES), bytes(5 * 1024**2)):
        error = await refusal(service, [begin(), messages.UploadChunk(data=content)])
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert str(MESSAGE_BYTES) in str(error.details())
    await assert_healthy(service)


async def test_a_message_that_unpacks_over_the_limit_is_refused(service: Service) -> None:
    bomb = [begin(), messages.UploadChunk(data=bytes(2 * 1024**2))]
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await analyse(service, bomb, compression=grpc.Compression.Gzip)
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    await assert_healthy(service)


async def test_a_silent_client_is_given_up(model_folder: Path, tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def silent() -> AsyncIterator[messages.UploadChunk]:
        yield begin()
        await gate.wait()

    async with running_grpc(small(model_folder, tmp_path, upload_pause_s=0.2)) as service:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            async for _ in service.analyses.Analyse(silent()):
                pass
        assert "paused for 0.2 s" in str(raised.value.details())
        assert service.engine.admission.taken == 0


async def test_header_bombs_are_refused(service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await analyse(service, upload(GOOD), metadata=(("x-api-key", "k" * 100_000),))
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    await assert_healthy(service)


@pytest.mark.parametrize("method", [ANALYSE, INFER])
async def test_bytes_that_are_no_message_are_the_fault_of_the_client(
    method: str, service: Service
) -> None:
    @settings(
        max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.lists(st.binary(max_size=60), min_size=1, max_size=3))
    def check(contents: list[bytes]) -> None:
        asyncio.run(_refused(service.port, method, contents))

    await asyncio.to_thread(check)
    await assert_healthy(service)


async def _refused(port: int, method: str, contents: list[bytes]) -> None:
    async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await _sent(channel, method, contents)
    assert raised.value.code() in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}


async def _sent(channel: grpc.aio.Channel, method: str, contents: list[bytes]) -> None:
    if method == INFER:
        await channel.unary_unary(method)(contents[0])
        return
    async for _ in channel.stream_stream(method)(iter(contents)):
        pass


async def test_unknown_methods_are_not_there(service: Service) -> None:
    for method in ("/petroserve.v1.AnalysisService/Nothing", "/other.Service/Analyse", "/x"):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await service.channel.unary_unary(method)(b"")
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
    metrics = service.engine.telemetry.exposition().decode()
    assert "Nothing" not in metrics


async def test_names_from_outside_reach_no_file(service: Service) -> None:
    events = await analyse(service, upload(GOOD))
    analysis_id = events[-1].finished.analysis_id
    for wanted in (
        messages.GetArtefactRequest(analysis_id=analysis_id, name="../result.json"),
        messages.GetArtefactRequest(analysis_id=f"../analyses/{analysis_id}", name="labels.png"),
        messages.GetArtefactRequest(analysis_id="", name=""),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            async for _ in service.analyses.GetArtefact(wanted):
                pass
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND


def test_the_definition_has_no_field_for_a_path() -> None:
    names = {
        field.name
        for message in inference_pb2.DESCRIPTOR.message_types_by_name.values()
        for field in message.fields
    }
    assert not {name for name in names if "path" in name or "url" in name}
