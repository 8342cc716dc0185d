"""The service that BentoML is given, and the process that supervises its workers."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import bentoml
from _bentoml_sdk import Service
from bentoml._internal.log import CLI_LOGGING_CONFIG
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from petrography.errors import ConfigurationError
from service.bento.orphaned_worker import end_with_supervisor
from service.bento.supervisor_commands import take_no_commands
from service.bento.supervisor_signals import take_signals
from service.first_start import FirstStart
from service.logs import configuration as log_configuration
from service.logs import set_up as set_up_logs
from service.serving_folder import hold, serving_folder
from service.settings import Settings, read_settings, read_trace_settings, unknown_variables

if TYPE_CHECKING:
    from service.engine import Readiness

__all__ = ["Petroserve", "Shell", "petroserve", "serve"]

# Read by BentoML when it is about to report usage, so it must be set before anything is served.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
# Here, so that it holds for a supervisor that BentoML's own command starts, too.
take_no_commands()
_log = logging.getLogger("petroserve.settings")


class Shell(Service[Any]):
    """A BentoML service whose every URL is answered by our own application.

    BentoML drives start and stop through the mounted application's lifespan; requests go straight
    to it, past BentoML's own routes and layers.
    """

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        """Build the application of one worker process."""
        settings = read_settings()
        end_with_supervisor(settings.supervisor_pid)
        if settings.start_folder is not None:
            hold(settings.start_folder)
        first_start = FirstStart(settings.start_folder, settings.supervisor_pid)
        with first_start.watched():
            # Seconds of imports, which the supervisor can do without. They make only what stays:
            # looking for garbage among it would take a sixth of the time, and again later.
            gc.disable()
            from service.bento.worker import application

            gc.freeze()
            gc.enable()

            set_up_logs(settings.log_format)
            for told in unknown_variables():
                _log.warning("%s", told)
            app, readiness = application(settings)
            self.mount_asgi_app(app)
            shell = super().to_asgi(is_main=is_main)

        async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await _live(shell, first_start, readiness, (scope, receive, send))
            else:
                await app(scope, receive, send)

        return dispatch


async def _live(
    shell: ASGIApp,
    first_start: FirstStart,
    readiness: Readiness,
    call: tuple[Scope, Receive, Send],
) -> None:
    """Start and stop the application, and tell the supervisor how the start went."""
    scope, receive, send = call

    async def told(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            first_start.succeeded()
        # A stack of calls says nothing to who starts a service; what was wrong is told below.
        await send({"type": message["type"]})

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, readiness.reload)
    _listen_for_the_end(readiness.tell_to_stop)
    try:
        await shell(scope, receive, told)
    except Exception as error:
        first_start.failed(error)
        raise


def _listen_for_the_end(tell: Callable[[], None]) -> None:
    """Be told of a stop when the server is: it tells its application after the last answer only."""
    for number in (signal.SIGTERM, signal.SIGINT):
        servers = signal.getsignal(number)

        def told(given: int, frame: FrameType | None, servers: Any = servers) -> None:
            tell()
            if callable(servers):
                servers(given, frame)

        signal.signal(number, told)


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
        If models, hardware, certificates, database or API keys cannot be used, an address cannot be
        listened on, or strangers could come in.
    """
    settings.require_guarded()
    _require_free(settings.host, settings.grpc_port)
    read_trace_settings()
    # Set up once more by BentoML when it begins to serve, from this.
    CLI_LOGGING_CONFIG.update(log_configuration(settings.log_format))
    take_signals()
    with serving_folder() as home:
        # BentoML empties the metrics folder of its home at every start: a second server with the
        # same home would take away the metrics of the first.
        os.environ["BENTOML_HOME"] = str(home)
        told = {"start_folder": home, "supervisor_pid": os.getpid()}
        handed_on = settings.model_copy(update=told)
        os.environ.update(handed_on.environment())
        petroserve.config["workers"] = settings.workers
        try:
            petroserve.serve_http(host=settings.host, port=settings.http_port)
        except OSError as error:
            msg = f"cannot listen on {settings.host} port {settings.http_port}: {error}"
            raise ConfigurationError(msg) from error
        FirstStart(home).require_succeeded()


def _require_free(host: str, grpc_port: int) -> None:
    """Check the port of gRPC before workers share it, one of which could not tell who has it."""
    if grpc_port == 0:
        return
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            # What an ended server leaves behind for a minute is no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, grpc_port))
    except OSError as error:
        msg = f"gRPC cannot listen on {host} port {grpc_port}: {error}"
        raise ConfigurationError(msg) from None
