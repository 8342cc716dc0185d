"""``grpc.health.v1``: what load balancers ask."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from grpc_health.v1.health import aio
from grpc_health.v1.health_pb2 import HealthCheckResponse

from petrography.errors import NotReadyError
from service.engine import Engine

__all__ = ["follow_readiness"]

_LOOK_AGAIN_S = 0.1


async def follow_readiness(
    engine: Engine, health: aio.HealthServicer, services: Sequence[str]
) -> None:
    """Show for ever whether work can be taken.

    Parameters
    ----------
    engine : Engine
        Knows.
    health : HealthServicer
        Shows it; watching clients are told of changes.
    services : sequence of str
        Names under which clients ask; the whole server has the empty one.
    """
    while True:
        state = _state(engine)
        for service in ("", *services):
            await health.set(service, state)
        await asyncio.sleep(_LOOK_AGAIN_S)


def _state(engine: Engine) -> int:
    try:
        engine.require_ready()
    except NotReadyError:
        return HealthCheckResponse.NOT_SERVING
    return HealthCheckResponse.SERVING
