"""A service with small limits, for those who want to exceed them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.engine import Engine
from tests.hostile.refusals import (
    MAX_IMAGE_BYTES,
    MAX_REQUEST_BYTES,
    MAX_SERIES_BYTES,
    MAX_VIEWS,
)
from tests.http_service import running_service, settings_for


@pytest.fixture
async def service(
    model_folder: Path, tmp_path: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, Engine]]:
    limits = settings_for(
        model_folder,
        tmp_path / "artefacts",
        max_image_bytes=MAX_IMAGE_BYTES,
        max_request_bytes=MAX_REQUEST_BYTES,
        max_fields=MAX_VIEWS,
        max_series_bytes=MAX_SERIES_BYTES,
        max_image_pixels=100_000,
    )
    async with running_service(limits) as running:
        yield running


@pytest.fixture
def client(service: tuple[httpx.AsyncClient, Engine]) -> httpx.AsyncClient:
    return service[0]
