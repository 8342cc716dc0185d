"""What all routes of kept results have in common: creation, files, and their description."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response, StreamingResponse

from service.engine import Engine, Finished, Kind, OpenArtefact
from service.http_api.disconnection import until_disconnect
from service.http_api.problems import PROBLEM_MEDIA_TYPE, Problem
from service.http_api.upload import REQUEST_PART, Upload, UploadForm, receive_upload

__all__ = [
    "PROBLEM",
    "Responses",
    "add_reading_routes",
    "created_response",
    "root_of",
    "upload_body",
]

Responses = dict[int | str, dict[str, Any]]
RequestT = TypeVar("RequestT", bound=BaseModel)

PROBLEM: Responses = {
    "default": {
        "description": "A problem document (RFC 9457).",
        "content": {PROBLEM_MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}
_CHUNK_BYTES = 1024 * 1024


def root_of(kind: Kind) -> str:
    """Where the results of a kind are."""
    return f"/v1/{kind.folder}"


async def created_response(
    request: Request,
    engine: Engine,
    kind: Kind,
    form: UploadForm[RequestT],
    work: Callable[[Upload[RequestT]], Coroutine[Any, Any, Finished]],
) -> Response:
    """Receive an upload, work on it as long as its client waits, and answer what was made.

    Parameters
    ----------
    request : Request
        Its body was not read yet: a full queue refuses it before.
    engine : Engine
        What works.
    kind : Kind
        What is made.
    form : UploadForm
        What is uploaded.
    work : callable
        From the upload to what was made of it.
    """
    engine.require_ready()
    with engine.admission.place():
        async with receive_upload(request, form, engine.settings) as upload:
            finished = await until_disconnect(request.receive, work(upload))
    location = f"{root_of(kind)}/{finished.result_id}"
    media_type = kind.media_types[kind.document]
    return Response(finished.document, 201, {"Location": location}, media_type)


def add_reading_routes(router: APIRouter, engine: Engine, kind: Kind, model: Any) -> None:
    """Add the routes that read what is kept: its document, and each of its files.

    Parameters
    ----------
    router : APIRouter
        Of the kind, with its prefix.
    engine : Engine
        What keeps it.
    kind : Kind
        What is read.
    model : type
        What the document holds, for the documentation.
    """
    document = {"model": model, "description": f"Content of {kind.document}."}

    @router.get(
        "/{result_id}",
        summary=f"Read {kind.noun}",
        responses={200: document},
        response_class=Response,
    )
    def get_document(request: Request, result_id: str) -> Response:
        return _artefact_response(request, engine.store.open(kind, result_id, kind.document))

    @router.get(
        "/{result_id}/{artefact}",
        summary=f"Read one file of {kind.noun}",
        description=f"One of {kind.file_names()}.",
        responses=_file_responses(kind),
        response_class=Response,
    )
    def get_artefact(request: Request, result_id: str, artefact: str) -> Response:
        return _artefact_response(request, engine.store.open(kind, result_id, artefact))


def _artefact_response(request: Request, artefact: OpenArtefact) -> Response:
    """Answer a file, or 304 if the client has it."""
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


def _file_responses(kind: Kind) -> Responses:
    """Describe the answers to a wish for a file."""
    content: dict[str, Any] = {
        media_type.partition(";")[0]: {} for media_type in kind.possible_media_types()
    }
    return {
        200: {"description": "The file.", "content": content},
        304: {"description": "The file is the one that If-None-Match names."},
    }


def upload_body(form: UploadForm[RequestT]) -> dict[str, Any]:
    """Describe the multipart body of a request for OpenAPI."""
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    properties: dict[str, Any] = {
        part.name: {"type": "array", "items": file, "description": part.what}
        if part.series
        else {**file, "description": part.what}
        for part in form.parts
    }
    properties[REQUEST_PART] = {"$ref": f"#/components/schemas/{form.request.__name__}"}
    schema = {
        "type": "object",
        "required": [part.name for part in form.parts if part.required],
        "properties": properties,
    }
    encoding = {REQUEST_PART: {"contentType": "application/json"}}
    content = {"multipart/form-data": {"schema": schema, "encoding": encoding}}
    return {"requestBody": {"required": True, "content": content}}


def _matches(if_none_match: str, etag: str) -> bool:
    """Weak comparison of RFC 9110 section 13.1.2."""
    candidates = (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))
    return any(candidate in {etag, "*"} for candidate in candidates)


def _chunks(artefact: OpenArtefact) -> Iterator[bytes]:
    with artefact.file as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
