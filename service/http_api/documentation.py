"""``/openapi.json`` and ``/docs``, the same as a page."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from service.http_api.access import SECURITY_SCHEMES
from service.http_api.forms import REQUEST_MODELS
from service.http_api.open_inference import InferRequest

__all__ = ["DocumentedApp", "add_documentation"]

_ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}


class DocumentedApp(FastAPI):
    """FastAPI with the schemas of the multipart parts that it does not parse itself."""

    def openapi(self) -> dict[str, Any]:
        """Build the OpenAPI document once."""
        if self.openapi_schema is None:
            components = super().openapi().setdefault("components", {})
            # Asked for where the operator has set keys; without keys a client may still send one.
            components["securitySchemes"] = SECURITY_SCHEMES
            super().openapi()["security"] = [{}, *({name: []} for name in SECURITY_SCHEMES)]
            schemas = components.setdefault("schemas", {})
            for model in (*REQUEST_MODELS, InferRequest):
                request = model.model_json_schema(ref_template="#/components/schemas/{model}")
                for name, schema in request.pop("$defs", {}).items():
                    schemas.setdefault(name, schema)
                schemas[model.__name__] = request
        return super().openapi()


def add_documentation(app: FastAPI, swagger_folder: Path | None) -> None:
    """Add ``/openapi.json`` and ``/docs`` to an application.

    Parameters
    ----------
    app : FastAPI
        The application.
    swagger_folder : Path or None
        Where the page's script and style lie; None: they come from a public network.
    """
    local = swagger_folder is not None and all(
        (swagger_folder / name).is_file() for name in _ASSETS
    )
    page = functools.partial(
        get_swagger_ui_html,
        # Relative URLs, so that the page also works behind a proxy that adds a prefix.
        openapi_url="openapi.json",
        title="Petroserve",
        swagger_favicon_url="data:,",
    )
    if local:
        page = functools.partial(
            page,
            swagger_js_url="docs/swagger-ui-bundle.js",
            swagger_css_url="docs/swagger-ui.css",
        )

    # FastAPI's own route for it has no name in the metrics.
    @app.get("/openapi.json", include_in_schema=False)
    def get_openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get("/docs", include_in_schema=False)
    def get_docs() -> HTMLResponse:
        return page()

    @app.get("/docs/{asset}", include_in_schema=False)
    def get_asset(asset: str) -> Response:
        if swagger_folder is None or not local or asset not in _ASSETS:
            raise HTTPException(404)
        return FileResponse(swagger_folder / asset, media_type=_ASSETS[asset])
