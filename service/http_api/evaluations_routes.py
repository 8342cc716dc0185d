"""``/v1/evaluations``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, Request

from service.engine import EVALUATIONS, Engine, Evaluation, EvaluationRequest, Finished
from service.http_api.access import owner_of
from service.http_api.forms import EVALUATION
from service.http_api.resources import Making, result_routes
from service.http_api.upload import Upload
from service.http_api.urgency import tenant_of

__all__ = ["evaluation_routes"]

_JUDGING = Making(
    EVALUATIONS,
    EVALUATION,
    Evaluation,
    "Judge label images against what an expert drew",
    "Label images that are sent, or those of kept analyses; several pairs are counted together. "
    "The answer has the figures of `petroserve evaluate`, and names an error map and a panel for "
    "every pair.",
)


def evaluation_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/evaluations``."""

    def judge(request: Request, upload: Upload[EvaluationRequest]) -> Coroutine[Any, Any, Finished]:
        files = upload.files
        return engine.imaging.evaluate(
            files["truth"],
            files["prediction"],
            files["image"],
            upload.request,
            tenant=tenant_of(request),
            owner=owner_of(request),
        )

    return result_routes(engine, _JUDGING, judge)
