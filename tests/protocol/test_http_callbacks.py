"""Callbacks over HTTP: how they stand, redelivery, receivers that are gone, tenants."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.access import create_key, empty_key_file, write_key_file
from service.webhooks import new_secret
from tests.http_service import running_service, settings_for
from tests.jobs.running_jobs import FIELD

pytestmark = pytest.mark.anyio

WITHIN_S = 30.0


@dataclass
class Receiver:
    """A receiver that answers as the test says."""

    url: str = ""
    status: int = 204
    ids: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            told.ids.append(self.headers["webhook-id"])
            self.send_response(told.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}/told?key=secret"
    yield told
    server.shutdown()
    server.server_close()


@dataclass
class Service:
    """A service for two tenants."""

    client: httpx.AsyncClient
    lab: dict[str, str]
    mine: dict[str, str]

    async def submit(self, who: dict[str, str], **asked: object) -> httpx.Response:
        files = {"image": ("f.png", FIELD), "request": (None, json.dumps(asked))}
        headers = {**who, "Prefer": "respond-async"}
        return await self.client.post("/v1/analyses", headers=headers, files=files)

    async def callbacks(self, href: str, who: dict[str, str]) -> list[dict[str, Any]]:
        answer = await self.client.get(f"{href}/callbacks", headers=who)
        assert answer.status_code == 200, answer.text
        return answer.json()["callbacks"]

    async def until(self, href: str, who: dict[str, str], state: str) -> dict[str, Any]:
        async with asyncio.timeout(WITHIN_S):
            while True:
                for one in await self.callbacks(href, who):
                    if one["state"] == state:
                        return one
                await asyncio.sleep(0.02)

    async def redeliver(self, href: str, who: dict[str, str]) -> httpx.Response:
        return await self.client.post(f"{href}/callbacks/redeliveries", headers=who)


@pytest.fixture
async def service(
    model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    (tmp_path / "secrets").write_text(new_secret())
    content, keys = empty_key_file(), []
    for tenant in ("lab", "mine"):
        content, key = create_key(
            content, tenant=tenant, scopes=["read", "analyse"], now=datetime.now(UTC)
        )
        keys.append({"X-API-Key": key})
    write_key_file(tmp_path / "keys.json", content)
    settings = settings_for(
        model_folder,
        tmp_path / "artefacts",
        webhook_secrets_file=tmp_path / "secrets",
        webhook_networks="127.0.0.0/8",
        api_keys=tmp_path / "keys.json",
    )
    async with running_service(settings) as (client, _):
        yield Service(client, *keys)


async def test_a_callback_that_cannot_be_signed_for_its_tenant_is_refused(
    model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    (tmp_path / "secrets").write_text(f"elsewhere {new_secret()}\n")
    settings = settings_for(
        model_folder,
        tmp_path / "artefacts",
        webhook_secrets_file=tmp_path / "secrets",
        webhook_networks="127.0.0.0/8",
    )
    async with running_service(settings) as (client, _):
        refused = await Service(client, {}, {}).submit({}, callback=receiver.url)
    assert refused.status_code == 422
    assert "no secret to sign callbacks of this tenant" in refused.json()["detail"]


async def test_a_receiver_that_was_gone_gets_its_callback_again(
    service: Service, receiver: Receiver
) -> None:
    receiver.status = 410
    href = (await service.submit(service.lab, callback=receiver.url)).json()["href"]
    dead = await service.until(href, service.lab, "dead")
    assert dead["receiver"] == receiver.url.partition("?")[0]
    assert (dead["http_status"], dead["next_try_utc"]) == (410, None)

    refused = await service.submit(service.lab, callback=receiver.url)
    assert refused.status_code == 422
    assert "said on" in refused.json()["detail"]
    assert dead["receiver"] in refused.json()["detail"]
    assert "secret" not in refused.json()["detail"]
    receiver.status = 204
    other = (await service.submit(service.mine, callback=receiver.url)).json()["href"]
    await service.until(other, service.mine, "delivered")

    assert (await service.redeliver(href, service.mine)).status_code == 404
    again = await service.redeliver(href, service.lab)
    assert (again.status_code, again.json()["state"]) == (202, "waiting")
    assert again.json()["id"] == dead["id"]
    await service.until(href, service.lab, "delivered")
    assert receiver.ids.count(dead["id"]) == 2
    assert (await service.submit(service.lab, callback=receiver.url)).status_code == 202


async def test_a_review_is_told_with_who_asked_for_it(service: Service, receiver: Receiver) -> None:
    asked = {"callback": receiver.url, "sample": {"id": "S", "operator": "I. Petrova"}}
    href = (await service.submit(service.lab, **asked)).json()["href"]
    await service.until(href, service.lab, "delivered")
    silent = (await service.submit(service.lab)).json()["href"]

    async def review(of: str, **fields: object) -> httpx.Response:
        content = {"status": "final", "reviewer": "A. Ivanova"} | fields
        return await service.client.post(f"{of}/corrections", headers=service.lab, json=content)

    assert (await review(href, key_id="0" * 16)).status_code == 422, "who asked is not for clients"
    (made,) = (await review(href)).json()["reviews"]
    assert (made["reviewer"], made["tenant"]) == ("A. Ivanova", "lab")
    assert made["key_id"] in service.lab["X-API-Key"]
    assert len(made["key_id"]) > 4
    rejected = await review(href, status="rejected", reason="scratched")
    assert [one["key_id"] for one in rejected.json()["reviews"]] == [made["key_id"]] * 2
    name = href.rpartition("/")[2]
    async with asyncio.timeout(WITHIN_S):
        while not {f"{name}.reviewed.{version}" for version in (2, 3)} <= set(receiver.ids):
            await asyncio.sleep(0.02)
        while (await review(silent)).status_code != 201:
            await asyncio.sleep(0.02)
    told = [body for body in receiver.bodies if body["type"] == "analysis.reviewed"]
    stands = {(body["data"]["version"], body["data"]["status"]) for body in told}
    assert stands == {(2, "final"), (3, "rejected")}
    assert {body["data"]["href"] for body in told} == {href}
    assert await service.callbacks(silent, service.lab) == []


async def test_what_has_no_callback_is_not_sent_again(service: Service, receiver: Receiver) -> None:
    href = (await service.submit(service.lab)).json()["href"]
    async with asyncio.timeout(WITHIN_S):
        while (answer := await service.redeliver(href, service.lab)).status_code == 409:
            assert "when it has ended" in answer.json()["detail"]
            await asyncio.sleep(0.02)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:petroserve:problem:not-found")
    assert await service.callbacks(href, service.lab) == []
    unknown = await service.redeliver("/v1/analyses/none", service.lab)
    assert unknown.json()["type"] == "urn:petroserve:problem:analysis-not-found"
    assert (await service.client.get(f"{href}/callbacks", headers=service.mine)).status_code == 404
    assert (await service.client.get(f"{href}/callbacks")).status_code == 401
