"""``/web/{name}``, and the page itself for whoever answers ``/``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.entity_tags import is_known
from service.web.page_files import INDEX, PageFile, page_files

__all__ = ["page_response", "page_routes"]

# Everything from here, nothing inline: text of a service or of a file name that would be markup
# stays text, and `require-trusted-types-for` keeps the page's own scripts from parsing any.
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Names stay the same over versions of the service: asked for anew, answered 304.
    "Cache-Control": "no-cache",
}


def page_routes() -> APIRouter:
    """Build the route of the files that the page names, relative to itself."""
    router = APIRouter()

    @router.get("/web/{name}", include_in_schema=False)
    def get_page_file(request: Request, name: str) -> Response:
        file = page_files().get(name)
        if file is None or name == INDEX:
            raise HTTPException(404)
        return _answer(request, file)

    return router


def page_response(request: Request) -> Response:
    """Answer the page at an address that answers other clients with JSON."""
    response = _answer(request, page_files()[INDEX])
    response.headers["Vary"] = "Accept"
    return response


def _answer(request: Request, file: PageFile) -> Response:
    headers = {**_HEADERS, "ETag": file.etag}
    if is_known(request.headers.getlist("if-none-match"), {file.etag}):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers={**headers, "Content-Type": file.media_type})
