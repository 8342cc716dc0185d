"""The service in this process, over gRPC on a port of this machine, and over HTTP beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx

from service.access import Guard
from service.engine import Engine
from service.grpc_api import serving_grpc
from service.jobs import Jobs
from service.proto import analysis_pb2 as messages
from service.proto.analysis_pb2_grpc import AnalysisServiceStub
from service.proto.inference_pb2_grpc import GRPCInferenceServiceStub
from service.settings import Settings
from tests.http_service import running_service

HOST = "127.0.0.1"
PATIENCE_S = 60.0
CHUNK_BYTES = 1000


@dataclass(frozen=True)
class Service:
    """A running service."""

    engine: Engine
    jobs: Jobs
    http: httpx.AsyncClient
    port: int
    channel: grpc.aio.Channel

    @property
    def analyses(self) -> Any:
        return AnalysisServiceStub(self.channel)

    @property
    def inferences(self) -> Any:
        return GRPCInferenceServiceStub(self.channel)


@asynccontextmanager
async def running_grpc(settings: Settings) -> AsyncIterator[Service]:
    """Start both protocols, wait until they are ready, and stop them after the block."""
    guard = None if settings.api_keys is None else Guard(settings.api_keys)
    begun: list[tuple[Jobs, int]] = []

    @asynccontextmanager
    async def beside(engine: Engine, jobs: Jobs) -> AsyncIterator[None]:
        async with serving_grpc(engine, jobs, guard=guard, port=0) as port:
            begun.append((jobs, port))
            yield

    async with running_service(settings, beside=beside) as (http, engine):
        ((jobs, port),) = begun
        async with grpc.aio.insecure_channel(f"{HOST}:{port}") as channel:
            yield Service(engine, jobs, http, port, channel)


def begin(request: object = None, **fields: Any) -> messages.UploadChunk:
    """The first chunk of an upload."""
    text = b"" if request is None else json.dumps(request).encode()
    return messages.UploadChunk(begin=messages.Begin(request_json=text, **fields))


def part(
    name: str, content: bytes, *, filename: str = "file", chunk_bytes: int = CHUNK_BYTES
) -> Iterator[messages.UploadChunk]:
    """One file of an upload."""
    yield messages.UploadChunk(part=messages.Part(name=name, filename=filename))
    for start in range(0, len(content), chunk_bytes):
        yield messages.UploadChunk(data=content[start : start + chunk_bytes])


def upload(
    image: bytes | None, request: object = None, **files: bytes
) -> list[messages.UploadChunk]:
    """A whole upload."""
    named = {} if image is None else {"image": image}
    return [
        begin(request),
        *(chunk for name, content in (named | files).items() for chunk in part(name, content)),
    ]


async def analyse(
    service: Service, chunks: Iterable[messages.UploadChunk], **options: Any
) -> list[messages.AnalysisEvent]:
    """All events of an analysis."""
    async with asyncio.timeout(PATIENCE_S):
        return [event async for event in service.analyses.Analyse(iter(chunks), **options)]


def problem(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    """The problem document beside an error."""
    metadata = dict(error.trailing_metadata() or ())
    document: dict[str, Any] = json.loads(metadata["petroserve-problem-bin"])
    return document
