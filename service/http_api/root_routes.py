"""``/``: what is here, for who has only the address."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from service.engine import Engine
from service.http_api.resources import PROBLEM, Responses
from service.web import page_response

__all__ = ["root_routes"]

# Relative, so that they also lead somewhere behind a proxy that adds a prefix.
_LINKS = {
    "documentation": "docs",
    "openapi": "openapi.json",
    "analyses": "v1/analyses",
    "models": "v1/models",
    "open_inference": "v2",
    "alive": "livez",
    "ready": "readyz",
    "metrics": "metrics",
}
# RFC 9110 section 12.4.2.
_WEIGHT = re.compile(r"(?:^|;)[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*(?:;|$)")
_ANSWER: Responses = {
    200: {
        "description": "What is here as JSON or, for who asks for text/html, the web page.",
        "content": {"text/html": {}},
    },
    304: {"description": "The page is the one that If-None-Match names."},
}


class Root(BaseModel):
    """What is here."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    name: str
    """Of the software."""
    version: str
    """Of the software."""
    links: dict[str, str]
    """Where to go from here, relative to this address."""


def root_routes(engine: Engine) -> APIRouter:
    """Build ``/``."""
    router = APIRouter(tags=["health"], responses=PROBLEM)

    @router.get(
        "/",
        summary="What is here",
        response_model=Root,
        responses=_ANSWER,
        response_class=JSONResponse,
    )
    def get_root(request: Request) -> Response:
        if _wants_page(",".join(request.headers.getlist("accept"))):
            return page_response(request)
        root = Root(name="petroserve", version=engine.version, links=_LINKS)
        headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
        return JSONResponse(root.model_dump(), headers=headers)

    return router


def _wants_page(accept: str) -> bool:
    """Whether a client names HTML, and JSON not at all, with less weight, or after it."""
    weights: dict[str, float] = {}
    for one in accept.lower().split(","):
        media_type, _, parameters = one.partition(";")
        stated = _WEIGHT.search(parameters)
        weights.setdefault(media_type.strip(), float(stated[1]) if stated else 1.0)
    named = [name for name in weights if name in {"text/html", "application/json"}]
    # Of equal weights the first is the greatest.
    return (
        max(named, key=weights.__getitem__, default="") == "text/html" and weights["text/html"] > 0
    )
