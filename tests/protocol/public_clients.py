"""The environment of the public clients, and a real server for them to speak to."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray

from service.engine import Engine
from service.http_api import create_app
from service.settings import Settings
from service.telemetry import Telemetry

__all__ = ["needs_clients", "run_client", "serving_http", "write_case"]

ROOT = Path(__file__).resolve().parents[2]
INTERPRETER = ROOT / ".venv-clients" / "bin" / "python"
SCRIPTS = Path(__file__).parent / "clients"
WITHIN_S = 120.0

needs_clients = pytest.mark.skipif(
    not INTERPRETER.exists(), reason="the public clients are not there; `make clients` brings them"
)


@asynccontextmanager
async def serving_http(settings: Settings) -> AsyncIterator[str]:
    """Serve on a free port of this machine for the length of the block; give its address."""
    app = create_app(Engine(settings, Telemetry()))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(WITHIN_S):
            while not server.started:
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


async def run_client(script: str, *arguments: object) -> list[str]:
    """Run a script in the environment of the clients; the lines that it printed."""
    process = await asyncio.create_subprocess_exec(
        INTERPRETER, SCRIPTS / script, *map(str, arguments),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(WITHIN_S):
        printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    return printed.decode().splitlines()


def write_case(
    path: Path,
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    confidence: NDArray[np.uint8],
) -> Path:
    """Write what the clients send, and what they are to receive."""
    np.savez(path, image=image, labels=labels, confidence=confidence)
    return path
