"""The ASGI application: routes, error handlers and the layer around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from petrography.errors import PetroserveError
from service.access import Guard
from service.engine import Engine, guard_of
from service.http_api.access import Access
from service.http_api.analyses_routes import analysis_routes
from service.http_api.annotations_routes import annotation_routes
from service.http_api.calibrations_routes import calibration_routes
from service.http_api.callback_routes import callback_routes
from service.http_api.documentation import DocumentedApp, add_documentation
from service.http_api.estimate_routes import estimate_routes
from service.http_api.evaluations_routes import evaluation_routes
from service.http_api.head_requests import HeadRequests
from service.http_api.health_routes import health_routes
from service.http_api.job_routes import job_routes
from service.http_api.lims_routes import lims_routes
from service.http_api.models_routes import model_routes
from service.http_api.observation import Observation
from service.http_api.open_inference import open_inference_routes
from service.http_api.panoramas_routes import panorama_routes
from service.http_api.problems import (
    parameter_error,
    problem_of_error,
    problem_of_http_exception,
)
from service.http_api.registrations_routes import registration_routes
from service.http_api.root_routes import root_routes
from service.http_api.url_parameters import require_known_parameters
from service.inference import Inference
from service.jobs import Jobs
from service.web import page_routes

__all__ = ["create_app"]

_DESCRIPTION = """Microscope images of ore and rock in, lab-grade mineralogy out.

Errors are problem documents (RFC 9457) with a stable `type`."""


def create_app(
    engine: Engine,
    *,
    inference: Inference | None = None,
    swagger_folder: Path | None = None,
    guard: Guard | None = None,
    beside: Callable[[Jobs], AbstractAsyncContextManager[object]] = nullcontext,
) -> FastAPI:
    """Build the HTTP application of one process.

    Parameters
    ----------
    engine : Engine
        Started and stopped by the application's lifespan.
    inference : Inference, optional
        Shared with other protocols, whose requests its statistics count as well.
    swagger_folder : Path, optional
        Where ``swagger-ui-bundle.js`` and ``swagger-ui.css`` lie, so that ``/docs`` works without
        the internet; without it the page loads them from a public network.
    guard : Guard, optional
        Asked for API keys; without it one of its own, where the settings name a key file.
    beside : callable
        From the jobs to what else is to run while they do: the server of another protocol.

    Returns
    -------
    FastAPI
        The application.
    """

    jobs = Jobs(engine, engine.recorded.catalogue)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with engine.running(), jobs.running(), beside(jobs):
            yield

    app = DocumentedApp(
        title="Petroserve",
        version=engine.version,
        description=_DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    # Routes are tried in this order, and an inference is asked for most often.
    app.include_router(open_inference_routes(engine, inference or Inference(engine)))
    for router in _own_routes(engine, jobs):
        app.include_router(router, dependencies=[Depends(require_known_parameters)])
    # Probes may add what they like.
    app.include_router(health_routes(engine))
    app.include_router(root_routes(engine))
    app.include_router(page_routes())
    add_documentation(app, swagger_folder)

    @app.exception_handler(PetroserveError)
    async def answer_error(request: Request, error: Exception) -> Response:
        engine.telemetry.observe_error(error)
        return problem_of_error(request, error)

    @app.exception_handler(RequestValidationError)
    async def answer_parameters(request: Request, error: Exception) -> Response:
        refused = parameter_error(error)
        engine.telemetry.observe_error(refused)
        return problem_of_error(request, refused)

    @app.exception_handler(HTTPException)
    async def answer_refusal(request: Request, error: HTTPException) -> Response:
        engine.telemetry.observe_error(error)
        return problem_of_http_exception(request, error)

    if guard is None:
        guard = guard_of(engine.settings)
    if guard is not None:
        app.add_middleware(Access, guard=guard)
    app.add_middleware(Observation, telemetry=engine.telemetry)
    app.add_middleware(HeadRequests)
    return app


def _own_routes(engine: Engine, jobs: Jobs) -> tuple[APIRouter, ...]:
    """Build what is below ``/v1``."""
    return (
        job_routes(jobs, engine),
        callback_routes(jobs),
        lims_routes(engine),
        analysis_routes(engine, jobs),
        estimate_routes(engine),
        calibration_routes(engine),
        registration_routes(engine),
        panorama_routes(engine, jobs),
        evaluation_routes(engine),
        annotation_routes(engine),
        model_routes(engine),
    )
