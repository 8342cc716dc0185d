"""The routes: translation between HTTP and the engine, nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from petrography.pipeline import MEDIA_TYPES
from petrography.report import Result
from service.engine import Engine, OpenArtefact
from service.http_api.disconnection import until_disconnect
from service.http_api.models import ModelDescription, ModelList, describe, summarise
from service.http_api.problems import PROBLEM_MEDIA_TYPE, Problem
from service.http_api.upload import IMAGE_PART, REQUEST_PART, receive_upload
from service.telemetry import CONTENT_TYPE

__all__ = ["analysis_routes", "health_routes", "model_routes"]

_ANALYSES = "/v1/analyses"
_CHUNK_BYTES = 1024 * 1024

_PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem document (RFC 9457).",
        "content": {PROBLEM_MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {media_type.partition(";")[0]: {} for media_type in MEDIA_TYPES.values()},
    },
    304: {"description": "The file is the one that If-None-Match names."},
}
_METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus text format 0.0.4.", "content": {"text/plain": {}}}
}
_UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [IMAGE_PART],
                    "properties": {
                        IMAGE_PART: {
                            "type": "string",
                            "contentMediaType": "application/octet-stream",
                            "description": "PNG, JPEG or TIFF.",
                        },
                        REQUEST_PART: {"$ref": "#/components/schemas/AnalysisRequest"},
                    },
                },
                "encoding": {REQUEST_PART: {"contentType": "application/json"}},
            }
        },
    }
}


def analysis_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/analyses``."""
    router = APIRouter(prefix=_ANALYSES, tags=["analyses"], responses=_PROBLEM)

    @router.post(
        "",
        status_code=201,
        summary="Analyse one image",
        responses={201: {"model": Result, "description": "The finished analysis."}},
        response_class=Response,
        openapi_extra=_UPLOAD,
    )
    async def post_analysis(request: Request) -> Response:
        engine.require_ready()
        with engine.admission.place():
            async with receive_upload(request, engine.settings) as upload:
                finished = await until_disconnect(
                    request.receive,
                    engine.analyse(upload.image, upload.request, href_root=_ANALYSES),
                )
        location = f"{_ANALYSES}/{finished.analysis_id}"
        return Response(
            finished.result_json, 201, {"Location": location}, MEDIA_TYPES["result.json"]
        )

    @router.get(
        "/{analysis_id}",
        summary="The result of an analysis",
        responses={200: {"model": Result, "description": "Content of result.json."}},
        response_class=Response,
    )
    def get_analysis(request: Request, analysis_id: str) -> Response:
        return _artefact_response(request, engine.store.open(analysis_id, "result.json"))

    @router.get(
        "/{analysis_id}/{artefact}",
        summary="One file of an analysis",
        description=f"One of {', '.join(MEDIA_TYPES)}.",
        responses=_FILE,
        response_class=Response,
    )
    def get_artefact(request: Request, analysis_id: str, artefact: str) -> Response:
        return _artefact_response(request, engine.store.open(analysis_id, artefact))

    return router


def model_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/models``."""
    router = APIRouter(prefix="/v1/models", tags=["models"], responses=_PROBLEM)

    @router.get("", summary="The models that are served")
    def get_models() -> ModelList:
        repository = engine.repository
        return ModelList(models=[summarise(model, repository) for model in repository])

    @router.get("/{name}", summary="One model: name, or name:version")
    def get_model(name: str) -> ModelDescription:
        repository = engine.repository
        return describe(repository.get(name), repository)

    return router


def health_routes(engine: Engine) -> APIRouter:
    """Build ``/livez``, ``/readyz`` and ``/metrics``."""
    router = APIRouter(tags=["health"], responses=_PROBLEM)

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


def _artefact_response(request: Request, artefact: OpenArtefact) -> Response:
    headers = {
        "ETag": artefact.etag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    if _matches(request.headers.get("if-none-match", ""), artefact.etag):
        artefact.file.close()
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(artefact.size_bytes)
    headers["Content-Type"] = artefact.media_type
    return StreamingResponse(_chunks(artefact), headers=headers)


def _matches(if_none_match: str, etag: str) -> bool:
    """Weak comparison of RFC 9110 section 13.1.2."""
    candidates = (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))
    return any(candidate in {etag, "*"} for candidate in candidates)


def _chunks(artefact: OpenArtefact) -> Iterator[bytes]:
    with artefact.file as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
