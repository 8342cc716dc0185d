"""``/v1/models``."""

from __future__ import annotations

from fastapi import APIRouter

from service.engine import Engine
from service.http_api.models import ModelDescription, ModelList, describe, list_models
from service.http_api.resources import PROBLEM

__all__ = ["model_routes"]


def model_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/models``."""
    router = APIRouter(prefix="/v1/models", tags=["models"], responses=PROBLEM)

    @router.get("", summary="The models that are served")
    def get_models() -> ModelList:
        return list_models(engine.readiness)

    @router.get("/{name}", summary="One model: name, or name:version")
    def get_model(name: str) -> ModelDescription:
        repository = engine.repository
        return describe(repository.get(name), repository)

    return router
