"""BentoML around the service: worker processes, packaging, start and drain.

The only module that knows BentoML. What its shell does not do well for this service, and what is
done instead, is in docs/decisions/0002-bentoml-as-shell.md.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import logging
import os
import signal
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import bentoml
import psutil
from _bentoml_sdk import Service
from circus.sighandler import SysHandler
from starlette.types import ASGIApp, Receive, Scope, Send

from petrography.errors import ConfigurationError
from service.access import read_key_file
from service.engine import Engine
from service.http_api import create_app
from service.repository import open_repository
from service.settings import Settings, read_settings
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
        logging.getLogger("petroserve").setLevel(logging.INFO)
        settings = read_settings()
        engine = Engine(settings, Telemetry(settings.prometheus_multiproc_dir))
        app = create_app(engine, swagger_folder=_swagger_folder())
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
        If models, hardware or API keys cannot be used, the address cannot be listened on, or
        strangers could come in.
    ModelCardError
        If a model folder is broken.
    """
    settings.require_guarded()
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
    if settings.api_keys is not None:
        read_key_file(settings.api_keys)
    open_repository(settings)


def _swagger_folder() -> Path:
    """Where BentoML keeps the script and style of its own documentation page."""
    return Path(str(importlib.resources.files("bentoml"))) / "_internal/server/static_content"
