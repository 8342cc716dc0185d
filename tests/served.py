"""The service in a thread of this process, on a free port of this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn

from service.engine import Engine
from service.http_api import create_app
from service.settings import Settings
from service.telemetry import Telemetry

READY_WITHIN_S = 120.0


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve until the end of the block; gives the address when it is ready."""
    app = create_app(Engine(settings, Telemetry()))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield _address(server, thread)
    finally:
        server.should_exit = True
        thread.join(READY_WITHIN_S)


def _address(server: uvicorn.Server, thread: threading.Thread) -> str:
    deadline_s = time.monotonic() + READY_WITHIN_S
    while thread.is_alive() and time.monotonic() < deadline_s:
        if server.started:
            (port,) = {one.getsockname()[1] for one in server.servers[0].sockets}
            address = f"http://127.0.0.1:{port}"
            if httpx.get(f"{address}/readyz").status_code == 200:
                return address
        time.sleep(0.01)
    message = "the service did not become ready"
    raise AssertionError(message)
