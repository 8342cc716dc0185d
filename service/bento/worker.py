"""What one worker process runs: both protocols over one engine."""

from __future__ import annotations

import importlib.resources
from functools import partial
from pathlib import Path

import psutil
from starlette.types import ASGIApp

from service import tracing
from service.engine import Engine, Readiness, guard_of
from service.grpc_api import serving_grpc
from service.http_api import create_app
from service.http_api.request_heads import bound_heads
from service.inference import Inference
from service.settings import Settings, read_trace_settings
from service.telemetry import Telemetry

__all__ = ["application"]


def application(settings: Settings) -> tuple[ASGIApp, Readiness]:
    """Make the application of one worker; its lifespan loads the models and speaks gRPC.

    Parameters
    ----------
    settings : Settings
        Its settings.

    Returns
    -------
    application : ASGI application
        Answers every URL.
    readiness : Readiness
        Is told of the signals that the process gets.

    Raises
    ------
    ConfigurationError
        If it cannot be served like this, or strangers could come in.
    """
    _require_guarded(settings)
    bound_heads(settings)
    engine = Engine(settings, Telemetry(settings.prometheus_multiproc_dir))
    _start_tracing(engine.version)
    guard = guard_of(settings)
    inference = Inference(engine)
    app = create_app(
        engine,
        inference=inference,
        swagger_folder=_swagger_folder(),
        guard=guard,
        beside=partial(serving_grpc, engine, guard=guard, inference=inference),
    )
    return app, engine.readiness


def _require_guarded(settings: Settings) -> None:
    """Check that strangers are kept out of every address that this process was given.

    BentoML's own command listens where its options say, of which the settings know nothing.
    """
    for connection in psutil.Process().net_connections("inet"):
        if connection.status == psutil.CONN_LISTEN:
            settings.model_copy(update={"host": connection.laddr.ip}).require_guarded()


def _start_tracing(version: str) -> None:
    """Send the spans of this process, if the ``OTEL_*`` variables say where to."""
    if read_trace_settings().is_on:
        # The exporter takes about a tenth of a second to import, and who sends no spans needs none.
        from service.span_export import export_recorder

        tracing.install(export_recorder(version))


def _swagger_folder() -> Path:
    """Where BentoML keeps the script and style of its own documentation page."""
    return Path(str(importlib.resources.files("bentoml"))) / "_internal/server/static_content"
