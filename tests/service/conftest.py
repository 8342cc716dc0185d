"""Fixtures for the tests of the service: the catalogue on SQLite and on a real PostgreSQL, and a
service that keeps its results in a folder and in a bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from service.catalogue import Catalogue
from service.engine import Engine
from tests.databases import fresh_postgresql, sqlite_url
from tests.http_service import running_service, settings_for


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return fresh_postgresql(request.getfixturevalue("postgresql"))


@pytest.fixture
def catalogue(url: str, open_catalogue: Callable[[str], Catalogue]) -> Catalogue:
    return open_catalogue(url)


@pytest.fixture(params=["folder", "bucket"])
async def service(
    request: pytest.FixtureRequest, model_folder: Path, tmp_path: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, Engine]]:
    url = (tmp_path / "bucket").as_uri() if request.param == "bucket" else None
    settings = settings_for(model_folder, tmp_path / "kept", artefacts_url=url)
    async with running_service(settings) as running:
        yield running
