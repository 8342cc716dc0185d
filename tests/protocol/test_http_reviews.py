"""Reviews over HTTP: the next version of an analysis, and none that is overwritten."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import httpx
import numpy as np
import pytest

from petrography.report import Result
from tests.http_service import png
from tests.tiny_model import CODES, paint

pytestmark = pytest.mark.anyio

FIELD = png(paint(np.random.default_rng(5).integers(0, len(CODES), (40, 50))))
OTHER = png(paint(np.random.default_rng(6).integers(0, len(CODES), (40, 50))))
SAMPLE = {"id": "SEC-1", "operator": "I. Petrova"}
PROBLEM = "urn:petroserve:problem:"


async def post(client: httpx.AsyncClient, image: bytes = FIELD, **request: Any) -> httpx.Response:
    data = {"request": json.dumps(request)}
    return await client.post("/v1/analyses", files={"image": ("field.png", image)}, data=data)


async def listed(client: httpx.AsyncClient, **wanted: Any) -> list[dict[str, Any]]:
    return list((await client.get("/v1/analyses", params=wanted)).json()["analyses"])


async def test_a_review_makes_a_version_and_overwrites_nothing(client: httpx.AsyncClient) -> None:
    made = await post(client, sample=SAMPLE)
    place = made.headers["location"]
    first = await client.get(place)

    async def correct(**fields: Any) -> httpx.Response:
        answer = await client.post(f"{place}/corrections", json=fields)
        assert answer.status_code == 201, answer.text
        return answer

    final = await correct(status="final", reviewer="A. Ivanova", version=1)
    assert final.headers["location"] == f"{place}?version=2"
    reason = "the label of the section was read wrongly"
    wrong = await correct(
        status="corrected", reviewer="A. Ivanova", reason=reason, sample={"id": "SEC-2"}
    )
    other = (await post(client, OTHER, sample={"id": "SEC-2", "operator": "I. Petrova"})).json()
    again = await correct(
        status="corrected", reviewer="A. Ivanova", reason="wrong image", analysis=other["id"]
    )
    rejected = await correct(status="rejected", reviewer="A. Ivanova", reason="scratched")

    versions = [await client.get(place, params={"version": number}) for number in range(1, 6)]
    assert [version.content for version in versions] == [
        made.content,
        final.content,
        wrong.content,
        again.content,
        rejected.content,
    ]
    assert versions[0].content == first.content
    results = [Result.model_validate_json(version.content) for version in versions]
    assert [one.status for one in results] == [
        "preliminary",
        "final",
        "corrected",
        "corrected",
        "rejected",
    ]
    assert {one.id for one in results} == {made.json()["id"]}
    samples = [one.sample.id for one in results if one.sample is not None]
    assert samples == ["SEC-1", "SEC-1", "SEC-2", "SEC-2", "SEC-2"]
    assert results[2].sample is not None
    assert results[2].sample.operator == "I. Petrova"
    assert results[3].modal == Result.model_validate(other).modal != results[2].modal
    assert [one.reason for one in results[4].reviews] == [None, reason, "wrong image", "scratched"]

    newest = await client.get(place)
    assert newest.content == rejected.content
    assert (await client.get(f"{place}/result.json")).content == rejected.content
    etags = {version.headers["etag"] for version in versions}
    assert len(etags) == 5
    assert newest.headers["etag"] == versions[4].headers["etag"]
    stale = await client.get(place, headers={"If-None-Match": first.headers["etag"]})
    assert stale.status_code == 200
    assert "no-cache" in newest.headers["cache-control"]
    table = (await client.get(f"{place}/edd-long.csv")).text
    assert "SEC-2" in table
    assert "SEC-1" not in table
    entry = next(one for one in await listed(client) if one["id"] == made.json()["id"])
    assert (entry["state"], entry["status"], entry["version"]) == ("done", "rejected", 5)
    assert await listed(client, status="final") == []


REFUSED_REVIEWS: list[tuple[dict[str, Any], int, str]] = [
    ({"status": "final", "reviewer": "i. petrova"}, 422, "another reviewer"),
    ({"status": "final"}, 422, "reviewer"),
    ({"status": "preliminary", "reviewer": "A"}, 422, "status"),
    ({"status": "rejected", "reviewer": "A"}, 422, "reason"),
    ({"status": "corrected", "reviewer": "A", "reason": "x"}, 422, "the body is not possible: "),
    (
        {"status": "corrected", "reviewer": "A", "reason": "x"},
        422,
        "status is corrected, and nothing is; wanted sample or analysis, or both",
    ),
    (
        {"status": "final", "reviewer": "A", "sample": {"id": "X"}},
        422,
        "wanted sample with status corrected only",
    ),
    ({"status": "final", "reviewer": "A\nB"}, 422, "reviewer"),
    ({"status": "final", "reviewer": "A", "version": 7}, 409, "version 1, not 7"),
    ({"status": "final", "reviewer": "A", "more": 1}, 422, "more"),
    (
        {"status": "corrected", "reviewer": "A", "reason": "x", "sample": {"id": "X"}},
        422,
        "cannot become corrected",
    ),
]


async def test_a_review_that_cannot_be_is_refused(client: httpx.AsyncClient) -> None:
    place = (await post(client, sample=SAMPLE)).headers["location"]

    for fields, status, said in REFUSED_REVIEWS:
        answer = await client.post(f"{place}/corrections", json=fields)
        assert (answer.status_code, fields) == (status, fields)
        assert answer.headers["content-type"] == "application/problem+json"
        assert said in answer.json()["detail"]
    assert (await client.get(place)).json()["version"] == 1


async def test_a_review_keeps_the_four_eyes(client: httpx.AsyncClient) -> None:
    place = (await post(client, sample=SAMPLE)).headers["location"]
    await client.post(f"{place}/corrections", json={"status": "final", "reviewer": "A. Ivanova"})
    fields = {"status": "corrected", "reviewer": "B. Serov", "reason": "another operator"}

    for operator, said in (("B. Serov", "operator and reviewer"), ("C. Orlov", None)):
        # Who made the analysis stays who may not review it, whatever the correction says.
        own = fields | {"sample": {"operator": operator}}
        answer = await client.post(f"{place}/corrections", json=own)
        assert answer.status_code == (422 if said else 201)
        assert (said or "") in answer.text
    missing = await client.post(f"{place}/corrections", json=fields | {"analysis": "0" * 36})
    assert (missing.status_code, missing.json()["type"]) == (404, f"{PROBLEM}analysis-not-found")


async def test_nobody_corrects_with_an_analysis_of_their_own(client: httpx.AsyncClient) -> None:
    place = (await post(client, sample=SAMPLE)).headers["location"]
    await client.post(f"{place}/corrections", json={"status": "final", "reviewer": "A. Ivanova"})
    other = (await post(client, OTHER, sample={"id": "SEC-1", "operator": "B. Serov"})).json()

    fields = {"status": "corrected", "reason": "r", "analysis": other["id"]}
    for reviewer in ("B. Serov", "\u200bb.  serov", "\u200b", "I. Petrova\u00ad"):
        answer = await client.post(f"{place}/corrections", json=fields | {"reviewer": reviewer})
        assert (answer.status_code, "wanted" in answer.json()["detail"]) == (422, True)
    # Who is taken out of the sample has made the analysis all the same.
    unnamed = {"status": "corrected", "reason": "r", "sample": {"operator": None}}
    cleared = await client.post(f"{place}/corrections", json=unnamed | {"reviewer": "A. Ivanova"})
    assert (cleared.status_code, cleared.json()["sample"]["operator"]) == (201, None)
    void = {"status": "rejected", "reason": "r", "reviewer": "I. Petrova"}
    assert (await client.post(f"{place}/corrections", json=void)).status_code == 422


async def test_a_correction_of_nothing_is_refused(client: httpx.AsyncClient) -> None:
    place = (await post(client, sample=SAMPLE)).headers["location"]
    await client.post(f"{place}/corrections", json={"status": "final", "reviewer": "A. Ivanova"})
    fields = {"status": "corrected", "reviewer": "A. Ivanova", "reason": "r"}
    own = place.rpartition("/")[2]

    for nothing in (
        {"sample": {}},
        {"sample": {"id": "SEC-1"}},
        {"analysis": own},
        {"analysis": own, "sample": {"id": "SEC-2"}},
    ):
        answer = await client.post(f"{place}/corrections", json=fields | nothing)
        assert (answer.status_code, "wanted" in answer.json()["detail"]) == (422, True)
    assert (await client.get(place)).json()["version"] == 2


async def test_a_rejected_analysis_corrects_no_other(client: httpx.AsyncClient) -> None:
    place = (await post(client, sample=SAMPLE)).headers["location"]
    await client.post(f"{place}/corrections", json={"status": "final", "reviewer": "A. Ivanova"})
    other = (await post(client, OTHER, sample=SAMPLE)).json()["id"]
    fields = {"reviewer": "A. Ivanova", "reason": "r"}
    by_other = fields | {"status": "corrected", "analysis": other}

    taken = await client.post(f"{place}/corrections", json=by_other)
    assert (taken.status_code, taken.json()["reviews"][-1]["analysis"]) == (201, other)
    void = await client.post(
        f"/v1/analyses/{other}/corrections", json=fields | {"status": "rejected"}
    )
    assert void.status_code == 201
    answer = await client.post(f"{place}/corrections", json=by_other)
    assert (answer.status_code, "is rejected" in answer.json()["detail"]) == (422, True)


async def test_hostile_bodies_of_reviews(client: httpx.AsyncClient) -> None:
    place = (await post(client)).headers["location"]

    for content, media_type, status in (
        (b"{", "application/json", 400),
        (b'{"status": "final", "status": "final", "reviewer": "A"}', "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 422),
        (b" " * 100_000, "application/json", 413),
        (b"{}", "text/plain", 415),
    ):
        answer = await client.post(
            f"{place}/corrections", content=content, headers={"Content-Type": media_type}
        )
        assert (answer.status_code, content[:20]) == (status, content[:20])
    unknown = f"/v1/analyses/{uuid.uuid4()}"
    nobody = await client.post(f"{unknown}/corrections", json={"status": "final", "reviewer": "A"})
    assert nobody.status_code == 404


async def test_two_reviews_of_one_version_make_one(client: httpx.AsyncClient) -> None:
    place = (await post(client, sample=SAMPLE)).headers["location"]

    answers = await asyncio.gather(
        *(
            client.post(
                f"{place}/corrections",
                json={"status": "final", "reviewer": f"R {number}", "version": 1},
            )
            for number in range(6)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    assert (await client.get(place)).json()["version"] == 2


async def test_versions_that_there_are_not(client: httpx.AsyncClient) -> None:
    place = (await post(client)).headers["location"]

    missing = await client.get(place, params={"version": 2})
    assert (missing.status_code, "there are 1 to 1" in missing.text) == (404, True)
    for version in ("0", "-1", "x", "9999999999"):
        assert (await client.get(place, params={"version": version})).status_code == 422
    # The files of versions have no names of their own.
    await client.post(f"{place}/corrections", json={"status": "final", "reviewer": "A"})
    assert (await client.get(f"{place}/result.2.json")).status_code == 404
