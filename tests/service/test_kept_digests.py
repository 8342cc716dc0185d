"""A result that was changed or cut where it is kept is told of, and nothing is made from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from petrography.errors import DamagedResultError
from service.engine import Engine, open_version
from service.engine.derived_files import open_file
from tests.hostile.refusals import assert_problem
from tests.http_service import png
from tests.tiny_model import paint

pytestmark = pytest.mark.anyio

FIELD = png(paint(np.zeros((8, 8), dtype=np.intp)))
APPROVED = {"status": "final", "reviewer": "Grace"}


def altered(content: bytes) -> bytes:
    return content.replace(b"100.0", b"99.5", 1)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


async def made(client: httpx.AsyncClient, **asked: Any) -> str:
    request = {"sample": {"id": "SEC-1"}} | asked
    files = {"image": ("field.png", FIELD), "request": (None, json.dumps(request))}
    answer = await client.post("/v1/analyses", files=files)
    assert answer.status_code == 201
    return str(answer.json()["id"])


def folder_of(analysis_id: str, tmp_path: Path) -> Path:
    return tmp_path / "kept" / "analyses" / analysis_id


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("damage", [altered, cut])
async def test_what_was_changed_is_neither_told_nor_reviewed(
    service: tuple[httpx.AsyncClient, Engine],
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
    version: int,
) -> None:
    client, engine = service
    analysis_id = await made(client)
    place = f"/v1/analyses/{analysis_id}"
    if version == 2:
        await client.post(f"{place}/corrections", json=APPROVED)
    newest = folder_of(analysis_id, tmp_path) / ("result.json", "result.2.json")[version - 1]
    before = newest.read_bytes()
    assert damage(before) != before

    newest.write_bytes(damage(before))

    void = {"status": "rejected", "reviewer": "Grace", "reason": "r"}
    for answer in (
        await client.get(place),
        await client.get(f"{place}/result.json"),
        await client.get(place, params={"version": version}),
        await client.get(f"{place}/senaite.csv"),
        await client.post(f"{place}/corrections", json=void),
    ):
        problem = assert_problem(answer, 503, "changed or damaged after it was kept")
        assert problem["type"].endswith("result-damaged")
    with pytest.raises(DamagedResultError):
        open_file(engine.recorded, analysis_id, "result.json")
    if version == 2:
        assert (await client.get(place, params={"version": 1})).status_code == 200

    newest.write_bytes(before)
    assert (await client.get(place)).content == before
    assert (await client.post(f"{place}/corrections", json=void)).status_code == 201


async def test_numbers_of_a_changed_analysis_correct_no_other(
    service: tuple[httpx.AsyncClient, Engine], tmp_path: Path
) -> None:
    client, _ = service
    place, other = f"/v1/analyses/{await made(client)}", await made(client)
    await client.post(f"{place}/corrections", json=APPROVED)
    document = folder_of(other, tmp_path) / "result.json"
    document.write_bytes(altered(document.read_bytes()))

    by_other = APPROVED | {"status": "corrected", "reason": "r", "analysis": other}
    assert_problem(await client.post(f"{place}/corrections", json=by_other), 503, other)
    assert (await client.get(place)).json()["version"] == 2


async def test_the_digests_are_what_sha256sum_reads(
    service: tuple[httpx.AsyncClient, Engine], tmp_path: Path
) -> None:
    client, engine = service
    analysis_id = await made(client)
    await client.post(f"/v1/analyses/{analysis_id}/corrections", json=APPROVED)

    folder = folder_of(analysis_id, tmp_path)
    kept = {path.name: path.read_bytes() for path in folder.glob("*.sha256")}
    assert kept == {
        f"{name}.sha256": f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n".encode()
        for name in ("result.json", "result.2.json")
    }
    there = tmp_path / "bucket" / "analyses" / analysis_id
    if engine.settings.artefacts_url is not None:
        assert (there / "added" / "result.2.json.sha256").read_bytes() == kept[
            "result.2.json.sha256"
        ]
    # They are no files of the analysis.
    answer = await client.get(f"/v1/analyses/{analysis_id}/result.json.sha256")
    assert_problem(answer, 404, "result.json.sha256")


@pytest.mark.parametrize("damage", [altered, cut])
async def test_without_a_digest_a_result_has_to_be_one(
    service: tuple[httpx.AsyncClient, Engine], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    client, engine = service
    analysis_id = await made(client)
    place = f"/v1/analyses/{analysis_id}"
    document = folder_of(analysis_id, tmp_path) / "result.json"
    # As a service left it that kept none.
    document.with_name("result.json.sha256").unlink()
    document.write_bytes(damage(document.read_bytes()))

    answers = [await client.get(place), await client.get(f"{place}/senaite.csv")]
    wanted = 503 if damage is cut else 200
    assert [one.status_code for one in answers] == [wanted] * 2

    document.write_bytes(b"{}")
    assert_problem(await client.get(f"{place}/senaite.csv"), 503, "is no result")
    assert_problem(await client.post(f"{place}/corrections", json=APPROVED), 503, "is no result")
    with open_version(engine.store, analysis_id).file as file:
        assert file.read() == b"{}"
