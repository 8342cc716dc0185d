"""Several who annotate: at two services, in two tenants, on a bucket that falls silent."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.access import create_key, empty_key_file, write_key_file
from service.engine import Engine
from service.http_api import create_app
from tests import s3_stand_in
from tests.annotated import (
    EVERY_SQUARE,
    PHOTOGRAPH,
    begun,
    draw,
    drawn,
    labels_of,
    square,
    standing_strokes,
    undo,
)
from tests.hostile.refusals import assert_problem
from tests.http_service import running_service, settings_for
from tests.s3_stand_in import BUCKET, s3_bucket

pytestmark = pytest.mark.anyio

URL = f"s3://{BUCKET}/results"
NOW = dt.datetime.now(dt.UTC)


@asynccontextmanager
async def two_services(
    model_folder: Path, tmp_path: Path, shared: str
) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Two services with one folder, or with folders of their own and one bucket."""
    async with AsyncExitStack() as running:
        clients = []
        for number in range(2):
            folder = "kept" if shared == "folder" else f"kept-{number}"
            url = {"folder": None, "file": (tmp_path / "bucket").as_uri(), "s3": URL}[shared]
            settings = settings_for(
                model_folder,
                tmp_path / folder,
                artefacts_url=url,
                audit_folder=tmp_path / f"audit-{number}",
                database_url=f"sqlite:///{tmp_path / f'catalogue-{number}.sqlite'}",
            )
            client, _ = await running.enter_async_context(running_service(settings))
            clients.append(client)
        yield clients


@pytest.fixture
def s3(clean_environment: pytest.MonkeyPatch) -> Iterator[s3_stand_in.Bucket]:
    with s3_bucket(clean_environment) as bucket:
        yield bucket


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("shared", ["folder", "file", "s3"])
async def test_two_writers_lose_no_step(model_folder: Path, tmp_path: Path, shared: str) -> None:
    async with two_services(model_folder, tmp_path, shared) as clients:
        place = await begun(clients[0])
        strokes = [one for one in EVERY_SQUARE for _ in range(2)]
        answers = await asyncio.gather(
            *(draw(clients[number % 2], place, one) for number, one in enumerate(strokes))
        )

        assert [one.status_code for one in answers] == [200] * len(strokes)
        assert sorted(one.json()["step"] for one in answers) == list(range(1, 25))
        records = [(await client.get(f"{place}/steps")).json() for client in clients]
        assert records[0] == records[1]
        kept = [entry["strokes"][0]["points"] for entry in records[0]["entries"]]
        assert sorted(kept) == sorted(json.loads(json.dumps(strokes_points(strokes))))
        again = drawn(PHOTOGRAPH, await standing_strokes(clients[0], place))
        for client in clients:
            assert np.array_equal(await labels_of(client, place), again.labels)
        # Of several that take one step back one does.
        undone = await asyncio.gather(*(undo(clients[k % 2], place, 24) for k in range(4)))
        assert sorted(one.status_code for one in undone) == [200, 409, 409, 409]
        assert np.array_equal(*[await labels_of(client, place) for client in clients])


def strokes_points(strokes: list[dict[str, Any]]) -> list[Any]:
    return [one["points"] for one in strokes]


async def test_a_long_record_is_not_listed_again_and_again(
    s3: s3_stand_in.Bucket, model_folder: Path, tmp_path: Path
) -> None:
    """A list of ten thousand entries would be ten requests; the next one is asked for by its name."""
    async with two_services(model_folder, tmp_path, "s3") as clients:
        place = await begun(clients[0])
        await clients[1].get(place)
        s3.asked.clear()
        for number, one in enumerate(EVERY_SQUARE[:3], start=1):
            assert (await draw(clients[number % 2], place, one)).json()["step"] == number
            for client in clients:
                assert (await client.get(place)).json()["steps"] == number
                assert (await client.get(f"{place}/overlay.jpg")).status_code == 200

        asked = [one for one in s3.asked if place.rpartition("/")[2] in one]
        assert [one for one in asked if "list-type" in one] == []
        assert len([one for one in asked if one.startswith("PUT")]) == 3
        # Of every step its own service asks for the next entry once, and those who read as well.
        assert len(asked) <= 3 * (2 + 2 * 2 + 1)


