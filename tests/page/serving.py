"""The service as people start it: one process has one queue of jobs, and several are needed here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.started import free_port, started, wait_until_ready
from tests.tiny_model import write_model

_SERVE = """
from service.bento import serve
from service.settings import read_settings

serve(read_settings())
"""


@contextmanager
def serving(folder: Path, **variables: str) -> Iterator[str]:
    """Serve the tiny model from an empty folder; gives the address."""
    write_model(folder / "models")
    (folder / "home").mkdir()
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "PETROSERVE_MODELS_FOLDER": str(folder / "models"),
        "PETROSERVE_ARTEFACTS_FOLDER": str(folder / "artefacts"),
        "PETROSERVE_PROVIDER": "cpu",
        "PETROSERVE_THREADS": "1",
        "PETROSERVE_HTTP_PORT": str(port),
        "PETROSERVE_GRPC_PORT": str(free_port()),
        **variables,
    }
    log = folder / "log.txt"
    with started([sys.executable, "-c", _SERVE], environment, log) as process:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address, process, log)
        yield address
