"""``/v1/annotations``."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from service.engine import (
    ANNOTATIONS,
    AnnotationDocument,
    AnnotationRequest,
    Engine,
    Finished,
    OpenArtefact,
    Proposals,
    StepAnswer,
    StepList,
    Stepped,
    StepRequest,
)
from service.entity_tags import stated_tags
from service.http_api.access import owner_of
from service.http_api.artefact_response import IMMUTABLE, REVALIDATED, artefact_response
from service.http_api.disconnection import until_disconnect
from service.http_api.forms import ANNOTATION
from service.http_api.idempotency import require_no_key
from service.http_api.json_body import receive_json
from service.http_api.resources import (
    FILE_PATH,
    PROBLEM,
    Responses,
    created_response,
    file_responses,
    json_body,
    received,
    upload_body,
)
from service.http_api.upload import Upload
from service.http_api.urgency import tenant_of

__all__ = ["annotation_routes"]

# The files that are the same in every state.
_LASTING = frozenset({"image.png", "superpixels.npz"})
_IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "example": '"8e03978e-40d5-43dd-bc93-6894a57f9324-3"'},
    "description": (
        "The `ETag` of any earlier answer about this annotation: if somebody else has drawn or taken "
        "back since, nothing is done (412)."
    ),
}
_ANSWER: Responses = {200: {"model": StepAnswer, "description": "What has changed."}}
_Number = Annotated[int, Path(ge=1, le=999_999_999, description="The last step that stands.")]
_Budget = Annotated[
    float,
    Query(gt=0, le=100, allow_inf_nan=False, description="Share of the photograph, in per cent."),
]
_Analysis = Annotated[
    str | None,
    Query(
        max_length=100,
        description="A kept analysis of image.png: places are proposed where its model doubts.",
    ),
]


def annotation_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/annotations``."""
    router = APIRouter(prefix=ANNOTATIONS.href_root, tags=["annotations"], responses=PROBLEM)
    _add_beginning(router, engine)
    _add_drawing(router, engine)
    _add_reading(router, engine)
    return router


def _add_beginning(router: APIRouter, engine: Engine) -> None:
    async def begin(request: Request, upload: Upload[AnnotationRequest]) -> Finished:
        (image,) = upload.files["image"]
        return await engine.annotations.begin(image, upload.request, **_asking(request))

    @router.post(
        "",
        status_code=201,
        summary="Begin the annotation of a photograph",
        description="Finds its superpixels, about a third of a second for each megapixel.",
        responses={201: {"model": AnnotationDocument, "description": "Nothing is drawn yet."}},
        response_class=Response,
        openapi_extra=upload_body(ANNOTATION),
    )
    async def post_annotation(request: Request) -> Response:
        require_no_key(request)
        begun = await received(request, engine, ANNOTATION, partial(begin, request))
        return created_response(ANNOTATIONS, begun)


def _add_drawing(router: APIRouter, engine: Engine) -> None:
    annotations = engine.annotations

    @router.post(
        "/{result_id}/steps",
        summary="Draw strokes, in one step",
        description=(
            "Places are (row, column) of image.png, pixel centres whole numbers. Strokes spread to "
            "what looks like them, unless they are `exact`; a `code` of null takes labels away. The "
            "answer has the labels of the rectangle that changed."
        ),
        responses=_ANSWER,
        response_class=Response,
        openapi_extra={**json_body(StepRequest), "parameters": [_IF_MATCH]},
    )
    async def post_step(request: Request, result_id: str) -> Response:
        engine.require_ready()
        asked = await receive_json(request, StepRequest, engine.settings)
        work = annotations.step(result_id, asked, if_match=_if_match(request), **_asking(request))
        return _stepped(await until_disconnect(request.receive, work))

    @router.delete(
        "/{result_id}/steps/{number}",
        summary="Take the last step back",
        description="Any other is refused (409). The record keeps both: the step, and its end.",
        responses=_ANSWER,
        response_class=Response,
        openapi_extra={"parameters": [_IF_MATCH]},
    )
    async def delete_step(request: Request, result_id: str, number: _Number) -> Response:
        stated, asking = _if_match(request), _asking(request)
        work = annotations.take_back(result_id, number, if_match=stated, **asking)
        return _stepped(await until_disconnect(request.receive, work))


def _add_reading(router: APIRouter, engine: Engine) -> None:
    annotations = engine.annotations

    @router.get("/{result_id}", **_told("Read an annotation as it stands", AnnotationDocument))
    async def get_annotation(request: Request, result_id: str) -> Response:
        return await _opened(request, annotations.open_document(result_id, **_asking(request)))

    @router.get("/{result_id}/steps", **_told("Read what was ever done to an annotation", StepList))
    async def get_steps(request: Request, result_id: str) -> Response:
        return await _opened(request, annotations.open_steps(result_id, **_asking(request)))

    @router.get("/{result_id}/proposals", **_told("Find where to annotate next", Proposals))
    async def get_proposals(
        request: Request,
        result_id: str,
        budget_percent: _Budget = 5.0,
        analysis: _Analysis = None,
    ) -> Response:
        work = annotations.open_proposals(
            result_id, budget_percent=budget_percent, analysis_id=analysis, **_asking(request)
        )
        return await _opened(request, work)

    @router.get(
        FILE_PATH,
        summary="Read one file of an annotation",
        description=(
            f"One of {ANNOTATIONS.file_names()}, as it stands. Label images have LumenStone codes, "
            "255 where nothing is annotated; `confidence.png` is 255 where it is certain; "
            "`origin.png` is 1 where strokes are and 2 where they have spread to."
        ),
        responses=file_responses(ANNOTATIONS),
        response_class=Response,
    )
    async def get_file(request: Request, result_id: str, artefact: str) -> Response:
        lasting = IMMUTABLE if artefact in _LASTING else REVALIDATED
        work = annotations.open_file(result_id, artefact, **_asking(request))
        return await _opened(request, work, lasting)


def _told(summary: str, model: Any) -> dict[str, Any]:
    """Describe a route that tells of an annotation as it stands."""
    responses: Responses = {
        200: {"model": model, "description": "As it stands."},
        304: {"description": "It stands as it did when If-None-Match was told."},
    }
    return {"summary": summary, "responses": responses, "response_class": Response}


async def _opened(
    request: Request, work: Coroutine[Any, Any, OpenArtefact], lasting: str = REVALIDATED
) -> Response:
    """Answer with what work opens; it ends where the client goes before."""
    return artefact_response(request, await until_disconnect(request.receive, work), lasting)


def _asking(request: Request) -> dict[str, str]:
    return {"tenant": tenant_of(request), "owner": owner_of(request)}


def _if_match(request: Request) -> frozenset[str] | None:
    """Read the entity tags that a client states; None where it states none."""
    stated = request.headers.getlist("if-match")
    if not stated:
        return None
    return frozenset(stated_tags(stated))


def _stepped(done: Stepped) -> Response:
    headers = {"ETag": done.etag, "Cache-Control": "no-store"}
    return Response(done.answer.model_dump_json(), 200, headers, "application/json")
