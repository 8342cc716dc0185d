"""Callbacks of analyses: how they stand, and how one is sent again."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from service.engine import ANALYSES
from service.http_api.access import owner_of
from service.http_api.resources import PROBLEM
from service.jobs import CallbackState, Jobs

__all__ = ["callback_routes"]

_JSON = "application/json"
_NO_STORE = {"Cache-Control": "no-store"}


class CallbackList(BaseModel):
    """The callbacks of an analysis, the latest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    callbacks: list[CallbackState]


def callback_routes(jobs: Jobs) -> APIRouter:
    """Build the routes; they go before that of the kept files, whose names they share."""
    router = APIRouter(prefix=ANALYSES.href_root, tags=["analyses"], responses=PROBLEM)

    @router.get(
        "/{result_id}/callbacks",
        summary="See how the callbacks of an analysis stand",
        description="Empty where none was wanted, before it has ended, and long after a delivery.",
        responses={200: {"model": CallbackList, "description": "The callbacks."}},
        response_class=Response,
    )
    async def get_callbacks(request: Request, result_id: str) -> Response:
        found = await jobs.callbacks(owner_of(request), result_id)
        listed = CallbackList(callbacks=list(found))
        return Response(listed.model_dump_json(), headers=_NO_STORE, media_type=_JSON)

    @router.post(
        "/{result_id}/callbacks/redeliveries",
        status_code=202,
        summary="Send the callback of an analysis again",
        description=(
            "The latest one, delivered, given up or waiting for its next try: at once, and then "
            "with all its tries. A receiver that said 410 is open again. 409 before the analysis "
            "has ended, 404 where it has no callback."
        ),
        responses={202: {"model": CallbackState, "description": "It is on its way."}},
        response_class=Response,
    )
    async def post_redelivery(request: Request, result_id: str) -> Response:
        state = await jobs.redeliver(owner_of(request), result_id)
        return Response(state.model_dump_json(), 202, _NO_STORE, _JSON)

    return router
