"""``/v1/evaluations``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.engine import EVALUATIONS, Engine, Evaluation, EvaluationRequest, Finished, evaluate
from service.http_api.access import owner_of
from service.http_api.forms import EVALUATION
from service.http_api.resources import (
    PROBLEM,
    add_reading_routes,
    created_response,
    received,
    root_of,
    upload_body,
)
from service.http_api.upload import Upload

__all__ = ["evaluation_routes"]


def evaluation_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/evaluations``."""
    router = APIRouter(prefix=root_of(EVALUATIONS), tags=["evaluations"], responses=PROBLEM)

    @router.post(
        "",
        status_code=201,
        summary="Judge label images against what an expert drew",
        description=(
            "Label images that are sent, or those of kept analyses; several pairs are counted "
            "together. The answer has the figures of `petroserve evaluate`, and names an error "
            "map and a panel for every pair."
        ),
        responses={201: {"model": Evaluation, "description": "The evaluation."}},
        response_class=Response,
        openapi_extra=upload_body(EVALUATION),
    )
    async def post_evaluation(request: Request) -> Response:
        def work(upload: Upload[EvaluationRequest]) -> Coroutine[Any, Any, Finished]:
            files = upload.files
            return evaluate(
                engine,
                files["truth"],
                files["prediction"],
                files["image"],
                upload.request,
                owner=owner_of(request),
            )

        return created_response(EVALUATIONS, await received(request, engine, EVALUATION, work))

    add_reading_routes(router, engine, EVALUATIONS, Evaluation)
    return router
