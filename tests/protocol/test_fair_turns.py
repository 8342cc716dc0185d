"""Without API keys the addresses of clients take turns, whatever they ask for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from petrography.phantoms import section_fields
from service.audit import entries_of
from service.engine import Engine
from tests.http_service import png, running_service, settings_for
from tests.tiny_model import TILE_PX, paint

pytestmark = pytest.mark.anyio

WITHIN_S = 60.0
FIRST, SECOND = (
    png(one.image)
    for one in section_fields("S2", 3, 1, 2, height_px=200, width_px=260, overlap=0.3).fields
)
PAINTED = png(paint(np.zeros((TILE_PX, TILE_PX), dtype=np.intp)))
LABELS = png(np.ones((8, 8), dtype=np.uint8))
Files = list[tuple[str, tuple[str, bytes]]]
BODIES: dict[str, Files] = {
    "analyses": [("image", ("a.png", PAINTED))],
    "calibrations": [("image", ("a.png", FIRST))],
    "registrations": [("reference", ("a.png", FIRST)), ("view", ("b.png", FIRST))],
    "panoramas": [("field", ("a.png", FIRST)), ("field", ("b.png", SECOND))],
    "evaluations": [("truth", ("a.png", LABELS)), ("prediction", ("b.png", LABELS))],
    "annotations": [("image", ("a.png", PAINTED))],
}


@pytest.fixture
async def service(
    model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> AsyncIterator[tuple[httpx.AsyncClient, Engine]]:
    """A service without keys that works on one thing at a time."""
    settings = settings_for(
        model_folder, tmp_path / "kept", concurrent_analyses=1, concurrent_interactive=0
    )
    async with running_service(settings) as running:
        yield running


def at_address(client: httpx.AsyncClient, address: str) -> httpx.AsyncClient:
    """A client of the same service with an address of its own."""
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    there = httpx.ASGITransport(transport.app, client=(address, 40000))
    return httpx.AsyncClient(transport=there, base_url=client.base_url)


async def posted(client: httpx.AsyncClient, kind: str, number: int) -> str:
    """Ask for one result of a kind; returns its id, which is another for every number."""
    asked: dict[str, Any] = {}
    if kind == "calibrations":
        asked = {"white_rgb": [200.0 + number, 190.0, 180.0]}
    data = {"request": json.dumps(asked)}
    response = await client.post(f"/v1/{kind}", files=BODIES[kind], data=data)
    assert response.status_code == 201, response.text
    return response.headers["location"].rpartition("/")[2]


@pytest.mark.parametrize("kind", BODIES)
async def test_an_address_does_not_wait_for_all_that_another_asked_before(
    service: tuple[httpx.AsyncClient, Engine], kind: str
) -> None:
    client, engine = service
    async with at_address(client, "192.0.2.1") as many, at_address(client, "192.0.2.2") as few:
        tasks: list[asyncio.Task[str]] = []
        async with engine.admission.turn("bulk", 0.0, "another"):
            for number, one in enumerate((many, many, many, few)):
                # Everyone who waits is thought to take a while, who has the turn nothing.
                before_s = engine.admission.expected_wait_s("bulk")
                tasks.append(asyncio.create_task(posted(one, kind, number)))
                async with asyncio.timeout(WITHIN_S):
                    while engine.admission.expected_wait_s("bulk") <= before_s:
                        await asyncio.sleep(0.005)
        ids = await asyncio.gather(*tasks)

    made = [entry.subject for entry in entries_of(engine.settings.audit_log_folder)]
    assert sorted(range(4), key=lambda number: made.index(ids[number])) == [0, 3, 1, 2]
