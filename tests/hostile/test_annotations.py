"""Annotation requests that are wrong, by mistake or on purpose: a clear 4xx, and nothing is drawn."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.annotated import begun, draw, square, stroke, undo
from tests.hostile.refusals import (
    GOOD,
    MAX_REQUEST_BYTES,
    MULTIPART,
    assert_healthy,
    assert_problem,
)
from tests.http_service import body, part, png_header

pytestmark = pytest.mark.anyio

NEVER_MADE = "/v1/annotations/00000000-0000-4000-8000-000000000000"
JSON = {"Content-Type": "application/json"}
DOT = '{"code": 1, "points": [[5, 5]]%s}'


def step_of(strokes: str) -> str:
    return f'{{"strokes": [{strokes}]}}'


@pytest.mark.parametrize(
    ("text", "status", "word"),
    [
        ("", 400, "no JSON"),
        ("{", 400, "no JSON"),
        ("[" * 2900, 400, "recursion"),
        ("[]", 422, ""),
        ("{}", 422, "strokes"),
        ('{"strokes": []}', 422, "strokes"),
        ('{"strokes": 1}', 422, "strokes"),
        (f'{{"strokes": [{DOT % ""}], "strokes": [{DOT % ""}]}}', 400, "2 times"),
        (step_of(DOT % "")[:-1] + ', "colour": 1}', 422, "colour"),
        (step_of(DOT % ', "colour": 1'), 422, "colour"),
        (step_of(DOT % ', "width_px": NaN'), 422, "finite"),
        (step_of(DOT % ', "width_px": 0'), 422, "width_px"),
        (step_of(DOT % ', "width_px": -5'), 422, "width_px"),
        (step_of(DOT % ', "width_px": 1e308'), 422, "width_px"),
        (step_of(DOT % ', "width_px": 1e999'), 422, "width_px"),
        (step_of(DOT % ', "width_px": "5"'), 422, "width_px"),
        (step_of(DOT % ', "exact": 1'), 422, "exact"),
        (step_of('{"points": [[5, 5]]}'), 422, "code"),
        (step_of('{"code": 1}'), 422, "points"),
        (step_of('{"code": 1, "points": []}'), 422, "points"),
        (step_of('{"code": 1, "points": [[5]]}'), 422, "points"),
        (step_of('{"code": 1, "points": [[5, 5, 5]]}'), 422, "points"),
        (step_of('{"code": 1, "points": [[NaN, 5]]}'), 422, "finite"),
        (step_of('{"code": 1, "points": [[1e308, 5]]}'), 422, "1e+308"),
        (step_of('{"code": 1, "points": [[5, -1e308]]}'), 422, "-1e+308"),
        (step_of('{"code": 1, "points": [[1e999, 5]]}'), 422, "points"),
        (step_of('{"code": 1, "points": [[null, 5]]}'), 422, "points"),
        (step_of('{"code": 1, "points": [[120, 5]]}'), 422, "rows 0 to 119"),
        (step_of('{"code": 1, "points": [[5, 5], [5, 160]]}'), 422, "columns 0 to 159"),
        (step_of('{"code": 1, "points": [[-1, 5]]}'), 422, "point 0 of stroke 0"),
        (step_of('{"code": 255, "points": [[5, 5]]}'), 422, "code"),
        (step_of('{"code": -1, "points": [[5, 5]]}'), 422, "code"),
        (step_of('{"code": 1.5, "points": [[5, 5]]}'), 422, "code"),
        (step_of('{"code": "Ccp", "points": [[5, 5]]}'), 422, "code"),
        (step_of('{"code": 5, "points": [[5, 5]]}'), 422, "wanted one of 0, 1, 2, 6"),
        (step_of('{"code": 200, "points": [[5, 5]]}'), 422, "stroke 0 has code 200"),
        (f'{{"strokes": "{"x" * MAX_REQUEST_BYTES}"}}', 413, "accepted"),
    ],
)  # fmt: skip
async def test_steps_that_are_none(
    client: httpx.AsyncClient, text: str, status: int, word: str
) -> None:
    place = await begun(client, {"association": "0,1,2,6"})

    response = await client.post(f"{place}/steps", content=text, headers=JSON)

    assert_problem(response, status, word)
    assert (await client.get(place)).json()["steps"] == 0
    assert (await client.get(f"{place}/steps")).json()["entries"] == []


async def test_a_step_of_which_one_stroke_is_wrong_draws_nothing(
    client: httpx.AsyncClient,
) -> None:
    place = await begun(client)
    before = (await client.get(f"{place}/labels.png")).content

    assert_problem(
        await draw(client, place, square(0, 0), stroke(1, (500.0, 0.0))), 422, "stroke 1"
    )

    assert (await client.get(f"{place}/labels.png")).content == before
    # And what comes next is drawn as if nothing had been.
    assert (await draw(client, place, square(0, 0))).json()["step"] == 1


async def test_bodies_that_are_no_json(client: httpx.AsyncClient) -> None:
    place = await begun(client)
    step = json.dumps({"strokes": [square(0, 0)]})

    for headers, status in (
        ({}, 415),
        ({"Content-Type": "text/plain"}, 415),
        ({**JSON, "Content-Encoding": "gzip"}, 415),
    ):
        response = await client.post(f"{place}/steps", content=step, headers=headers)
        assert_problem(response, status)
    assert (await client.get(place)).json()["steps"] == 0


async def test_forms_that_begin_nothing(client: httpx.AsyncClient) -> None:
    def whole(text: str) -> bytes:
        return body(
            part("image", GOOD, filename="a.png"),
            part("request", text.encode(), filename=None),
        )

    for content, status, word in (
        (b"", 400, "breaks off"),
        (b"--cut--\r\n", 400, "'image'"),
        (body(part("image", GOOD, filename=None)), 400, "filename"),
        (body(part("image", GOOD), part("image", GOOD)), 422, "2 times"),
        (body(part("image", GOOD), part("labels", GOOD)), 422, "'labels' is unknown"),
        (body(part("image", b"no image")), 415, ""),
        (body(part("image", GOOD[:-20])), 422, ""),
        (body(part("image", png_header(2**31 - 1, 2**31 - 1))), 413, ""),
        (body(part("image", png_header(400, 251))), 413, ""),
        (whole("{"), 400, "no JSON"),
        (whole('{"association": "S9"}'), 422, "S1, S2, S3"),
        (whole('{"association": "0"}'), 422, "background"),
        (whole('{"association": 1}'), 422, "association"),
        (whole('{"um_per_px": -1}'), 422, "um_per_px"),
        (whole('{"um_per_px": NaN}'), 422, "um_per_px"),
        (whole('{"model": "tiny"}'), 422, "model"),
        (whole('{"sample": {"id": 1}}'), 422, "id"),
    ):
        response = await client.post("/v1/annotations", content=content, headers=MULTIPART)
        assert_problem(response, status, word)
    await assert_healthy(client)


async def test_what_is_not_kept(client: httpx.AsyncClient) -> None:
    for one in (NEVER_MADE, "/v1/annotations/4711", "/v1/annotations/%00", "/v1/annotations/x%2Fy"):
        for name in ("", "/steps", "/labels.png", "/image.png", "/proposals", "/superpixels.npz"):
            problem = assert_problem(await client.get(f"{one}{name}"), 404)
            if "%2F" not in one:
                assert problem["type"] == "urn:petroserve:problem:annotation-not-found"
        if "%2F" not in one:
            assert_problem(await draw(client, one, square(0, 0)), 404)
            assert_problem(await undo(client, one, 1), 404)
    place = await begun(client)
    for name in ("superpixels", "step.1.json", "..%2Fannotation.json", ".aside", "nothing"):
        assert_problem(await client.get(f"{place}/{name}"), 404)
    for number in ("0", "-1", "x", "1e3", "99999999999999999999"):
        assert_problem(await client.delete(f"{place}/steps/{number}"), 422)
    assert_problem(await client.delete(place), 405)
    assert_problem(await client.get("/v1/annotations"), 405)
    assert_problem(await client.get(f"{place}/steps/1"), 405)
    assert_problem(await client.get(f"{place}?steps=1"), 422, "'steps' is unknown")


FIELDS = ["strokes", "code", "points", "width_px", "exact", "association", "sample"]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=10,
)


async def test_no_json_makes_it_fail(client: httpx.AsyncClient) -> None:
    place = await begun(client)
    texts: list[str] = []
    points = st.lists(st.tuples(st.floats(), st.floats()), max_size=3)
    one = st.fixed_dictionaries(
        {"code": st.none() | st.integers(-1, 256), "points": points},
        optional={"width_px": st.floats(), "exact": st.booleans()},
    )

    @settings(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(one | JSON_VALUES, max_size=3).map(lambda found: json.dumps({"strokes": found}))
    )
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    for text in texts:
        response = await client.post(f"{place}/steps", content=text, headers=JSON)
        assert response.status_code < 500, (text, response.text)
    entries: list[Any] = (await client.get(f"{place}/steps")).json()["entries"]
    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))
