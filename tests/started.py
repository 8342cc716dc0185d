"""The service in a process of its own, as people start it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest

START_WITHIN_S, STOP_WITHIN_S = 120.0, 60.0


# Below those that systems give to whoever asks for any: a connection of another test could have such
# a port before the server that it was meant for, or while that is started again.
_PORTS = range(20_000, 32_000)
_SIDE_BY_SIDE = 16
_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on, and that tests beside this one are not given."""
    beside = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _SIDE_BY_SIDE
    while True:
        port = random.choice(_PORTS[beside::_SIDE_BY_SIDE])
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


def without_settings() -> dict[str, str]:
    """The environment of the tests, in which nothing sets anything of this project or of Ray."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PETROSERVE_", "RAY_"))
    }


@contextlib.contextmanager
def started(
    command: Sequence[str], variables: Mapping[str, str], log: Path, folder: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server for the length of the block; whatever happens, it is gone afterwards."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(STOP_WITHIN_S)


def wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask until the models are warm."""
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        time.sleep(0.05)
    pytest.fail(f"not ready within {START_WITHIN_S} s:\n{log.read_text()}")
