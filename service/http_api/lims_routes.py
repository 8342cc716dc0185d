"""``/v1/analyses/{id}/senaite.csv`` and its like: a kept result in the formats of laboratories."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from petrography.report import Result
from service.engine import ANALYSES, Engine, open_version
from service.http_api.access import owner_of
from service.http_api.resources import PROBLEM, root_of
from service.lims import long_csv, two_dimension_csv, wide_csv

__all__ = ["lims_routes"]

_CSV = "text/csv; charset=utf-8"
_FORMATS: dict[str, tuple[Callable[[Sequence[Result]], str], str]] = {
    "senaite.csv": (two_dimension_csv, "for SENAITE's importer, 2-Dimensional-CSV"),
    "edd-long.csv": (long_csv, "one number a line, with uncertainty and limits"),
    "edd-wide.csv": (wide_csv, "one line"),
}


def lims_routes(engine: Engine) -> APIRouter:
    """Build the routes; they go before that of the kept files, whose names they share."""
    router = APIRouter(prefix=root_of(ANALYSES), tags=["analyses"], responses=PROBLEM)
    for name, (write, what) in _FORMATS.items():
        router.add_api_route(
            f"/{{result_id}}/{name}",
            _written(engine, write),
            name=name,
            summary=f"Read the reported numbers of an analysis, {what}",
            description="Written from the newest version of result.json; it must name the sample (`sample.id`).",
            responses={200: {"description": "The table.", "content": {"text/csv": {}}}},
            response_class=Response,
        )
    return router


def _written(
    engine: Engine, write: Callable[[Sequence[Result]], str]
) -> Callable[[Request, str], Response]:
    def get_table(request: Request, result_id: str) -> Response:
        with open_version(engine.store, result_id, owner_of(request)).file as file:
            result = Result.model_validate_json(file.read())
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
        return Response(write([result]), headers=headers, media_type=_CSV)

    return get_table
