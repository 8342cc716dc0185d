"""What all routes of kept results have in common: creation, files, and their description."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import Response

from service.engine import Engine, Finished, Kind, OpenArtefact
from service.http_api.access import owner_of
from service.http_api.artefact_response import artefact_response
from service.http_api.disconnection import until_disconnect
from service.http_api.idempotency import require_no_key
from service.http_api.problems import PROBLEM_MEDIA_TYPE, problem_schema
from service.http_api.upload import REQUEST_PART, Upload, UploadForm, receive_upload
from service.http_api.urgency import tenant_of

__all__ = [
    "FILE_PATH",
    "PROBLEM",
    "Making",
    "Responses",
    "add_file_route",
    "add_reading_routes",
    "created_response",
    "file_responses",
    "json_body",
    "received",
    "receiving",
    "result_routes",
    "upload_body",
]

Responses = dict[int | str, dict[str, Any]]
RequestT = TypeVar("RequestT", bound=BaseModel)
T = TypeVar("T")


class _FileName(StringConvertor):
    """A name of the last part of an address, but for those that are posted to only.

    Else `GET` of one of them would be a wish for a file, and not a wrong method.
    """

    name = "file_name"
    regex = r"(?!corrections$)[^/]+"


register_url_convertor(_FileName.name, _FileName())
FILE_PATH = f"/{{result_id}}/{{artefact:{_FileName.name}}}"

PROBLEM: Responses = {
    "default": {
        "description": "A problem document (RFC 9457).",
        "content": {PROBLEM_MEDIA_TYPE: {"schema": problem_schema()}},
    }
}


async def received(
    request: Request,
    engine: Engine,
    form: UploadForm[RequestT],
    work: Callable[[Upload[RequestT]], Coroutine[Any, Any, T]],
) -> T:
    """Receive an upload and work on it as long as its client waits.

    Parameters
    ----------
    request : Request
        Its body was not read yet: a full queue refuses it before.
    engine : Engine
        What works.
    form : UploadForm
        What is uploaded.
    work : callable
        From the upload to what is made of it.
    """
    async with receiving(request, engine, form) as upload:
        return await until_disconnect(request.receive, work(upload))


@asynccontextmanager
async def receiving(
    request: Request, engine: Engine, form: UploadForm[RequestT]
) -> AsyncIterator[Upload[RequestT]]:
    """Receive an upload, which has its place in the queue until the end of the block.

    Parameters
    ----------
    request, engine, form
        As for `received`.
    """
    engine.require_ready()
    with engine.admission.place(tenant_of(request)):
        async with receive_upload(request, form, engine.settings) as upload:
            yield upload


@dataclass(frozen=True)
class Making(Generic[RequestT]):
    """How results of a kind are made while their client waits.

    Attributes
    ----------
    kind : Kind
        What is made.
    form : UploadForm
        What is uploaded for it.
    document : type
        What its document holds, for the documentation.
    summary, description : str
        Of the route.
    """

    kind: Kind
    form: UploadForm[RequestT]
    document: Any
    summary: str
    description: str


def result_routes(
    engine: Engine,
    making: Making[RequestT],
    work: Callable[[Request, Upload[RequestT]], Coroutine[Any, Any, Finished]],
) -> APIRouter:
    """Build the routes that make results of a kind and read them.

    Parameters
    ----------
    engine : Engine
        What works and keeps.
    making : Making
        What is made.
    work : callable
        From a request and its upload to what is made of it.
    """
    kind = making.kind
    router = APIRouter(prefix=kind.href_root, tags=[kind.folder], responses=PROBLEM)
    answer = {"model": making.document, "description": f"{kind.noun.capitalize()}."}

    @router.post(
        "",
        name=f"post_{kind.noun.rpartition(' ')[2]}",
        status_code=201,
        summary=making.summary,
        description=making.description,
        responses={201: answer},
        response_class=Response,
        openapi_extra=upload_body(making.form),
    )
    async def post(request: Request) -> Response:
        require_no_key(request)
        finished = await received(request, engine, making.form, partial(work, request))
        return created_response(kind, finished)

    add_reading_routes(router, engine, kind, making.document)
    return router


def created_response(kind: Kind, finished: Finished) -> Response:
    """Answer what was made: 201 with its document and its place."""
    location = f"{kind.href_root}/{finished.result_id}"
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
        opened = engine.store.open(kind, result_id, kind.document, owner_of(request))
        return artefact_response(request, opened)

    add_file_route(router, kind, partial(engine.store.open, kind))


def add_file_route(
    router: APIRouter, kind: Kind, open_file: Callable[[str, str, str], OpenArtefact]
) -> None:
    """Add the route that reads the files of what is kept.

    Parameters
    ----------
    router, kind
        As for `add_reading_routes`.
    open_file : callable
        From id, name and owner to the open file.
    """

    @router.get(
        FILE_PATH,
        summary=f"Read one file of {kind.noun}",
        description=(
            f"One of {kind.file_names()}. One range of bytes can be asked for (`Range`); text is "
            "compressed for who takes gzip."
        ),
        responses=file_responses(kind),
        response_class=Response,
    )
    def get_artefact(request: Request, result_id: str, artefact: str) -> Response:
        return artefact_response(request, open_file(result_id, artefact, owner_of(request)))


def file_responses(kind: Kind) -> Responses:
    """Describe the answers to a wish for a file."""
    content: dict[str, Any] = {
        media_type.partition(";")[0]: {} for media_type in kind.possible_media_types()
    }
    return {
        200: {"description": "The file.", "content": content},
        206: {"description": "The range of the file that was asked for.", "content": content},
        304: {"description": "The file is the one that If-None-Match names."},
    }


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """Describe the body of a request that is JSON and nothing else for OpenAPI."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


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
