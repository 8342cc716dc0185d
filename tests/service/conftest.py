"""Fixtures for the tests of the service: the catalogue, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from service.catalogue import Catalogue
from tests.databases import fresh_postgresql, sqlite_url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    return fresh_postgresql(request.getfixturevalue("postgresql"))


@pytest.fixture
def catalogue(url: str, open_catalogue: Callable[[str], Catalogue]) -> Catalogue:
    return open_catalogue(url)
