"""``/v1/analyses/{id}/senaite.csv`` and its like: a kept result in the formats of laboratories."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.engine import ANALYSES, Engine
from service.engine.derived_files import LIMS_TABLES, open_file
from service.http_api.access import owner_of
from service.http_api.artefact_response import REVALIDATED, artefact_response
from service.http_api.resources import PROBLEM

__all__ = ["lims_routes"]


def lims_routes(engine: Engine) -> APIRouter:
    """Build the routes; they go before that of the kept files, whose names they share."""
    router = APIRouter(prefix=ANALYSES.href_root, tags=["analyses"], responses=PROBLEM)
    for name, table in LIMS_TABLES.items():
        router.add_api_route(
            f"/{{result_id}}/{name}",
            _table(engine, name),
            name=name,
            summary=f"Read the reported numbers of an analysis, {table.what}",
            description="Written from the newest version of result.json; it must name the sample (`sample.id`).",
            responses={
                200: {"description": "The table.", "content": {"text/csv": {}}},
                206: {
                    "description": "The range of the table that was asked for.",
                    "content": {"text/csv": {}},
                },
                304: {"description": "The table is the one that If-None-Match names."},
            },
            response_class=Response,
        )
    return router


def _table(engine: Engine, name: str) -> Callable[[Request, str], Response]:
    def get_table(request: Request, result_id: str) -> Response:
        opened = open_file(engine.recorded, result_id, name, owner_of(request))
        return artefact_response(request, opened, REVALIDATED)

    return get_table
