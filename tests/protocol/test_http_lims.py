"""HTTP: a kept result in the formats of laboratories."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx
import numpy as np
import pytest

from service.lims import check_two_dimension
from tests.http_service import png
from tests.tiny_model import paint

pytestmark = pytest.mark.anyio

FIELD = png(paint(np.repeat(np.arange(4), 1600).reshape(80, 80)))
NAMES = ("senaite.csv", "edd-long.csv", "edd-wide.csv")


async def analysed(client: httpx.AsyncClient, request: dict[str, Any]) -> str:
    data = {"request": json.dumps(request)}
    answer = await client.post("/v1/analyses", files={"image": ("a.png", FIELD)}, data=data)
    return answer.headers["location"]


async def test_a_named_sample_is_read_in_every_format(client: httpx.AsyncClient) -> None:
    location = await analysed(client, {"sample": {"id": "SEC-0001"}, "um_per_px": 0.5})
    result = (await client.get(location)).json()
    files = {name: await client.get(f"{location}/{name}") for name in NAMES}
    for file in files.values():
        assert (file.status_code, file.headers["content-type"]) == (200, "text/csv; charset=utf-8")
        assert file.headers["x-content-type-options"] == "nosniff"
    taken = {one.keyword: one.value for one in check_two_dimension(files["senaite.csv"].text)}
    rows = csv.DictReader(io.StringIO(files["edd-long.csv"].text, newline=""))
    long = {row["ANALYTE"]: row for row in rows}
    for entry in result["modal"]:
        keyword = f"MOD_{entry['symbol'].upper().replace('/', '_')}"
        assert taken[keyword] == pytest.approx(entry["area_percent"], abs=0.005)
        assert float(long[keyword]["RESULT"]) == taken[keyword]
    assert {row["RESULTID"] for row in long.values()} == {result["id"]}
    head = await client.head(f"{location}/senaite.csv")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(("sample", "status"), [(None, 422), ("a,b", 422)])
async def test_a_sample_that_cannot_be_named_is_a_problem(
    client: httpx.AsyncClient, sample: str | None, status: int
) -> None:
    location = await analysed(client, {"sample": {"id": sample}})
    answer = await client.get(f"{location}/senaite.csv")
    assert answer.status_code == status
    assert answer.json()["type"] == "urn:petroserve:problem:invalid-parameter"


@pytest.mark.parametrize("name", NAMES)
async def test_an_analysis_that_is_not_there_is_a_404(client: httpx.AsyncClient, name: str) -> None:
    for result_id in ("00000000-0000-4000-8000-000000000000", "..", "x"):
        assert (await client.get(f"/v1/analyses/{result_id}/{name}")).status_code == 404
