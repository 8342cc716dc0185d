"""``/v1/estimate``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from service.engine import Engine, Estimate, EstimateRequest
from service.http_api.forms import ESTIMATE
from service.http_api.resources import PROBLEM, upload_body
from service.http_api.upload import (
    REQUEST_PART,
    Part,
    body_chunks,
    read_request,
    receive_upload,
)
from service.settings import Settings

__all__ = ["estimate_routes"]


def estimate_routes(engine: Engine) -> APIRouter:
    """Build the route of estimates."""
    router = APIRouter(prefix="/v1/estimate", tags=["analyses"], responses=PROBLEM)

    @router.post(
        "",
        summary="What an analysis would take",
        description=(
            "Tiles, seconds, memory and the wait until its turn. Send what an analysis is sent; of "
            "the image its begin is enough, 256 KiB of a PNG or JPEG. Or send the request as "
            "`application/json` with `height_px` and `width_px`. Nothing is analysed or kept."
        ),
        openapi_extra=_body(),
    )
    async def post_estimate(request: Request) -> Estimate:
        engine.require_ready()
        if _is_json(request):
            return await engine.estimate(await _json_request(request, engine.settings), None)
        with engine.admission.place():
            async with receive_upload(request, ESTIMATE, engine.settings) as upload:
                image = next(iter(upload.files["image"]), None)
                return await engine.estimate(upload.request, image)

    return router


def _is_json(request: Request) -> bool:
    content_type: str = request.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower() == "application/json"


async def _json_request(request: Request, settings: Settings) -> EstimateRequest:
    chunks = body_chunks(
        request, limit_bytes=settings.max_request_bytes, pause_s=settings.upload_pause_s
    )
    content = b"".join([chunk async for chunk in chunks])
    return read_request([Part(REQUEST_PART, content)], EstimateRequest, settings.max_request_bytes)


def _body() -> dict[str, Any]:
    """Describe both bodies for OpenAPI."""
    described = upload_body(ESTIMATE)
    schema = {"$ref": f"#/components/schemas/{EstimateRequest.__name__}"}
    described["requestBody"]["content"]["application/json"] = {"schema": schema}
    return described
