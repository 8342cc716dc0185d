"""BentoML around the service: worker processes, packaging, start and drain.

The only module that knows BentoML. What its shell does not do well for this service, and what is
done instead, is in docs/decisions/0002-bentoml-as-shell.md.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import os
import signal
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import bentoml
import psutil
from _bentoml_sdk import Service
from bentoml._internal.log import CLI_LOGGING_CONFIG
from circus.sighandler import SysHandler
from starlette.types import ASGIApp, Receive, Scope, Send

from petrography.errors import ConfigurationError
from service import tracing
from service.engine import Auditing, Engine, guard_of
from service.grpc_api import require_possible, serving_grpc
from service.http_api import create_app
from service.inference import Inference
from service.jobs import callback_keys
from service.logs import configuration as log_configuration
from service.logs import set_up as set_up_logs
from service.repository import open_repository
from service.settings import Settings, read_settings, read_trace_settings
from service.telemetry import Telemetry

__all__ = ["Petroserve", "Shell", "petroserve", "serve"]

# Read by BentoML when it is about to report usage, so it must be set before anything is served.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"


class Shell(Service[Any]):
    """A BentoML service whose every URL is answered by our own application.

    BentoML drives start and stop through the mounted application's lifespan; requests go straight
    to it, past BentoML's own routes and layers.
    """

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """Build the application of one worker process."""
        settings = read_settings()
        set_up_logs(settings.log_format)
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
        self.mount_asgi_app(app)
        shell = super().to_asgi(is_main=is_main)

        async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(signal.SIGHUP, engine.readiness.reload)
            await (shell if scope["type"] == "lifespan" else app)(scope, receive, send)

        return dispatch


class Petroserve:
    """Microscope images of ore and rock in, lab-grade mineralogy out."""


petroserve: Any = bentoml.service(
    name="petroserve",
    service_class=Shell,
)(Petroserve)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was begun.

    Parameters
    ----------
    settings : Settings
        Handed on to the worker processes.

    Raises
    ------
    ConfigurationError
        If models, hardware, certificates or API keys cannot be used, an address cannot be listened
        on, or strangers could come in.
    ModelCardError
        If a model folder is broken.
    """
    settings.require_guarded()
    require_possible(settings)
    read_trace_settings()
    # Set up once more by BentoML when it begins to serve, from this.
    CLI_LOGGING_CONFIG.update(log_configuration(settings.log_format))
    os.environ.update(settings.environment())
    _rehearse(settings)
    _hand_on_hangups()
    with tempfile.TemporaryDirectory(prefix="petroserve-") as home:
        # BentoML empties the metrics folder of its home at every start: a second server with the
        # same home would take away the metrics of the first.
        os.environ["BENTOML_HOME"] = home
        petroserve.config["workers"] = settings.workers
        try:
            petroserve.serve_http(host=settings.host, port=settings.http_port)
        except OSError as error:
            msg = f"cannot listen on {settings.host} port {settings.http_port}: {error}"
            raise ConfigurationError(msg) from error


def _start_tracing(version: str) -> None:
    """Send the spans of this process, if the ``OTEL_*`` variables say where to."""
    if read_trace_settings().is_on:
        # The exporter takes about a tenth of a second to import, and who sends no spans needs none.
        from service.span_export import export_recorder

        tracing.install(export_recorder(version))


def _hand_on_hangups() -> None:
    """Let SIGHUP reach the workers, which then look at the models folder.

    The shell would replace the workers by new ones, and so be without any while those load.
    """
    SysHandler.SIGNALS = [one for one in SysHandler.SIGNALS if one != signal.SIGHUP]

    def hand_on(_signal: int, _frame: object) -> None:
        for worker in psutil.Process().children():
            worker.send_signal(signal.SIGHUP)

    signal.signal(signal.SIGHUP, hand_on)


def _rehearse(settings: Settings) -> None:
    """Open every model once in a process of its own, as a worker will.

    BentoML restarts a worker that cannot start, for ever; what is wrong with models or hardware
    must be found before. The process ends again, so no GPU memory stays with the parent.
    """
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        pool.submit(_open_models, settings).result()


def _open_models(settings: Settings) -> None:
    guard_of(settings)
    Auditing(settings).require_usable()
    callback_keys(settings)
    open_repository(settings)


def _swagger_folder() -> Path:
    """Where BentoML keeps the script and style of its own documentation page."""
    return Path(str(importlib.resources.files("bentoml"))) / "_internal/server/static_content"
