"""API keys over HTTP."""

from __future__ import annotations

import datetime as dt
import logging
from contextlib import ExitStack
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.access import create_key, empty_key_file, write_key_file
from tests.http_service import png, running_service, settings_for
from tests.tiny_model import CODES, paint, write_model

NOW = dt.datetime.now(dt.UTC)
FIELD = png(paint(np.random.default_rng(3).integers(0, len(CODES), (40, 50))))


pytestmark = pytest.mark.anyio


async def test_the_key_decides_what_is_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_model(tmp_path / "models")
    content, all_allowed = create_key(
        empty_key_file(), tenant="lab", scopes=["read", "analyse"], now=NOW
    )
    content, reading = create_key(content, tenant="lab", scopes=["read"], now=NOW)
    content, once = create_key(
        content, tenant="lab", scopes=["read"], now=NOW, requests_per_minute=1
    )
    write_key_file(tmp_path / "keys.json", content)
    settings = settings_for(
        tmp_path / "models", tmp_path / "artefacts", api_keys=tmp_path / "keys.json"
    )
    caplog.set_level(logging.INFO, "petroserve.http")
    async with running_service(settings) as (client, _):
        for path in ("/", "/livez", "/readyz", "/metrics", "/openapi.json", "/docs"):
            assert (await client.get(path)).status_code == 200

        refused = await client.post("/v1/analyses", files={"image": FIELD})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["type"] == "urn:petroserve:problem:unauthenticated"
        assert (await client.get("/v1/nowhere")).status_code == 401

        bearer = {"Authorization": f"bearer {all_allowed}"}
        made = await client.post("/v1/analyses", files={"image": FIELD}, headers=bearer)
        assert made.status_code == 201

        only_reading = {"X-API-Key": reading}
        read = await client.get(made.headers["location"], headers=only_reading)
        assert read.status_code == 200
        assert (await client.head("/v1/models", headers=only_reading)).status_code == 200
        forbidden = await client.post("/v1/analyses", files={"image": FIELD}, headers=only_reading)
        assert forbidden.status_code == 403
        assert "scope analyse" in forbidden.json()["detail"]

        assert (await client.get("/v1/models", headers={"X-API-Key": once})).status_code == 200
        limited = await client.get("/v1/models", headers={"X-API-Key": once})
        assert limited.status_code == 429
        assert 1 <= int(limited.headers["retry-after"]) <= 60

        document = (await client.get("/openapi.json")).json()
        assert set(document["components"]["securitySchemes"]) == {"bearer", "header"}
    assert f"lab/{content.keys[0].id}" in caplog.text
    assert all_allowed.split("_", 2)[2] not in caplog.text


async def test_several_keys_are_refused_and_not_repeated(
    model_folder: Path, tmp_path: Path
) -> None:
    content, allowed = create_key(empty_key_file(), tenant="lab", scopes=["read"], now=NOW)
    content, other = create_key(content, tenant="other", scopes=["read"], now=NOW)
    write_key_file(tmp_path / "keys.json", content)
    keys = tmp_path / "keys.json"
    first, second = ("Authorization", f"Bearer {other}"), ("Authorization", f"Bearer {allowed}")
    several = {
        "Authorization was given 2 times": [first, second],
        "X-API-Key was given 2 times": [("X-API-Key", other), ("X-API-Key", allowed)],
        "Authorization and X-API-Key": [("X-API-Key", other), second],
    }
    settings = settings_for(model_folder, tmp_path / "artefacts", api_keys=keys)
    async with running_service(settings) as (client, _):
        for said, headers in several.items():
            refused = await client.get("/v1/models", headers=headers)
            assert (refused.status_code, said in refused.text) == (400, True), refused.text
            assert refused.json()["type"] == "urn:petroserve:problem:malformed-request"
            assert "ps_" not in refused.text
        # A proxy's own credentials are no key.
        for good in (
            [("X-API-Key", allowed), second],
            [("Authorization", "Basic YTpi"), ("X-API-Key", allowed)],
            [("X-API-Key", ""), second],
            [("Authorization", "Bearer "), ("X-API-Key", allowed)],
        ):
            assert (await client.get("/v1/models", headers=good)).status_code == 200


async def test_a_tenant_with_many_requests_is_refused_where_another_has_a_place(
    tmp_path: Path,
) -> None:
    write_model(tmp_path / "models")
    content, many = create_key(empty_key_file(), tenant="many", scopes=["analyse"], now=NOW)
    content, few = create_key(content, tenant="few", scopes=["analyse"], now=NOW)
    write_key_file(tmp_path / "keys.json", content)
    settings = settings_for(
        tmp_path / "models",
        tmp_path / "artefacts",
        api_keys=tmp_path / "keys.json",
        concurrent_interactive=0,
        queue_length=3,
    )
    async with running_service(settings) as (client, engine):

        async def posted(key: str) -> httpx.Response:
            return await client.post(
                "/v1/analyses", files={"image": FIELD}, headers={"X-API-Key": key}
            )

        with ExitStack() as held:
            for _ in range(3):
                held.enter_context(engine.admission.place("many"))
            assert (await posted(few)).status_code == 201
            refused = await posted(many)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert "the last 1 from others than you" in refused.json()["detail"]
        assert (await posted(many)).status_code == 201
