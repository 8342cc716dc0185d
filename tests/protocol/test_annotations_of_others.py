"""Annotations of another tenant: by every route they answer like what never was."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.access import create_key, empty_key_file, write_key_file
from tests.annotated import EVERY_SQUARE, PHOTOGRAPH, begun, draw, square, undo
from tests.hostile.refusals import assert_problem
from tests.http_service import running_service, settings_for
from tests.identity_provider import AUDIENCE, running_provider, token

pytestmark = pytest.mark.anyio

NOW = dt.datetime.now(dt.UTC)
NEVER_MADE = "/v1/annotations/00000000-0000-4000-8000-000000000000"
READ = (
    "", "/steps", "/proposals", "/proposals?budget_percent=7", "/annotation.json", "/image.png",
    "/labels.png", "/confidence.png", "/origin.png", "/overlay.jpg", "/superpixels.npz",
    "/step.1.json", "/nothing",
)  # fmt: skip
Headers = dict[str, str]


@pytest.fixture(params=["keys", "tokens"])
async def tenants(
    request: pytest.FixtureRequest, model_folder: Path, tmp_path: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, Headers, Headers]]:
    """A service and what two tenants send to it."""
    names, kept = ("lab", "mine"), tmp_path / "kept"
    if request.param == "keys":
        content, headers = empty_key_file(), []
        for name in names:
            content, key = create_key(content, tenant=name, scopes=["read", "analyse"], now=NOW)
            headers.append({"X-API-Key": key})
        write_key_file(tmp_path / "keys.json", content)
        settings = settings_for(model_folder, kept, api_keys=tmp_path / "keys.json")
        async with running_service(settings) as (client, _):
            yield client, *headers
        return
    with running_provider() as issuer:
        settings = settings_for(model_folder, kept, oidc_issuer=issuer, oidc_audience=AUDIENCE)
        # One person in two tenants: it is the tenant that counts.
        lab, mine = (
            {"Authorization": f"Bearer {token(iss=issuer, tenant=name, scope='read analyse')}"}
            for name in names
        )
        async with running_service(settings) as (client, _):
            yield client, lab, mine


def told(response: httpx.Response, place: str) -> object:
    """What a refusal says, without what names the request."""
    said = json.loads(
        response.text.replace(place, NEVER_MADE).replace(place[-36:], NEVER_MADE[-36:])
    )
    return response.status_code, {name: said[name] for name in ("type", "title", "detail")}


async def test_every_route_answers_as_if_there_were_none(
    tenants: tuple[httpx.AsyncClient, Headers, Headers],
) -> None:
    client, lab, mine = tenants
    place = await begun(client, headers=lab)
    assert (await draw(client, place, *EVERY_SQUARE[:3], headers=lab)).status_code == 200
    before = (await client.get(f"{place}/steps", headers=lab)).content
    seen = (await client.get(place, headers=lab)).headers["etag"]

    # Also where it was just read, and is in memory; and with what only its owner can know.
    for condition in ({}, {"If-None-Match": seen}, {"If-None-Match": "*"}, {"Range": "bytes=0-3"}):
        for name in READ:
            asked = {**mine, **condition}
            found = await client.get(f"{place}{name}", headers=asked)
            never = await client.get(f"{NEVER_MADE}{name}", headers=asked)
            assert_problem(found, 404)
            assert told(found, place) == told(never, NEVER_MADE), name
            assert "etag" not in found.headers
            assert (await client.head(f"{place}{name}", headers=asked)).status_code == 404
    for condition in ({}, {"If-Match": seen}, {"If-Match": "*"}, {"If-Match": '"0"'}):
        asked = {**mine, **condition}
        for number in (1, 2):
            assert_problem(await undo(client, place, number, headers=asked), 404)
        found = await draw(client, place, square(0, 0), headers=asked)
        never = await draw(client, NEVER_MADE, square(0, 0), headers=asked)
        assert_problem(found, 404)
        assert told(found, place) == told(never, NEVER_MADE)

    assert (await client.get(f"{place}/steps", headers=lab)).content == before
    assert (await undo(client, place, 1, headers=lab)).status_code == 200


async def test_the_same_photograph_gives_each_an_annotation_of_its_own(
    tenants: tuple[httpx.AsyncClient, Headers, Headers],
) -> None:
    client, lab, mine = tenants
    places = [await begun(client, headers=one) for one in (lab, mine)]
    assert (await draw(client, places[0], square(0, 0), headers=lab)).status_code == 200
    shown = (await client.get(f"{places[1]}/labels.png", headers=mine)).content
    assert shown != (await client.get(f"{places[0]}/labels.png", headers=lab)).content
    assert (await client.get(places[1], headers=mine)).json()["steps"] == 0


async def test_an_analysis_of_another_does_not_lead_proposals(
    tenants: tuple[httpx.AsyncClient, Headers, Headers],
) -> None:
    client, lab, mine = tenants
    files = {"image": ("field.png", PHOTOGRAPH)}
    analysis_id = (await client.post("/v1/analyses", files=files, headers=lab)).json()["id"]
    place = await begun(client, headers=mine)
    asked = f"/proposals?analysis={analysis_id}"

    found = assert_problem(await client.get(f"{place}{asked}", headers=mine), 404)
    assert found["type"] == "urn:petroserve:problem:analysis-not-found"
    own = await begun(client, headers=lab)
    assert (await client.get(f"{own}{asked}", headers=lab)).status_code == 200
