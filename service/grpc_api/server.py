"""The gRPC server of one worker process, from its port to its drain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from petrography.errors import ConfigurationError
from service.access import Guard
from service.engine import Engine
from service.grpc_api.analysis_service import AnalysisService
from service.grpc_api.calls import Calls
from service.grpc_api.certificates import server_credentials
from service.grpc_api.health import Health, follow_readiness
from service.grpc_api.inference_service import InferenceService
from service.grpc_api.message_fields import require_few_fields
from service.inference import Inference
from service.jobs import Jobs
from service.proto import analysis_pb2, inference_pb2
from service.proto.analysis_pb2_grpc import add_AnalysisServiceServicer_to_server
from service.proto.inference_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from service.settings import Settings

__all__ = ["serving_grpc"]

_log = logging.getLogger("petroserve.grpc")
_SERVICES = (
    analysis_pb2.DESCRIPTOR.services_by_name["AnalysisService"].full_name,
    inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name,
)
_INFER = "/inference.GRPCInferenceService/ModelInfer"
_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
# A client that vanished without a word is noticed after both together; gRPC's own default is two
# hours. Pings of clients are taken from every ten seconds on, which is what proxies send.
_PING_AFTER_MS, _PING_ANSWER_MS, _CLIENT_PING_MS = 60_000, 20_000, 10_000
# How often it is looked whether the process is to stop; longer than any call that is under way then.
_LOOK_S, _UNTIL_THE_END_S = 0.1, 86_400.0
# What a client may send before the server has read it. gRPC begins with 64 KiB and widens it while
# a message comes, so that a tensor of 26 MB waits for many round trips.
_LOOKAHEAD_BYTES = 4 * 1024 * 1024


@asynccontextmanager
async def serving_grpc(
    engine: Engine,
    jobs: Jobs,
    *,
    guard: Guard | None = None,
    inference: Inference | None = None,
    port: int | None = None,
) -> AsyncIterator[int]:
    """Serve until the block ends, or the process is told to stop; let the calls under way end.

    Parameters
    ----------
    engine : Engine
        Running.
    jobs : Jobs
        Those that other protocols take; calls can cancel them.
    guard : Guard, optional
        Knows the API keys; without it none are asked for.
    inference : Inference, optional
        Shared with other protocols, whose requests its statistics count as well.
    port : int, optional
        Instead of that of the settings; 0: the system chooses.

    Yields
    ------
    int
        The port; 0 where the settings want no gRPC.

    Raises
    ------
    ConfigurationError
        If the port or the certificates cannot be used.
    """
    settings = engine.settings
    if port is None:
        port = settings.grpc_port
        if port == 0:
            yield 0
            return
    most_typed_bytes = settings.max_inference_json_bytes
    checks = {_INFER: partial(require_few_fields, most_typed_bytes=most_typed_bytes)}
    calls = Calls(engine.telemetry, guard, most=settings.grpc_max_calls, checks=checks)
    states = Health(_SERVICES)
    server = _server(engine, jobs, inference or Inference(engine), calls, states)
    bound = _bind(server, settings, port)
    await server.start()
    _log.info("gRPC listens on %s port %d", settings.host, bound)
    following = asyncio.create_task(follow_readiness(engine, states))
    refusing = asyncio.create_task(_refuse_when_told(engine, server, states))
    try:
        yield bound
    finally:
        following.cancel()
        states.stop()
        await _drain(server, calls, settings.grpc_stop_within_s)
        refusing.cancel()


def _server(
    engine: Engine,
    jobs: Jobs,
    inference: Inference,
    calls: Calls,
    states: Health,
) -> grpc.aio.Server:
    settings = engine.settings
    limits = {
        "grpc.max_receive_message_length": settings.grpc_max_message_bytes,
        # Bounded by what was asked for; the client has a limit of its own.
        "grpc.max_send_message_length": -1,
        "grpc.max_concurrent_streams": settings.grpc_max_calls,
        # Several workers share the port; a single one is told when another server has it.
        "grpc.so_reuseport": int(settings.workers > 1),
        "grpc.keepalive_time_ms": _PING_AFTER_MS,
        "grpc.keepalive_timeout_ms": _PING_ANSWER_MS,
        "grpc.http2.min_recv_ping_interval_without_data_ms": _CLIENT_PING_MS,
        "grpc.http2.lookahead_bytes": _LOOKAHEAD_BYTES,
    }
    server = grpc.aio.server(
        interceptors=[calls],
        options=list(limits.items()),
        maximum_concurrent_rpcs=settings.grpc_max_calls,
    )
    add_AnalysisServiceServicer_to_server(AnalysisService(engine, jobs), server)
    add_GRPCInferenceServiceServicer_to_server(InferenceService(engine, inference), server)
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    reflection.enable_server_reflection((*_SERVICES, _HEALTH, reflection.SERVICE_NAME), server)
    return server


def _bind(server: grpc.aio.Server, settings: Settings, port: int) -> int:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    credentials = server_credentials(settings)
    try:
        if credentials is None:
            return server.add_insecure_port(f"{host}:{port}")
        return server.add_secure_port(f"{host}:{port}", credentials)
    except RuntimeError as error:
        msg = f"gRPC cannot listen on {settings.host} port {port}: {error}"
        raise ConfigurationError(msg) from None


async def _refuse_when_told(engine: Engine, server: grpc.aio.Server, states: Health) -> None:
    """Take no more calls from the signal on: requests of HTTP may take long to end.

    How long those under way may take is counted from the end of the block.
    """
    while not engine.readiness.is_told_to_stop:
        await asyncio.sleep(_LOOK_S)
    states.stop()
    await server.stop(_UNTIL_THE_END_S)


async def _drain(server: grpc.aio.Server, calls: Calls, within_s: float) -> None:
    """Take no more calls and let those under way end.

    The server alone would also wait for clients that watch the health for ever.
    """
    stopping = asyncio.create_task(server.stop(within_s))
    if not await calls.until_idle(within_s):
        _log.warning("calls were under way %g s after the stop and are given up", within_s)
    await server.stop(None)
    await stopping
