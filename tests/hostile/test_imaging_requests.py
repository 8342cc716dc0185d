"""Imaging requests that are wrong, by mistake or on purpose: a clear 4xx, and the service goes on."""

from __future__ import annotations

import json

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.refusals import GOOD, MULTIPART, assert_healthy, assert_problem
from tests.http_service import body, part, png, png_header

pytestmark = pytest.mark.anyio

# For every kind the part that must be there, and one that it knows besides.
KINDS = {
    "calibrations": ("image", "labels"),
    "registrations": ("reference", "view"),
    "panoramas": ("field", "flat_field"),
    "evaluations": ("truth", "prediction"),
}
FIELDS = [
    "reference", "white_rgb", "name", "source", "colours", "code", "colour_rgb", "views", "light",
    "stage_angle_deg", "grid", "rows", "cols", "order", "overlap_fraction", "model", "flat_field",
    "lens", "k1", "height_px", "um_per_px", "analysis", "calibration", "compression", "association",
    "border_px", "analyses",
]  # fmt: skip


def request_part(text: str) -> bytes:
    return part("request", text.encode("utf-8", "surrogatepass"), filename=None)


def whole(kind: str, text: str = "{}") -> bytes:
    wanted, other = KINDS[kind]
    return body(
        part(wanted, GOOD, filename="a.png"),
        part(other, GOOD, filename="b.png"),
        request_part(text),
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_bodies_that_are_no_forms(client: httpx.AsyncClient, kind: str) -> None:
    wanted, other = KINDS[kind]
    path = f"/v1/{kind}"

    for content, status, word in (
        (b"", 400, "breaks off"),
        (b"\x00" * 1000, 400, ""),
        (b"--cut--\r\n", 400, f"'{wanted}'"),
        (body(part(other, GOOD)), 400, f"'{wanted}'"),
        (body(part(wanted, GOOD, filename=None)), 400, "filename"),
        (whole(kind)[:-20], 400, "breaks off"),
        (body(part(wanted, GOOD), part("mask", GOOD)), 422, "'mask' is unknown"),
        (body(part(wanted, GOOD), request_part("{}"), request_part("{}")), 422, "2 times"),
        (body(*[part("mask", b"x")] * 2000), 400, "Too many files"),
        (whole(kind, "{"), 400, "no JSON"),
        (whole(kind, "[" * 1900), 400, "recursion"),
        (whole(kind, '{"colour": 1}'), 422, "colour"),
        (whole(kind, "[]"), 422, ""),
    ):
        response = await client.post(path, content=content, headers=MULTIPART)
        assert_problem(response, status, word)
    assert_problem(await client.post(path, content=GOOD), 415, f"'{wanted}'")
    await assert_healthy(client)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "image", [b"", b"no image", GOOD[:-20], png_header(2**31 - 1, 2**31 - 1), png_header(400, 251)]
)
async def test_bytes_that_are_no_images(client: httpx.AsyncClient, kind: str, image: bytes) -> None:
    wanted, other = KINDS[kind]
    files = [
        (name, (f"{number}.png", image)) for number, name in enumerate((wanted, other, wanted))
    ]
    if kind == "calibrations":
        files.append((other, ("3.png", image)))
    if kind == "registrations":
        files.pop()

    response = await client.post(f"/v1/{kind}", files=files)

    assert response.status_code in {413, 415, 422}, response.text
    assert_problem(response, response.status_code)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_not_kept(client: httpx.AsyncClient, kind: str) -> None:
    never_made = "00000000-0000-4000-8000-000000000000"
    for one in (never_made, "f" * 64, "4711", "..%2F..", "%00", "%ff%fe", "x" * 10_000):
        problem = assert_problem(await client.get(f"/v1/{kind}/{one}"), 404)
        if "%2F" not in one:
            assert problem["type"] == f"urn:petroserve:problem:{kind[:-1]}-not-found"
        for name in ("report.json", "..%2Freport.json", "labels.png%00", ".aside"):
            assert_problem(await client.get(f"/v1/{kind}/{one}/{name}"), 404)
    assert_problem(await client.get(f"/v1/{kind}"), 405)
    assert_problem(await client.delete(f"/v1/{kind}/{never_made}"), 405)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=10,
)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_json_makes_it_fail(client: httpx.AsyncClient, kind: str) -> None:
    texts: list[str] = []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES, max_size=3).map(json.dumps))
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    for text in texts:
        response = await client.post(f"/v1/{kind}", content=whole(kind, text), headers=MULTIPART)
        assert response.status_code < 500, (text, response.text)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_picture_makes_it_fail(client: httpx.AsyncClient, kind: str) -> None:
    random = np.random.default_rng(5)
    wanted, other = KINDS[kind]
    for number in range(12):
        pictures = [
            random.integers(0, 256, (*random.integers(1, 90, 2), 3), dtype=np.uint8)
            if number % 3
            else np.full((*random.integers(1, 90, 2), 3), number * 20, dtype=np.uint8)
            for _ in range(2)
        ]
        second = wanted if kind == "panoramas" else other
        files = [(wanted, ("a.png", png(pictures[0]))), (second, ("b.png", png(pictures[1])))]
        response = await client.post(f"/v1/{kind}", files=files)
        assert response.status_code < 500, response.text
    await assert_healthy(client)