@pytest.mark.parametrize(
    ("method", "name"),
    [("GET", ""), ("GET", "/steps"), ("GET", "/labels.png"), ("GET", "/proposals"),
     ("DELETE", "/steps/1")],
)  # fmt: skip
async def test_who_goes_while_others_are_at_work_is_dropped(
    http_service: tuple[httpx.AsyncClient, Engine], method: str, name: str
) -> None:
    client, engine = http_service
    place = await begun(client)
    await draw(client, place, square(0, 0))
    messages = iter([{"type": "http.request"}, {"type": "http.disconnect"}])
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return next(messages)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    path = f"{place}{name}"
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    leave = threading.Event()
    key = "", place.rpartition("/")[2]
    at_work = asyncio.create_task(
        engine.workers.carry_out_at_once(lambda _: leave.wait(30.0), ("annotations", key))
    )
    await asyncio.sleep(0)
    async with asyncio.timeout(10.0):
        await create_app(engine)(scope, receive, send)
    leave.set()
    await at_work

    assert sent == []
    assert (await client.get(place)).json()["steps"] == 1


async def test_one_of_two_who_saw_the_same_draws(model_folder: Path, tmp_path: Path) -> None:
    async with two_services(model_folder, tmp_path, "file") as clients:
        place = await begun(clients[0])
        seen = {"If-Match": (await clients[1].get(place)).headers["etag"]}
        answers = await asyncio.gather(
            *(draw(clients[k % 2], place, square(0, k % 4), headers=seen) for k in range(6))
        )

        assert sorted(one.status_code for one in answers) == [200, 412, 412, 412, 412, 412]
        assert (await clients[0].get(place)).json()["steps"] == 1


async def test_nothing_is_drawn_while_the_bucket_is_silent(
    s3: s3_stand_in.Bucket, model_folder: Path, tmp_path: Path
) -> None:
    async with two_services(model_folder, tmp_path, "s3") as clients:
        place = await begun(clients[0])
        await draw(clients[0], place, square(0, 0))
        before = await labels_of(clients[0], place)
        s3.silent = True
        refused = await draw(clients[0], place, square(0, 1))
        problem = assert_problem(refused, 503, "does not answer")
        assert problem["type"] == "urn:petroserve:problem:bucket-unavailable"
        assert np.array_equal(await labels_of(clients[0], place), before)
        s3.silent = False
        seen = await clients[1].get(place)
        assert (seen.status_code, seen.json()["steps"]) == (200, 1)


async def test_a_tenant_finds_its_own_and_a_reader_draws_nothing(
    model_folder: Path, tmp_path: Path
) -> None:
    content, mine = create_key(empty_key_file(), tenant="lab", scopes=["read", "analyse"], now=NOW)
    content, reading = create_key(content, tenant="lab", scopes=["read"], now=NOW)
    content, other = create_key(content, tenant="mine", scopes=["read", "analyse"], now=NOW)
    write_key_file(tmp_path / "keys.json", content)
    settings = settings_for(model_folder, tmp_path / "kept", api_keys=tmp_path / "keys.json")
    lab, reader, stranger = ({"X-API-Key": key} for key in (mine, reading, other))
    async with running_service(settings) as (client, _):
        place = await begun(client, headers=lab)
        assert (await draw(client, place, square(0, 0), headers=lab)).status_code == 200

        (entry,) = (await client.get(f"{place}/steps", headers=reader)).json()["entries"]
        assert (entry["tenant"], entry["key_id"]) == ("lab", content.keys[0].id)
        assert_problem(await draw(client, place, square(0, 1), headers=reader), 403)
        assert_problem(await undo(client, place, 1, headers=reader), 403)
        for name in ("", "/steps", "/labels.png", "/image.png", "/annotation.json", "/proposals"):
            assert (await client.get(f"{place}{name}", headers=reader)).status_code == 200
            hidden = assert_problem(await client.get(f"{place}{name}", headers=stranger), 404)
            assert hidden["type"] == "urn:petroserve:problem:annotation-not-found"
        assert_problem(await draw(client, place, square(0, 1), headers=stranger), 404)
        assert_problem(await undo(client, place, 1, headers=stranger), 404)
        assert (await client.get(place, headers=lab)).json()["steps"] == 1
