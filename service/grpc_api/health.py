"""``grpc.health.v1``: what load balancers ask."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer

from petrography.errors import NotReadyError
from service.engine import Engine
from service.grpc_api.refusing import Context

__all__ = ["Health", "follow_readiness"]

_LOOK_AGAIN_S = 0.1


class Health(HealthServicer):
    """Shows one state of the whole server and of each of its services.

    That of the library tells its watchers under a lock that a change of the state takes as well, so
    that one watcher who reads nothing keeps the change from all others, and the server from its end.

    Parameters
    ----------
    services : sequence of str
        Names under which clients ask; the whole server has the empty one.
    """

    def __init__(self, services: Sequence[str]) -> None:
        self._services = {"", *services}
        self._state: int = HealthCheckResponse.NOT_SERVING
        self._changed = asyncio.Event()
        self._stopping = False

    def show(self, state: int) -> None:
        """Show a state from now on, until the server stops."""
        if self._stopping or state == self._state:
            return
        self._state = state
        self._changed.set()
        # Who waits for the next change has one of its own.
        self._changed = asyncio.Event()

    def stop(self) -> None:
        """Show for good that nothing more is taken."""
        self.show(HealthCheckResponse.NOT_SERVING)
        self._stopping = True

    async def Check(self, request: HealthCheckRequest, context: Context) -> HealthCheckResponse:
        """Tell the state once."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return HealthCheckResponse(status=self._state)

    async def Watch(self, request: HealthCheckRequest, context: Context) -> None:
        """Tell the state and its changes, of which who reads slowly misses some."""
        told = None
        while True:
            changed = self._changed
            known = request.service in self._services
            state = self._state if known else HealthCheckResponse.SERVICE_UNKNOWN
            if state == told:
                await changed.wait()
                continue
            await context.write(HealthCheckResponse(status=state))
            told = state


async def follow_readiness(engine: Engine, health: Health) -> None:
    """Show for ever whether work can be taken.

    Parameters
    ----------
    engine : Engine
        Knows.
    health : Health
        Shows it; watching clients are told of changes.
    """
    while True:
        health.show(_state(engine))
        await asyncio.sleep(_LOOK_AGAIN_S)


def _state(engine: Engine) -> int:
    try:
        engine.require_ready()
    except NotReadyError:
        return HealthCheckResponse.NOT_SERVING
    return HealthCheckResponse.SERVING
