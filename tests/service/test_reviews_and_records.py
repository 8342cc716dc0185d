"""A review is in the result and in the catalogue, whatever fails in between."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from petrography.errors import BucketUnavailableError, DatabaseUnavailableError
from service.bucket import Bucket
from service.catalogue import Catalogue
from service.engine import Engine, newest_version
from service.engine.open_artefact import OpenArtefact
from tests.hostile.refusals import assert_problem
from tests.http_service import png, running_service, settings_for
from tests.tiny_model import paint

pytestmark = pytest.mark.anyio

FIELD = png(paint(np.zeros((8, 8), dtype=np.intp)))
APPROVED = {"status": "final", "reviewer": "Grace", "version": 1}
RENAMED = {
    "status": "corrected",
    "reviewer": "Grace",
    "reason": "the label was read wrongly",
    "sample": {"id": "SEC-0007"},
}


def gone(*_: Any, **__: Any) -> bool:
    msg = "gone"
    raise DatabaseUnavailableError(msg)


class Killed(BaseException):
    """The process ends here."""


async def made(client: httpx.AsyncClient, **asked: Any) -> str:
    files = {"image": ("field.png", FIELD), "request": (None, json.dumps(asked))}
    answer = await client.post("/v1/analyses", files=files)
    assert answer.status_code == 201
    return str(answer.json()["id"])


async def listed_under(client: httpx.AsyncClient, sample_id: str) -> list[str]:
    listed = await client.get("/v1/analyses", params={"sample_id": sample_id})
    return [one["id"] for one in listed.json()["analyses"]]


async def recorded(client: httpx.AsyncClient, analysis_id: str) -> tuple[str, int]:
    listed = (await client.get("/v1/analyses")).json()["analyses"]
    (entry,) = (one for one in listed if one["id"] == analysis_id)
    return entry["status"], entry["version"]


async def test_a_review_that_is_not_recorded_is_taken_back_everywhere(
    service: tuple[httpx.AsyncClient, Engine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client, engine = service
    analysis_id = await made(client)
    place = f"/v1/analyses/{analysis_id}"

    with monkeypatch.context() as broken:
        broken.setattr(engine.recorded.catalogue, "note", gone)
        refused = await client.post(f"{place}/corrections", json=APPROVED)
    assert refused.status_code == 503

    assert newest_version(engine.store, analysis_id) == 1
    assert not list(tmp_path.rglob("result.2.json"))
    again = await client.post(f"{place}/corrections", json=APPROVED)
    assert (again.status_code, again.json()["version"]) == (201, 2)
    assert await recorded(client, analysis_id) == ("final", 2)


@pytest.mark.parametrize("how", ["read", "reviewed"])
async def test_what_was_kept_by_a_process_that_was_given_up_is_done(
    service: tuple[httpx.AsyncClient, Engine], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    client, engine = service
    note = Catalogue.note

    def killed_at_the_end(catalogue: Catalogue, analysis_id: str, **what: Any) -> bool:
        return gone() if what["state"] == "done" else note(catalogue, analysis_id, **what)

    monkeypatch.setattr(Catalogue, "note", killed_at_the_end)
    analysis_id = await made(client)
    monkeypatch.undo()
    # A minute later (`service.jobs.record_expiry`).
    monkeypatch.setattr("service.catalogue.keys.LEASE_S", -1.0)
    assert engine.recorded.catalogue.end_abandoned() == 1

    place, version = f"/v1/analyses/{analysis_id}", 1
    if how == "read":
        assert (await client.get(place)).status_code == 200
    else:
        reviewed = await client.post(f"{place}/corrections", json=APPROVED)
        assert reviewed.status_code == 201
        version = 2
    (entry,) = (await client.get("/v1/analyses")).json()["analyses"]
    status = "preliminary" if version == 1 else "final"
    assert [entry[name] for name in ("state", "status", "version", "problem")] == [
        "done",
        status,
        version,
        None,
    ]


@pytest.mark.parametrize("how", ["read", "reviewed"])
async def test_the_catalogue_follows_a_review_whose_process_was_killed(
    service: tuple[httpx.AsyncClient, Engine], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    client, engine = service
    analysis_id = await made(client)
    place = f"/v1/analyses/{analysis_id}"

    def killed(*_: Any, **__: Any) -> bool:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(engine.recorded.catalogue, "note", killed)
        with pytest.raises(Killed):
            await client.post(f"{place}/corrections", json=APPROVED)
    assert await recorded(client, analysis_id) == ("preliminary", 1)

    if how == "read":
        assert (await client.get(place)).json()["version"] == 2
    else:
        repeated = await client.post(f"{place}/corrections", json=APPROVED)
        assert (repeated.status_code, "is at version 2" in repeated.text) == (409, True)
    assert await recorded(client, analysis_id) == ("final", 2)


async def test_the_catalogue_follows_a_result_that_was_read_before_it_was_noted(
    service: tuple[httpx.AsyncClient, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = service
    note = Catalogue.note

    def all_but_the_end(catalogue: Catalogue, analysis_id: str, **what: Any) -> bool:
        return gone() if what["state"] == "done" else note(catalogue, analysis_id, **what)

    monkeypatch.setattr(Catalogue, "note", all_but_the_end)
    analysis_id = await made(client)
    (entry,) = (await client.get("/v1/analyses")).json()["analyses"]
    assert (entry["state"], entry["status"]) == ("running", None)
    # Not even now: it is read all the same.
    assert (await client.get(f"/v1/analyses/{analysis_id}")).status_code == 200
    monkeypatch.undo()
    assert (await client.get(f"/v1/analyses/{analysis_id}")).status_code == 200
    (entry,) = (await client.get("/v1/analyses", params={"state": "done"})).json()["analyses"]
    assert entry["id"] == analysis_id
    assert [entry[name] for name in ("status", "version", "stage", "progress_fraction")] == [
        "preliminary",
        1,
        "report",
        1.0,
    ]


async def test_a_reviewed_result_is_read_without_a_database(
    service: tuple[httpx.AsyncClient, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, engine = service
    place = f"/v1/analyses/{await made(client)}"
    await client.post(f"{place}/corrections", json=APPROVED)

    monkeypatch.setattr(engine.recorded.catalogue, "get", gone)

    assert (await client.get(place)).json()["version"] == 2


async def test_what_cannot_be_taken_back_from_the_bucket_is_recorded_later(
    service: tuple[httpx.AsyncClient, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, engine = service
    if engine.settings.artefacts_url is None:
        return
    analysis_id = await made(client)
    place = f"/v1/analyses/{analysis_id}"

    def silent(*_: Any) -> None:
        msg = "does not answer"
        raise BucketUnavailableError(msg)

    with monkeypatch.context() as broken:
        broken.setattr(engine.recorded.catalogue, "note", gone)
        broken.setattr(Bucket, "remove", silent)
        refused = await client.post(f"{place}/corrections", json=APPROVED)
    assert refused.status_code == 503

    assert (await client.get(place)).json()["version"] == 2
    assert await recorded(client, analysis_id) == ("final", 2)


async def test_nobody_reads_a_review_that_the_bucket_then_does_not_take(
    service: tuple[httpx.AsyncClient, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, engine = service
    if engine.settings.artefacts_url is None:
        return
    analysis_id = await made(client)
    read: list[int] = []

    def silent(*_: Any) -> bool:
        # Whoever reads while the bucket lets the reviewer wait.
        opened = engine.recorded.document(analysis_id)
        assert isinstance(opened, OpenArtefact)
        opened.file.close()
        read.append(opened.version)
        msg = "does not answer"
        raise BucketUnavailableError(msg)

    with monkeypatch.context() as broken:
        broken.setattr(Bucket, "create", silent)
        refused = await client.post(f"/v1/analyses/{analysis_id}/corrections", json=APPROVED)

    assert (refused.status_code, read) == (503, [1])
    assert await recorded(client, analysis_id) == ("preliminary", 1)


@pytest.mark.parametrize("how", ["noted", "caught up"])
async def test_a_corrected_sample_is_listed_under_its_new_id(
    service: tuple[httpx.AsyncClient, Engine], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    client, engine = service
    analysis_id = await made(client, sample={"id": "SEC-0001", "operator": "Ada"})
    place = f"/v1/analyses/{analysis_id}"
    assert (await client.post(f"{place}/corrections", json=APPROVED)).status_code == 201

    def killed(*_: Any, **__: Any) -> bool:
        raise Killed

    with monkeypatch.context() as broken:
        if how == "caught up":
            broken.setattr(engine.recorded.catalogue, "note", killed)
        with suppress(Killed):
            await client.post(f"{place}/corrections", json=RENAMED)
    assert (await client.get(place)).json()["sample"]["id"] == "SEC-0007"

    assert await listed_under(client, "SEC-0007") == [analysis_id]
    assert await listed_under(client, "SEC-0001") == []
    # One that has no id from now on is found under none.
    nameless = {**RENAMED, "sample": {"id": None}}
    assert (await client.post(f"{place}/corrections", json=nameless)).status_code == 201
    assert await listed_under(client, "SEC-0007") == []


async def test_a_review_of_what_is_removed_at_that_moment_is_404(
    model_folder: Path, tmp_path: Path
) -> None:
    async with running_service(settings_for(model_folder, tmp_path / "kept")) as (client, engine):
        analysis_id = await made(client)
        folder_of = engine.store.folder_of

        def removed_after(*asked: Any) -> Path | None:
            folder = folder_of(*asked)
            if folder is not None:
                shutil.rmtree(folder)
            return folder

        with pytest.MonkeyPatch.context() as busy:
            # The one that adds the version: the result was read before.
            busy.setattr(
                engine.audit,
                "reviewed",
                lambda _: busy.setattr(engine.store, "folder_of", removed_after),
            )
            answer = await client.post(f"/v1/analyses/{analysis_id}/corrections", json=APPROVED)
        assert_problem(answer, 404, analysis_id)
