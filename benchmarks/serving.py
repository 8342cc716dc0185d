"""A real service in a process of its own, for benchmarks that ask it over the network."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import httpx

__all__ = ["Parts", "Served", "free_port", "serving"]

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 600.0
# Parts of a form: a name of a file or none, and the content.
Parts: TypeAlias = dict[str, tuple[str | None, bytes | str]]


@dataclass(frozen=True)
class Served:
    """A service that is ready."""

    http_port: int
    grpc_port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """Where it speaks HTTP."""
        return f"http://127.0.0.1:{self.http_port}"


@contextlib.contextmanager
def serving(folder: Path, variables: Mapping[str, str], *, root: Path = ROOT) -> Iterator[Served]:
    """Serve a checkout until the end of the block.

    Parameters
    ----------
    folder : Path
        Where the log and the artefacts go.
    variables : mapping of str to str
        Settings beside the ports.
    root : Path
        The checkout. One from before there was gRPC opens no port for it.
    """
    http_port, grpc_port = free_port(), free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "PETROSERVE_ARTEFACTS_FOLDER": str(folder / "artefacts"),
        "PETROSERVE_PROVIDER": "cpu",
        "PETROSERVE_HTTP_PORT": str(http_port),
        "PETROSERVE_GRPC_PORT": str(grpc_port),
        **variables,
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "petroserve", "serve"],
            cwd=root,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        served = Served(http_port, grpc_port, process)
        try:
            _wait_until_ready(served, folder / "log")
            yield served
        finally:
            process.terminate()
            process.wait()


def free_port() -> int:
    """Find a port that nobody listens on."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_until_ready(served: Served, log: Path) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until and served.process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{served.address}/readyz").status_code == 200:
                return
        time.sleep(0.02)
    sys.exit(f"the service did not become ready:\n{log.read_text()}")
