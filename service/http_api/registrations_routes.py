"""``/v1/registrations``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.engine import REGISTRATIONS, Engine, Finished, Registration, RegistrationRequest
from service.http_api.access import owner_of
from service.http_api.forms import REGISTRATION
from service.http_api.resources import (
    PROBLEM,
    add_reading_routes,
    created_response,
    received,
    root_of,
    upload_body,
)
from service.http_api.upload import Upload

__all__ = ["registration_routes"]


def registration_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/registrations``."""
    router = APIRouter(prefix=root_of(REGISTRATIONS), tags=["registrations"], responses=PROBLEM)

    @router.post(
        "",
        status_code=201,
        summary="Lay views of one place over each other",
        description=(
            "By what the images show, to a fraction of a pixel; a view that does not fit with "
            "certainty is an error. Every view comes back as a PNG that lies over the reference."
        ),
        responses={201: {"model": Registration, "description": "The registration."}},
        response_class=Response,
        openapi_extra=upload_body(REGISTRATION),
    )
    async def post_registration(request: Request) -> Response:
        def work(upload: Upload[RegistrationRequest]) -> Coroutine[Any, Any, Finished]:
            (reference,) = upload.files["reference"]
            return engine.register(
                reference, upload.files["view"], upload.request, owner=owner_of(request)
            )

        return created_response(REGISTRATIONS, await received(request, engine, REGISTRATION, work))

    add_reading_routes(router, engine, REGISTRATIONS, Registration)
    return router
