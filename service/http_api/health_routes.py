"""``/livez``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from service.engine import Engine
from service.http_api.resources import PROBLEM, Responses
from service.telemetry import CONTENT_TYPE

__all__ = ["health_routes"]

_METRICS: Responses = {
    200: {"description": "Prometheus text format 0.0.4.", "content": {"text/plain": {}}}
}


def health_routes(engine: Engine) -> APIRouter:
    """Build ``/livez``, ``/readyz`` and ``/metrics``."""
    router = APIRouter(tags=["health"], responses=PROBLEM)

    @router.get("/livez", summary="Whether the process should go on living")
    async def get_livez() -> JSONResponse:
        engine.require_alive()
        return JSONResponse({"status": "alive"})

    @router.get("/readyz", summary="Whether every model is warm")
    async def get_readyz() -> JSONResponse:
        engine.require_ready()
        return JSONResponse({"status": "ready"})

    @router.get(
        "/metrics", summary="Prometheus metrics", responses=_METRICS, response_class=Response
    )
    def get_metrics() -> Response:
        return Response(engine.telemetry.exposition(), headers={"Content-Type": CONTENT_TYPE})

    return router
