"""``/v2``: the paths of the Open Inference Protocol."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from service.engine import Engine
from service.http_api.disconnection import until_disconnect
from service.http_api.inference_errors import INFERENCE_ERROR, INFERENCE_ROOT
from service.http_api.open_inference.answer import infer_response
from service.http_api.open_inference.body import receive_tensors
from service.http_api.open_inference.documents import (
    config_document,
    index_document,
    metadata_document,
    server_document,
    statistics_document,
)
from service.http_api.open_inference.request import read_infer_request
from service.http_api.urgency import PRIORITY_HEADER, stated_priority, tenant_of
from service.inference import Inference

__all__ = ["open_inference_routes"]

_MODEL = "/models/{model}"
_VERSION = "/models/{model}/versions/{version}"


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


_AT_MODEL: dict[str, Any] = {"parameters": [_path_parameter("model")]}
_AT_VERSION: dict[str, Any] = {"parameters": [_path_parameter("model"), _path_parameter("version")]}
_INFER_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": (
            "JSON, or JSON and binary tensors after it; then Inference-Header-Content-Length tells "
            "the bytes of JSON. gzip and deflate are read."
        ),
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/InferRequest"}},
            "application/octet-stream": {},
        },
    },
}


def _infer_operation(at: dict[str, Any]) -> dict[str, Any]:
    """Describe an inference for OpenAPI."""
    return {**_INFER_BODY, "parameters": [*at["parameters"], PRIORITY_HEADER]}


def _named(request: Request) -> tuple[str, str | None]:
    """Tell which model, and which version of it, the URL names."""
    return request.path_params["model"], request.path_params.get("version")


def open_inference_routes(engine: Engine, inference: Inference) -> APIRouter:
    """Build the routes under ``/v2``."""
    router = APIRouter(
        prefix=INFERENCE_ROOT, tags=["open inference protocol"], responses=INFERENCE_ERROR
    )
    _add_server(router, engine, inference)
    _add_descriptions(router, inference)
    _add_inference(router, engine, inference)
    return router


def _add_server(router: APIRouter, engine: Engine, inference: Inference) -> None:
    @router.get("", summary="What the service is")
    @router.get("/", include_in_schema=False)
    async def get_server() -> JSONResponse:
        return JSONResponse(server_document(inference.server_metadata()))

    @router.get("/health/live", summary="Whether the process should go on living")
    async def get_live() -> JSONResponse:
        engine.require_alive()
        return JSONResponse({"live": True})

    @router.get("/health/ready", summary="Whether every model is warm")
    async def get_ready() -> JSONResponse:
        engine.require_ready()
        return JSONResponse({"ready": True})

    @router.post("/repository/index", summary="The models that are served")
    async def post_index() -> JSONResponse:
        return JSONResponse(index_document(inference.index()))


def _add_descriptions(router: APIRouter, inference: Inference) -> None:
    # Before the paths of models, of which one could have this name.
    @router.get("/models/stats", summary="What all models did")
    async def get_all_statistics() -> JSONResponse:
        return JSONResponse(statistics_document(inference.statistics()))

    @router.get(_MODEL, summary="What a model takes and gives", openapi_extra=_AT_MODEL)
    @router.get(
        _VERSION, summary="What a version of a model takes and gives", openapi_extra=_AT_VERSION
    )
    async def get_metadata(request: Request) -> JSONResponse:
        return JSONResponse(metadata_document(inference.metadata(*_named(request))))

    @router.get(f"{_MODEL}/ready", summary="Whether a model is ready", openapi_extra=_AT_MODEL)
    @router.get(
        f"{_VERSION}/ready", summary="Whether a version is ready", openapi_extra=_AT_VERSION
    )
    async def get_model_ready(request: Request) -> JSONResponse:
        inference.require_model_ready(*_named(request))
        return JSONResponse({"name": _named(request)[0], "ready": True})

    @router.get(
        f"{_MODEL}/config", summary="Configuration, as Triton writes it", openapi_extra=_AT_MODEL
    )
    @router.get(
        f"{_VERSION}/config", summary="Configuration of a version", openapi_extra=_AT_VERSION
    )
    async def get_config(request: Request) -> JSONResponse:
        return JSONResponse(config_document(inference.config(*_named(request))))

    @router.get(f"{_MODEL}/stats", summary="What a model did", openapi_extra=_AT_MODEL)
    @router.get(f"{_VERSION}/stats", summary="What a version did", openapi_extra=_AT_VERSION)
    async def get_statistics(request: Request) -> JSONResponse:
        return JSONResponse(statistics_document(inference.statistics(*_named(request))))


def _add_inference(router: APIRouter, engine: Engine, inference: Inference) -> None:
    @router.post(
        f"{_MODEL}/infer", summary="Run a model", openapi_extra=_infer_operation(_AT_MODEL)
    )
    @router.post(
        f"{_VERSION}/infer",
        summary="Run a version of a model",
        openapi_extra=_infer_operation(_AT_VERSION),
    )
    async def post_infer(request: Request) -> Response:
        model, version = _named(request)
        inference.require_model_ready(model, version)
        with engine.admission.place(tenant_of(request)):
            body = await receive_tensors(request, engine.settings)
            read = await read_infer_request(body, model, version)
            work = inference.infer(
                read.request, priority=stated_priority(request), tenant=tenant_of(request)
            )
            answer = await until_disconnect(request.receive, work)
            return await infer_response(answer, read)
