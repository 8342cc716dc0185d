"""Calls over gRPC that never end: they keep nobody else out, and nothing from anybody."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2_grpc

from service.access import create_key, empty_key_file, write_key_file
from service.engine import Engine
from service.grpc_api import serving_grpc
from service.jobs import Jobs
from service.proto import analysis_pb2 as messages
from service.proto.analysis_pb2_grpc import AnalysisServiceStub
from service.telemetry import Telemetry
from tests.grpc_service import HOST, Service, running_grpc
from tests.http_service import settings_for

pytestmark = pytest.mark.anyio

MOST_CALLS, PATIENCE_S = 16, 30.0
NOW = dt.datetime.now(dt.UTC)
HEALTH = health_pb2.HealthCheckRequest()
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, DATA = 4, 1, 0
Metadata = tuple[tuple[str, str], ...]


@pytest.fixture
async def keys() -> dict[str, str]:
    return {}


@pytest.fixture
async def service(
    model_folder: Path, tmp_path: Path, keys: dict[str, str]
) -> AsyncIterator[Service]:
    """A service that takes few calls, with a key of each of two tenants."""
    content = empty_key_file()
    for tenant in ("one", "other"):
        content, keys[tenant] = create_key(content, tenant=tenant, scopes=["read"], now=NOW)
    write_key_file(tmp_path / "keys.json", content)
    settings = settings_for(
        model_folder,
        tmp_path / "artefacts",
        api_keys=tmp_path / "keys.json",
        grpc_max_calls=MOST_CALLS,
    )
    async with running_grpc(settings) as running:
        yield running


def connected(service: Service) -> grpc.aio.Channel:
    """A connection of its own."""
    alone = [("grpc.use_local_subchannel_pool", 1)]
    return grpc.aio.insecure_channel(f"{HOST}:{service.port}", options=alone)


async def is_answered(service: Service, key: str) -> bool:
    """Whether a call with a key is answered."""
    async with asyncio.timeout(PATIENCE_S), connected(service) as channel:
        models = AnalysisServiceStub(channel).ListModels
        return bool((await models(messages.ListModelsRequest(), metadata=shown(key))).models)


def shown(key: str) -> Metadata:
    return (("x-api-key", key),)


async def silent() -> AsyncIterator[Any]:
    """Messages that never come."""
    await asyncio.Event().wait()
    yield


async def ended(calls: list[Any]) -> set[grpc.StatusCode]:
    """The codes of the calls that end within a second; the others are given up."""
    codes = [asyncio.ensure_future(call.code()) for call in calls]
    done, _ = await asyncio.wait(codes, timeout=1.0)
    for call in calls:
        call.cancel()
    return {one.result() for one in done}


async def test_who_watches_without_a_key_keeps_no_key_out(
    service: Service, keys: dict[str, str]
) -> None:
    async with connected(service) as one, connected(service) as two, connected(service) as three:
        watch = health_pb2_grpc.HealthStub(one).Watch
        listing = reflection_pb2_grpc.ServerReflectionStub(two).ServerReflectionInfo
        asking = three.stream_stream("/inference.GRPCInferenceService/ServerLive")
        calls = [
            call
            for _ in range(MOST_CALLS // 2)
            for call in (watch(HEALTH), listing(silent()), asking(silent()))
        ]
        await asyncio.sleep(0.5)
        assert await is_answered(service, keys["one"])
        assert await ended(calls) == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        # Whose calls have ended has places again.
        async with asyncio.timeout(PATIENCE_S):
            while (await watch(HEALTH).read()) is grpc.aio.EOF:
                await asyncio.sleep(0.05)


async def test_a_tenant_that_ends_no_call_keeps_no_other_out(
    service: Service, keys: dict[str, str]
) -> None:
    asking = service.channel.stream_stream("/petroserve.v1.AnalysisService/GetAnalysis")
    calls = [asking(silent(), metadata=shown(keys["one"])) for _ in range(MOST_CALLS)]
    await asyncio.sleep(0.5)
    assert await is_answered(service, keys["other"])
    assert await ended(calls) == {grpc.StatusCode.RESOURCE_EXHAUSTED}


def framed(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags])
    return head + struct.pack(">I", stream) + payload


def written(name: str, value: str) -> bytes:
    """One header as HPACK writes it without its table."""
    texts = (name.encode(), value.encode())
    return b"\0" + b"".join(bytes([len(text)]) + text for text in texts)


@contextmanager
def watching_without_reading(port: int) -> Iterator[None]:
    """Watch the health, and let no byte of it come."""
    heads = {
        ":method": "POST", ":scheme": "http", ":path": "/grpc.health.v1.Health/Watch",
        ":authority": "x", "content-type": "application/grpc", "te": "trailers",
    }  # fmt: skip
    head = b"".join(written(*pair) for pair in heads.items())
    window = struct.pack(">HI", 4, 0)
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(HTTP2 + framed(SETTINGS, 0, 0, window) + framed(SETTINGS, 1, 0))
        connection.sendall(framed(HEADERS, 4, 1, head) + framed(DATA, 1, 1, b"\0" * 5))
        yield


async def test_who_watches_and_reads_nothing_keeps_nothing_from_others(
    model_folder: Path, tmp_path: Path
) -> None:
    engine = Engine(settings_for(model_folder, tmp_path / "artefacts"), Telemetry())
    states = health_pb2.HealthCheckResponse
    async with asyncio.timeout(PATIENCE_S):
        async with serving_grpc(engine, Jobs(engine, engine.recorded.catalogue), port=0) as port:
            with watching_without_reading(port):
                await asyncio.sleep(0.5)
                async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
                    watching = health_pb2_grpc.HealthStub(channel).Watch(HEALTH)
                    assert (await watching.read()).status == states.NOT_SERVING
                    async with engine.running():
                        assert (await watching.read()).status == states.SERVING
