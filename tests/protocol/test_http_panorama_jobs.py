"""Panoramas whose analysis nobody waits for: the same as while a client waits, and not lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hostile.refusals import assert_problem
from tests.http_service import png, running_service, settings_for
from tests.protocol.test_http_jobs import ASYNC, WITHIN_S, events_of
from tests.protocol.test_http_panoramas import BLANK, FIELDS, post

pytestmark = pytest.mark.anyio

ANALYSED = {"um_per_px": 0.5, "analysis": {"association": "1,2", "sample": {"id": "S-7"}}}
FILES = [("field", (name, png(pixels))) for name, pixels in FIELDS.items()]


async def submitted(
    client: httpx.AsyncClient, request: Any, files: Any = FILES, key: str | None = None
) -> httpx.Response:
    headers = ASYNC if key is None else ASYNC | {"Idempotency-Key": key}
    return await client.post(
        "/v1/panoramas", files=files, data={"request": json.dumps(request)}, headers=headers
    )


async def ended(client: httpx.AsyncClient, state: dict[str, Any]) -> dict[str, Any]:
    """Follow a job to its end; returns how it ended."""
    events = await asyncio.wait_for(events_of(client, state["events"]), WITHIN_S)
    told: dict[str, Any] = json.loads(events[-1]["data"])
    return told


async def test_a_job_makes_what_a_client_who_waits_gets(client: httpx.AsyncClient) -> None:
    answer = await submitted(client, ANALYSED, key="section-7")
    assert answer.status_code == 202, answer.text
    assert answer.headers["preference-applied"] == "respond-async"
    state = answer.json()
    assert answer.headers["location"] == f"/v1/analyses/{state['id']}"
    assert state["sample_id"] == "S-7"
    assert (await ended(client, state))["state"] == "done"

    waited = (await post(client, FIELDS, ANALYSED)).json()
    panorama = (await client.get(f"/v1/panoramas/{state['id']}")).json()
    assert panorama["analysis_id"] == panorama["id"] == state["id"]
    assert waited["analysis_id"] == waited["id"]
    own = {"id", "analysis_id"}
    assert {k: v for k, v in panorama.items() if k not in own} == {
        k: v for k, v in waited.items() if k not in own
    }
    for kind, name in (("panoramas", "panorama.ome.tif"), ("analyses", "labels.png")):
        files = [
            await client.get(f"/v1/{kind}/{one}/{name}") for one in (state["id"], waited["id"])
        ]
        assert files[0].status_code == 200
        assert files[0].content == files[1].content

    repeated = await submitted(client, ANALYSED, key="section-7")
    assert (repeated.status_code, repeated.json()["id"]) == (202, state["id"])
    other = await submitted(client, ANALYSED | {"um_per_px": 0.6}, key="section-7")
    assert_problem(other, 409, "key")


async def test_without_an_analysis_the_panorama_is_answered_when_it_is_joined(
    client: httpx.AsyncClient,
) -> None:
    answer = await submitted(client, {"um_per_px": 0.5})
    assert answer.status_code == 201, answer.text
    assert "preference-applied" not in answer.headers
    assert answer.json()["analysis_id"] is None
    # Whoever sends a key learns with what it would be heard.
    refused = await submitted(client, {}, key="k")
    assert_problem(refused, 422, "Idempotency-Key", "respond-async", "analysis")
    told = await submitted(client, {"callback": "https://lims.example.org/x"})
    assert_problem(told, 422, "callback", "analysis")


async def test_what_cannot_be_joined_fails_as_it_is_refused(client: httpx.AsyncClient) -> None:
    blank = [("field", (name, png(BLANK))) for name in ("a.png", "b.png")]
    told = await ended(client, (await submitted(client, {"analysis": {}}, blank)).json())
    assert told["state"] == "failed"
    refused = await post(client, {"a.png": BLANK, "b.png": BLANK}, {"analysis": {}})
    same = ("type", "status", "detail")
    assert [told["problem"][one] for one in same] == [refused.json()[one] for one in same]


@pytest.mark.parametrize(
    ("names", "request_", "status", "word"),
    [
        (("a.png", "a.png"), {"analysis": {}}, 422, "'a.png'"),
        (("../a.png", "b.png"), {"analysis": {}}, 422, "'../a.png'"),
        (("a.png", "b.png"), {"analysis": {"model": "gold"}}, 404, "tiny:1"),
        (("a.png", "b.png"), {"analysis": {}, "callback": "https://x.org"}, 422, "callback"),
    ],
)
async def test_what_is_seen_at_once_is_refused_at_once(
    client: httpx.AsyncClient, names: tuple[str, str], request_: Any, status: int, word: str
) -> None:
    files = [("field", (name, png(BLANK))) for name in names]
    assert_problem(await submitted(client, request_, files), status, word)


async def test_a_panorama_that_was_begun_goes_on_in_the_next_process(
    model_folder: Path, tmp_path: Path
) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts")
    async with running_service(settings) as (client, _):
        state = (await submitted(client, ANALYSED)).json()
    async with running_service(settings) as (client, _):
        assert (await ended(client, state))["state"] == "done"
        panorama = await client.get(f"/v1/panoramas/{state['id']}")
        assert panorama.status_code == 200
        assert {one["name"] for one in panorama.json()["tiles"]} == set(FIELDS)


async def test_a_panorama_that_was_kept_before_its_analysis_is_found_again(
    model_folder: Path, tmp_path: Path
) -> None:
    settings = settings_for(model_folder, tmp_path / "artefacts")
    async with running_service(settings) as (client, engine):
        publish, troubles = engine.store.publish, ["analyses"]

        def troubled(result_id: str, draft: Any) -> None:
            if draft.folder.parent.name in troubles:
                troubles.clear()
                raise OSError(28, "No space left on device")
            publish(result_id, draft)

        with pytest.MonkeyPatch.context() as full:
            full.setattr(engine.store, "publish", troubled)
            state = (await submitted(client, ANALYSED)).json()
            assert (await ended(client, state))["state"] == "done"
        assert not troubles
        assert (await client.get(f"/v1/analyses/{state['id']}")).status_code == 200
        assert (await client.get(f"/v1/panoramas/{state['id']}")).status_code == 200
    kept = list((tmp_path / "artefacts" / "panoramas").iterdir())
    assert [one.name for one in kept] == [state["id"]]
