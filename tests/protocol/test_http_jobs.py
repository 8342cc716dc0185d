"""Jobs over HTTP: 202, the state, events, cancellation, callbacks."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.engine import Engine
from service.webhooks import new_secret, parse_secret, verify
from tests.http_service import png, running_service, settings_for
from tests.tiny_model import TILE_PX, paint

pytestmark = pytest.mark.anyio

WITHIN_S = 60.0
FIELD = png(paint(np.zeros((TILE_PX, 3 * TILE_PX), dtype=np.intp)))
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(scope="module")
def received() -> Any:
    """Callbacks that came: their headers and bodies."""
    told: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.append((dict(self.headers.items()), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/told", told
    server.shutdown()
    server.server_close()


@pytest.fixture
async def service(
    model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> AsyncIterator[tuple[httpx.AsyncClient, Engine, str]]:
    secret = new_secret()
    (tmp_path / "secrets").write_text(f"# newest first\n{secret}\n")
    settings = settings_for(
        model_folder,
        tmp_path / "artefacts",
        webhook_secrets_file=tmp_path / "secrets",
        webhook_networks="127.0.0.0/8",
    )
    async with running_service(settings) as (client, engine):
        yield client, engine, secret


async def submitted(
    client: httpx.AsyncClient, image: bytes = FIELD, key: str | None = None, **asked: object
) -> httpx.Response:
    headers = ASYNC if key is None else ASYNC | {"Idempotency-Key": key}
    files = {"image": ("f.png", image), "request": (None, json.dumps(asked))}
    return await client.post("/v1/analyses", headers=headers, files=files)


async def events_of(
    client: httpx.AsyncClient, where: str, last: str | None = None
) -> list[dict[str, str]]:
    headers = {} if last is None else {"Last-Event-ID": last}
    answer = await client.get(where, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = [block for block in answer.text.split("\n\n") if block and block[0] != ":"]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


async def test_from_the_submission_to_the_result_and_the_callback(
    service: tuple[httpx.AsyncClient, Engine, str], received: Any
) -> None:
    (client, _, secret), (url, told) = service, received
    answer = await submitted(client, key="k", callback=url, sample={"id": "S-1"})
    assert answer.status_code == 202, answer.text
    assert answer.headers["preference-applied"] == "respond-async"
    assert int(answer.headers["retry-after"]) >= 1
    state = answer.json()
    assert answer.headers["location"] == state["href"] == f"/v1/analyses/{state['id']}"
    assert state["state"] in {"queued", "running"}
    assert state["sample_id"] == "S-1"

    events = await asyncio.wait_for(events_of(client, state["events"]), WITHIN_S)
    assert [one["event"] for one in events[:-1]] == ["progress"] * (len(events) - 1)
    assert events[-1]["event"] == "done"
    numbers = [int(one["id"]) for one in events]
    assert numbers == sorted(set(numbers))
    fractions = [json.loads(one["data"])["progress_fraction"] or 0.0 for one in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0

    again = await client.get(state["events"], headers={"Last-Event-ID": events[-1]["id"]})
    assert again.status_code == 204
    assert [one["event"] for one in await events_of(client, state["events"], "1")] == ["done"]

    result = await client.get(state["href"])
    assert result.status_code == 200
    assert result.json()["id"] == state["id"]
    repeated = await submitted(client, key="k", callback=url, sample={"id": "S-1"})
    assert (repeated.status_code, repeated.json()["id"]) == (202, state["id"])
    other = await submitted(client, key="k", callback=url, sample={"id": "S-2"})
    assert other.status_code == 409

    async with asyncio.timeout(WITHIN_S):
        while not told:
            await asyncio.sleep(0.02)
    headers, body = told[0]
    sent = {name.lower(): value for name, value in headers.items()}
    verify(sent, body, [parse_secret(secret)], now_s=time.time())
    message = json.loads(body)
    assert message["type"] == "analysis.done"
    assert message["data"]["href"] == state["href"]


async def test_a_job_that_fails_is_answered_as_a_request_that_waits(
    service: tuple[httpx.AsyncClient, Engine, str],
) -> None:
    client = service[0]
    waited = await client.post("/v1/analyses", files={"image": ("f.png", FIELD[:-30])})
    state = (await submitted(client, FIELD[:-30])).json()
    events = await asyncio.wait_for(events_of(client, state["events"]), WITHIN_S)
    assert events[-1]["event"] == "failed"
    answer = await client.get(state["href"])
    assert answer.status_code == waited.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == waited.json() | {"instance": state["href"]}


async def test_what_cannot_be_taken_is_refused_at_the_submission(
    service: tuple[httpx.AsyncClient, Engine, str],
) -> None:
    client = service[0]
    for asked, status in (
        ({"model": "gold"}, 404),
        ({"association": "S99"}, 422),
        ({"callback": "https://10.0.0.1/x"}, 422),
        ({"callback": "ftp://example.org/x"}, 422),
        ({"callback": "x" * 3000}, 422),
        ({"callback": 7}, 422),
        ({"nonsense": 1}, 422),
    ):
        answer = await submitted(client, **asked)
        assert answer.status_code == status, (asked, answer.text)
    waited = await client.post(
        "/v1/analyses",
        files={"image": ("f.png", FIELD), "request": (None, '{"callback": "https://x.org/"}')},
    )
    assert waited.status_code == 422
    assert (await submitted(client, key="a b")).status_code == 400
    assert (await client.get("/v1/analyses")).json()["analyses"] == []


async def test_a_cancelled_job_has_no_result(
    service: tuple[httpx.AsyncClient, Engine, str],
) -> None:
    client, engine, _ = service
    admission = engine.admission
    async with (
        admission.turn("bulk"),
        admission.turn("interactive"),
        admission.turn("interactive"),
    ):
        state = (await submitted(client)).json()
        answer = await client.delete(state["href"])
        assert answer.status_code == 200
        assert answer.json()["state"] == "cancelled"
        gone = await client.get(state["href"])
        assert gone.status_code == 409
        assert gone.json()["type"] == "urn:petroserve:problem:analysis-cancelled"
        assert (await events_of(client, state["events"]))[-1]["event"] == "cancelled"

    done = (await submitted(client)).json()
    await asyncio.wait_for(events_of(client, done["events"]), WITHIN_S)
    ended = await client.delete(done["href"])
    assert ended.status_code == 409
    assert ended.json()["type"] == "urn:petroserve:problem:analysis-ended"
    assert (await client.delete("/v1/analyses/" + "0" * 32)).status_code == 404
    assert (await client.get("/v1/analyses/nothing/events")).status_code == 404
    bad = await client.get(done["events"], headers={"Last-Event-ID": "x"})
    assert bad.status_code == 422


async def test_the_streams_of_a_tenant_are_bounded(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(
        model_folder, tmp_path / "artefacts", event_streams=1, concurrent_interactive=0
    )
    async with running_service(settings) as (client, engine):
        async with engine.admission.turn("bulk"):
            where = (await submitted(client)).json()["events"]
            both = [asyncio.create_task(client.get(where)) for _ in range(2)]
            done, listening = await asyncio.wait(
                both, timeout=WITHIN_S, return_when=asyncio.FIRST_COMPLETED
            )
            (refused,) = (one.result() for one in done)
            assert refused.status_code == 429
            assert "1 streams of events" in refused.json()["detail"]
            assert int(refused.headers["retry-after"]) >= 1
            # One that was left makes room again.
            for one in listening:
                one.cancel()
            await asyncio.wait(listening)
            following = asyncio.create_task(events_of(client, where))
        events = await asyncio.wait_for(following, WITHIN_S)
        assert events[-1]["event"] == "done"


async def test_who_asks_for_the_head_of_a_stream_waits_for_none_of_it(
    service: tuple[httpx.AsyncClient, Engine, str],
) -> None:
    client, engine, _ = service
    async with engine.admission.turn("interactive"), engine.admission.turn("interactive"):
        where = (await submitted(client)).json()["events"]
        async with asyncio.timeout(WITHIN_S / 6):
            head = await client.head(where)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"].startswith("text/event-stream")
    events = await asyncio.wait_for(events_of(client, where), WITHIN_S)
    assert events[-1]["event"] == "done"
