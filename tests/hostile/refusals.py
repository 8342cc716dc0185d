"""What the hostile requests have in common: small limits, and how a refusal looks."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np

from tests.http_service import png
from tests.tiny_model import paint

GOOD = png(paint(np.zeros((8, 8), dtype=np.intp)))
MULTIPART = {"Content-Type": "multipart/form-data; boundary=cut"}
MAX_IMAGE_BYTES, MAX_REQUEST_BYTES = 300_000, 6_000
MAX_VIEWS, MAX_SERIES_BYTES = 16, 200_000
# Views of the image have the limits of a series, and each may have a part header.
BODY_LIMIT = MAX_IMAGE_BYTES + MAX_SERIES_BYTES + MAX_REQUEST_BYTES + 64 * 1024 + MAX_VIEWS * 1024


def assert_problem(response: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """Check that a response is a problem document whose detail holds the words."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "instance"}
    assert problem["status"] == status
    assert problem["type"].startswith("urn:petroserve:problem:")
    for word in words:
        assert word in problem["detail"], problem["detail"]
    return problem


async def assert_healthy(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).status_code == 200
    response = await client.post("/v1/analyses", files={"image": ("good.png", GOOD)})
    assert response.status_code == 201
