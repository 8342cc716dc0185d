"""``/v1/registrations``."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from fastapi import APIRouter, Request

from service.engine import REGISTRATIONS, Engine, Finished, Registration, RegistrationRequest
from service.http_api.access import owner_of
from service.http_api.forms import REGISTRATION
from service.http_api.resources import Making, result_routes
from service.http_api.upload import Upload
from service.http_api.urgency import tenant_of

__all__ = ["registration_routes"]

_REGISTERING = Making(
    REGISTRATIONS,
    REGISTRATION,
    Registration,
    "Lay views of one place over each other",
    "By what the images show, to a fraction of a pixel; a view that does not fit with certainty is "
    "an error. Every view comes back as a PNG that lies over the reference.",
)


def registration_routes(engine: Engine) -> APIRouter:
    """Build the routes under ``/v1/registrations``."""

    def register(
        request: Request, upload: Upload[RegistrationRequest]
    ) -> Coroutine[Any, Any, Finished]:
        (reference,) = upload.files["reference"]
        return engine.imaging.register(
            reference,
            upload.files["view"],
            upload.request,
            tenant=tenant_of(request),
            owner=owner_of(request),
        )

    return result_routes(engine, _REGISTERING, register)
