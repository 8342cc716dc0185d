"""``/v1/estimate``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from service.engine import Engine, Estimate, EstimateRequest
from service.http_api.forms import ESTIMATE
from service.http_api.json_body import is_json, receive_json
from service.http_api.resources import PROBLEM, upload_body
from service.http_api.upload import receive_upload
from service.http_api.urgency import tenant_of

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
        if is_json(request):
            asked = await receive_json(request, EstimateRequest, engine.settings)
            return await engine.estimate(asked, None)
        with engine.admission.place(tenant_of(request)):
            async with receive_upload(request, ESTIMATE, engine.settings) as upload:
                image = next(iter(upload.files["image"]), None)
                return await engine.estimate(upload.request, image)

    return router


def _body() -> dict[str, Any]:
    """Describe both bodies for OpenAPI."""
    described = upload_body(ESTIMATE)
    schema = {"$ref": f"#/components/schemas/{EstimateRequest.__name__}"}
    described["requestBody"]["content"]["application/json"] = {"schema": schema}
    return described
