"""Analyses over HTTP as a laboratory keeps them: lists, keys and whose they are."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import shutil
import sqlite3
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.access import create_key, empty_key_file, write_key_file
from service.engine import CALIBRATIONS, EVALUATIONS, PANORAMAS, REGISTRATIONS, Engine
from tests.http_service import body, part, png, running_service, settings_for
from tests.kept_results import keep_files
from tests.tiny_model import CODES, paint, write_model

pytestmark = pytest.mark.anyio

FIELD = png(paint(np.random.default_rng(5).integers(0, len(CODES), (40, 50))))
OTHER = png(paint(np.random.default_rng(6).integers(0, len(CODES), (40, 50))))
SAMPLE = {"id": "SEC-1", "operator": "I. Petrova"}
PROBLEM = "urn:petroserve:problem:"


async def post(
    client: httpx.AsyncClient, image: bytes = FIELD, *, key: str | None = None, **request: Any
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    data = {"request": json.dumps(request)}
    files = {"image": ("field.png", image)}
    return await client.post("/v1/analyses", files=files, data=data, headers=headers)


async def listed(client: httpx.AsyncClient, **wanted: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/analyses", params=wanted)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["analyses"])


@pytest.mark.parametrize("barcode", ["]d20104012345678901\u001d10ABC123", "A-1\r", " A 1 ", "=1+1"])
async def test_a_barcode_is_kept_as_the_scanner_read_it(
    client: httpx.AsyncClient, barcode: str
) -> None:
    made = await post(client, sample={"id": "A", "barcode_raw": barcode})
    assert made.status_code == 201, made.text
    assert made.json()["sample"]["barcode_raw"] == barcode
    assert (await client.get(made.headers["location"])).json()["sample"]["barcode_raw"] == barcode


async def test_every_analysis_is_listed_with_its_end(client: httpx.AsyncClient) -> None:
    made = (await post(client, sample=SAMPLE)).json()
    refused = await post(client, b"\x89PNG\r\n\x1a\n no image")
    assert refused.status_code == 422

    newest, oldest = await listed(client)
    assert (oldest["id"], oldest["state"], oldest["status"]) == (made["id"], "done", "preliminary")
    assert (oldest["sample_id"], oldest["model"], oldest["version"]) == ("SEC-1", "tiny:1", 1)
    assert oldest["href"] == f"/v1/analyses/{made['id']}"
    assert (newest["state"], newest["problem"]["type"]) == ("failed", f"{PROBLEM}damaged-image")
    # What it ended with is also what it answers.
    again = await client.get(newest["href"])
    assert again.headers["content-type"] == "application/problem+json"
    expected = refused.json() | {"instance": newest["href"]}
    assert again.json() == expected

    assert await listed(client, state="failed") == [newest]
    assert await listed(client, status="preliminary", sample_id="SEC-1") == [oldest]
    assert await listed(client, sample_id="' OR 1=1 --") == []
    assert await listed(client, updated_since=newest["updated_utc"]) == [newest]


async def test_a_list_is_read_page_by_page_and_looked_at_again(client: httpx.AsyncClient) -> None:
    made = [(await post(client)).json()["id"] for _ in range(3)]

    first = (await client.get("/v1/analyses", params={"limit": 2})).json()
    made.append((await post(client)).json()["id"])
    wanted = {"limit": 2, "cursor": first["next_cursor"]}
    second = (await client.get("/v1/analyses", params=wanted)).json()

    seen = [one["id"] for one in first["analyses"] + second["analyses"]]
    assert (seen, second["next_cursor"]) == (made[2::-1], None)
    changed = await listed(client, updated_since=first["as_of_utc"])
    assert made[3] in [one["id"] for one in changed]


REFUSED_LISTS = [
    ("limit=0", "limit"),
    ("limit=201", "limit"),
    ("limit=ten", "limit"),
    ("cursor=nonsense", "cursor"),
    ("updated_since=yesterday", "updated_since"),
    ("updated_since=2026-01-01T00:00:00", "updated_since"),
    ("updated_since=0.5", "updated_since"),
    ("updated_since=20260101", "updated_since"),
    ("state=lost", "state"),
    ("status=good", "status"),
    ("sample_id=a%00b", "sample_id"),
    (f"sample_id={'a' * 257}", "sample_id"),
    ("sample=SEC-1", "sample"),
    ("limit=1&limit=2", "'limit' is given 2 times"),
    ("state=done&state=failed", "'state' is given 2 times"),
    ("Limit=1", "'Limit' is unknown, wanted cursor, limit, "),
]


async def test_a_list_that_cannot_be_is_refused(client: httpx.AsyncClient) -> None:
    for wanted, named in REFUSED_LISTS:
        answer = await client.get(f"/v1/analyses?{wanted}")

        assert (answer.status_code, wanted) == (422, wanted)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == f"{PROBLEM}invalid-parameter"
        assert named in answer.json()["detail"]


REFUSED_PARAMETERS = [
    ("GET", "/v1/analyses/x?version=1&version=2", "'version' is given 2 times, wanted once"),
    ("GET", "/v1/analyses/x?Version=1", "'Version' is unknown, wanted version"),
    ("GET", "/v1/analyses/x/result.json?foo=1", "'foo' is unknown, wanted version"),
    ("GET", "/v1/analyses/x/labels.png?version=1", "'version' is unknown, wanted none"),
    ("GET", "/v1/analyses/x/edd-long.csv?foo", "'foo' is unknown, wanted none"),
    ("GET", "/v1/analyses/x/events?foo=", "'foo' is unknown"),
    ("GET", "/v1/analyses/x/callbacks?foo=1", "'foo' is unknown"),
    ("DELETE", "/v1/analyses/x?foo=1", "'foo' is unknown"),
    ("POST", "/v1/analyses?model=tiny", "'model' is unknown, wanted none"),
    ("POST", "/v1/analyses/x/corrections?foo=1", "'foo' is unknown"),
    ("POST", "/v1/estimate?foo=1", "'foo' is unknown"),
    ("GET", "/v1/models?foo=1&foo=2", "'foo' is unknown"),
    ("GET", "/v1/panoramas/x?foo=1", "'foo' is unknown"),
]


async def test_a_parameter_that_nothing_looks_at_is_refused(client: httpx.AsyncClient) -> None:
    for method, place, said in REFUSED_PARAMETERS:
        answer = await client.request(method, place)

        assert (answer.status_code, place) == (422, place)
        assert answer.json()["type"] == f"{PROBLEM}invalid-parameter"
        assert said in answer.json()["detail"]
    assert (await client.get("/livez?probe=1")).status_code == 200


async def test_a_key_gives_the_same_answer_again(client: httpx.AsyncClient) -> None:
    first = await post(client, key='"a key, with \\"quotes\\""', um_per_px=0.5)
    parts = part("request", b'{ "um_per_px" : 0.50 }', filename=None) + part("image", FIELD)
    again = await client.post(
        "/v1/analyses",
        content=body(parts),
        headers={
            "Content-Type": "multipart/form-data; boundary=cut",
            "Idempotency-Key": '"a key, with \\"quotes\\""',
        },
    )

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    for image, request in ((OTHER, {"um_per_px": 0.5}), (FIELD, {"um_per_px": 0.6})):
        refused = await post(client, image, key='"a key, with \\"quotes\\""', **request)
        assert (refused.status_code, refused.json()["type"]) == (
            409,
            f"{PROBLEM}idempotency-conflict",
        )
    assert len(await listed(client)) == 1
    assert (await post(client, key="other")).json()["id"] != first.json()["id"]
    assert (await post(client)).json()["id"] != (await post(client)).json()["id"]


async def test_a_refusal_is_repeated_too(client: httpx.AsyncClient) -> None:
    first = await post(client, b"\x89PNG\r\n\x1a\n", key="k")
    again = await post(client, b"\x89PNG\r\n\x1a\n", key="k")

    assert (first.status_code, again.status_code) == (422, 422)
    assert again.json()["detail"] == first.json()["detail"]
    assert len(await listed(client)) == 1
    # What was never begun leaves the key free.
    assert (await post(client, key="k2", model="none")).status_code == 404
    assert (await post(client, key="k2")).status_code == 201


async def test_what_is_no_key_is_refused(client: httpx.AsyncClient) -> None:
    for key in ("", '""', "a b", '"open', "k" * 256, "schlüssel", "a\tb"):
        headers = [(b"Idempotency-Key", key.encode())]
        answer = await client.post("/v1/analyses", files={"image": FIELD}, headers=headers)

        assert (answer.status_code, key) == (400, key)
        assert answer.json()["type"] == f"{PROBLEM}malformed-request"
        assert "Idempotency-Key" in answer.json()["detail"]


async def test_two_keys_in_one_request_are_refused(client: httpx.AsyncClient) -> None:
    keys = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await client.post("/v1/analyses", files={"image": FIELD}, headers=keys)

    assert answer.status_code == 400


async def test_two_that_race_with_one_key_make_one_analysis(
    http_service: tuple[httpx.AsyncClient, Engine],
) -> None:
    client, engine = http_service
    async with engine.admission.turn("interactive"), engine.admission.turn("interactive"):
        racing = [asyncio.ensure_future(post(client, key="k")) for _ in range(4)]
        done, waiting = await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED)
        (entry,) = await listed(client)
        early = done.pop().result()
        state = await client.get(entry["href"])
    answers = [early, *[await one for one in [*done, *waiting]]]

    assert (early.status_code, state.status_code, entry["state"]) == (202, 202, "queued")
    assert (early.headers["location"], early.json()["id"]) == (entry["href"], entry["id"])
    assert int(state.headers["retry-after"]) > 0
    assert [answer.status_code for answer in answers].count(201) == 1
    assert {answer.json()["id"] for answer in answers} == {entry["id"]}
    assert [one["state"] for one in await listed(client)] == ["done"]
    assert (await post(client, key="k")).status_code == 201


async def test_a_result_that_is_not_kept_any_more(
    http_service: tuple[httpx.AsyncClient, Engine],
) -> None:
    client, engine = http_service
    made = await post(client, key="k")
    shutil.rmtree(engine.settings.artefacts_folder / "analyses" / made.json()["id"])

    gone = await client.get(made.headers["location"])
    assert (gone.status_code, gone.json()["type"]) == (404, f"{PROBLEM}analysis-not-found")
    assert (await post(client, key="k")).status_code == 404
    assert [one["state"] for one in await listed(client)] == ["done"]


async def test_a_locked_database_is_a_503_and_nothing_half_done(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.catalogue.database._BUSY_S", 0.05)
    async with running_service(settings_for(model_folder, tmp_path / "kept")) as (client, _):
        place = (await post(client, sample=SAMPLE)).headers["location"]
        lock = sqlite3.connect(tmp_path / "kept" / "catalogue.sqlite", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")

        review = {"status": "final", "reviewer": "A. Ivanova"}
        for answer in (await post(client), await client.post(f"{place}/corrections", json=review)):
            assert (answer.status_code, answer.json()["type"]) == (
                503,
                f"{PROBLEM}database-unavailable",
            )
            assert int(answer.headers["retry-after"]) > 0
            assert "sqlite" not in answer.text
        assert (await client.get(place)).json()["version"] == 1
        lock.execute("ROLLBACK")
        lock.close()

        assert len(await listed(client)) == 1
        assert (await post(client)).status_code == 201


@pytest.fixture
async def laboratories(
    tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> AsyncIterator[tuple[httpx.AsyncClient, Engine, dict[str, dict[str, str]]]]:
    """A service with the keys of two tenants."""
    write_model(tmp_path / "models")
    keys, content = {}, empty_key_file()
    for tenant in ("north", "south"):
        content, key = create_key(
            content, tenant=tenant, scopes=["read", "analyse"], now=dt.datetime.now(dt.UTC)
        )
        keys[tenant] = {"X-API-Key": key}
    write_key_file(tmp_path / "keys.json", content)
    settings = settings_for(
        tmp_path / "models", tmp_path / "artefacts", api_keys=tmp_path / "keys.json"
    )
    async with running_service(settings) as (client, engine):
        yield client, engine, keys


async def test_a_tenant_finds_its_own_results_only(
    laboratories: tuple[httpx.AsyncClient, Engine, dict[str, dict[str, str]]],
) -> None:
    client, engine, keys = laboratories
    north, south = keys["north"], keys["south"] | {"Idempotency-Key": "k"}
    data = {"request": json.dumps({"sample": SAMPLE})}
    made = await client.post(
        "/v1/analyses",
        files={"image": FIELD},
        data=data,
        headers=north | {"Idempotency-Key": "k"},
    )
    place = made.headers["location"]
    paths = [place, f"{place}/labels.png", f"{place}/edd-long.csv", f"{place}?version=1"]
    for kind in (EVALUATIONS, PANORAMAS, REGISTRATIONS, CALIBRATIONS):
        result_id = str(uuid.uuid4())
        keep_files(engine.store, kind, result_id, {kind.document: b"{}"}, "north")
        paths += [
            f"/v1/{kind.folder}/{result_id}",
            f"/v1/{kind.folder}/{result_id}/{kind.document}",
        ]

    for path in paths:
        assert ((await client.get(path, headers=north)).status_code, path) == (200, path)
        theirs = await client.get(path, headers=south)
        assert (theirs.status_code, path) == (404, path)
    # Another tenant's answers are those of what never was.
    unknown = place.replace(made.json()["id"], str(uuid.uuid4()))
    nothing = await client.get(unknown, headers=south)
    theirs = await client.get(place, headers=south)
    assert nothing.json()["title"] == theirs.json()["title"]
    review = {"status": "final", "reviewer": "A"}
    refused = await client.post(f"{place}/corrections", json=review, headers=south)
    assert refused.status_code == 404
    assert (await client.get("/v1/analyses", headers=south)).json()["analyses"] == []

    # The same key of another tenant is another key.
    other = await client.post("/v1/analyses", files={"image": OTHER}, headers=south)
    assert other.status_code == 201
    mine = (await client.get("/v1/analyses", headers=north)).json()["analyses"]
    assert [one["id"] for one in mine] == [made.json()["id"]]
    calibration = paths[-2].rpartition("/")[2]
    borrowed = {"request": json.dumps({"calibration": calibration})}
    foreign = await client.post(
        "/v1/analyses", files={"image": FIELD}, data=borrowed, headers=keys["south"]
    )
    assert (foreign.status_code, foreign.json()["type"]) == (
        404,
        f"{PROBLEM}calibration-not-found",
    )
