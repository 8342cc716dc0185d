"""Requests that are wrong, by mistake or on purpose: a clear 4xx, and the service goes on."""

from __future__ import annotations

import gzip
import json

import httpx
import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.engine import Engine
from tests.hostile.bad_uploads import BAD_IMAGES, BAD_REQUESTS
from tests.hostile.refusals import (
    GOOD,
    MAX_IMAGE_BYTES,
    MULTIPART,
    assert_healthy,
    assert_problem,
)
from tests.http_service import body, part, png_header

pytestmark = pytest.mark.anyio


def request_part(text: str | bytes) -> bytes:
    content = text if isinstance(text, bytes) else text.encode()
    return part("request", content, filename=None)


BAD_BODIES: dict[str, tuple[bytes, int, tuple[str, ...]]] = {
    "empty body": (b"", 400, ("breaks off after 0 bytes",)),
    "no part": (b"--cut--\r\n", 400, ("image", "missing")),
    "no image part": (body(request_part("{}")), 400, ("image", "missing")),
    "image without filename": (body(part("image", b"abc", filename=None)), 400, ("text field",)),
    "two images": (body(part("image", GOOD), part("image", GOOD)), 422, ("2 times",)),
    "two requests": (
        body(part("image", GOOD), request_part("{}"), request_part("{}")),
        422,
        ("2 times",),
    ),
    "unknown part": (body(part("image", GOOD), part("mask", GOOD)), 422, ("'mask'", "unknown")),
    "very many parts": (body(*[part("image", b"x")] * 500), 400, ("Too many files",)),
    "very many fields": (body(*[request_part("{}")] * 500), 400, ("Too many fields",)),
    "part without name": (
        b"--cut\r\nContent-Disposition: form-data\r\n\r\nx\r\n--cut--\r\n",
        400,
        ("name",),
    ),
    "part without disposition": (b"--cut\r\n\r\nx\r\n--cut--\r\n", 400, ("name",)),
    "very long part header": (
        b"--cut\r\nContent-Disposition: " + b"x" * 100_000 + b"\r\n\r\nx\r\n--cut--\r\n",
        400,
        ("multipart",),
    ),
    "no multipart at all": (b"\x00" * 1000, 400, ()),
    "cut in the middle of the image": (part("image", GOOD)[:-30], 400, ("breaks off",)),
    "request over its limit": (
        body(part("image", GOOD), request_part('{"model": "' + "m" * 7000 + '"}')),
        413,
        ("6000",),
    ),
    "large image without filename": (
        body(part("image", b"\x89" * 7000, filename=None)),
        413,
        ("6000", "image=@field.png"),
    ),
    "request file over its limit": (
        body(part("image", GOOD), part("request", b" " * 7000)),
        413,
        ("7000", "6000"),
    ),
}


@pytest.mark.parametrize("case", BAD_BODIES)
async def test_bad_bodies(client: httpx.AsyncClient, case: str) -> None:
    content, status, words = BAD_BODIES[case]

    response = await client.post("/v1/analyses", content=content, headers=MULTIPART)

    assert_problem(response, status, *words)
    await assert_healthy(client)


@pytest.mark.parametrize("case", BAD_REQUESTS)
async def test_bad_request_parts(client: httpx.AsyncClient, case: str) -> None:
    text, status, words = BAD_REQUESTS[case]
    content = body(part("image", GOOD), request_part(text))

    response = await client.post("/v1/analyses", content=content, headers=MULTIPART)

    assert_problem(response, status, *words)
    await assert_healthy(client)


@pytest.mark.parametrize("case", BAD_IMAGES)
async def test_bad_images(client: httpx.AsyncClient, case: str) -> None:
    image, statuses = BAD_IMAGES[case]

    response = await client.post("/v1/analyses", files={"image": ("field.png", image)})

    assert response.status_code in statuses, response.text
    assert_problem(response, response.status_code)
    await assert_healthy(client)


@pytest.mark.parametrize(
    "content_type",
    [None, "image/png", "application/json", "multipart/mixed; boundary=cut", "\x7f;;=", ""],
)
async def test_another_content_type_is_refused(
    client: httpx.AsyncClient, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    response = await client.post("/v1/analyses", content=GOOD, headers=headers)

    assert_problem(response, 415, "multipart/form-data")


@pytest.mark.parametrize("path", ["/v1/analyses", "/v1/calibrations", "/v1/estimate"])
@pytest.mark.parametrize("packing", ["gzip", "br", "identity, gzip", "GZIP"])
async def test_a_packed_body_is_refused_by_its_packing(
    client: httpx.AsyncClient, path: str, packing: str
) -> None:
    content = gzip.compress(body(part("image", GOOD)))
    kind = "application/json" if path == "/v1/estimate" else "multipart/form-data; boundary=cut"
    headers = {"Content-Type": kind, "Content-Encoding": packing}

    response = await client.post(path, content=content, headers=headers)

    assert_problem(response, 415, repr(packing))
    assert response.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "boundary", ["", "; boundary=", "; boundary=\x00", "; boundary=" + "b" * 300]
)
async def test_a_boundary_that_does_not_cut(client: httpx.AsyncClient, boundary: str) -> None:
    headers = {"Content-Type": f"multipart/form-data{boundary}"}

    response = await client.post("/v1/analyses", content=body(part("image", GOOD)), headers=headers)

    assert_problem(response, 400)
    await assert_healthy(client)


ROUTES: dict[str, tuple[str, str, int]] = {
    "below the root": ("GET", "/v1", 404),
    "post to the root": ("POST", "/", 405),
    "unknown": ("GET", "/v1/unknown", 404),
    "another version": ("GET", "/v3/analyses", 404),
    "trailing slash": ("GET", "/v1/models/", 404),
    "wrong method": ("DELETE", "/v1/models", 405),
    "unknown method": ("BREW", "/v1/analyses", 405),
    "list of panoramas": ("GET", "/v1/panoramas", 405),
    "unknown model": ("GET", "/v1/models/gold", 404),
    "path as model": ("GET", "/v1/models/..%2F..%2Fetc", 404),
    "unknown analysis": ("GET", "/v1/analyses/4711", 404),
    "analysis never made": ("GET", "/v1/analyses/00000000-0000-4000-8000-000000000000", 404),
    "path as analysis": ("GET", "/v1/analyses/..%2F..", 404),
    "path as artefact": ("GET", "/v1/analyses/x/..%2Flabels.png", 404),
    "nul byte": ("GET", "/v1/analyses/%00/labels.png", 404),
    "not UTF-8": ("GET", "/v1/models/%ff%fe", 404),
    "very long": ("GET", "/v1/models/" + "m" * 60_000, 404),
    "BentoML's own": ("GET", "/schema.json", 404),
}


@pytest.mark.parametrize("case", ROUTES)
async def test_wrong_routes(client: httpx.AsyncClient, case: str) -> None:
    method, path, status = ROUTES[case]

    response = await client.request(method, path)

    assert_problem(response, status)
    assert len(response.content) < 130_000
    if status == 405:
        assert response.headers["allow"]


async def test_only_whitelisted_files_of_an_analysis_can_be_read(
    service: tuple[httpx.AsyncClient, Engine],
) -> None:
    client, engine = service
    response = await client.post("/v1/analyses", files={"image": ("good.png", GOOD)})
    location = response.headers["location"]
    folder = engine.settings.artefacts_folder / "analyses" / response.json()["id"]
    (folder / "secret.txt").write_text("secret")

    for name in ("secret.txt", "labels.png/", "labels.PNG", "..%2F..%2Fmodels"):
        assert_problem(await client.get(f"{location}/{name}"), 404)
    shouted = location.replace(response.json()["id"], response.json()["id"].upper())
    assert_problem(await client.get(f"{shouted}/labels.png"), 404)


async def test_what_fails_inside_is_told_by_id_only(
    service: tuple[httpx.AsyncClient, Engine],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, engine = service
    folder = engine.settings.artefacts_folder / "analyses"

    def broken(*_: object) -> None:
        raise KeyError(str(folder))

    monkeypatch.setattr(engine.store, "publish", broken)

    response = await client.post("/v1/analyses", files={"image": ("good.png", GOOD)})

    problem = assert_problem(response, 500)
    assert problem["instance"].startswith("urn:uuid:")
    assert str(folder) not in response.text
    assert problem["instance"] in caplog.text
    assert str(folder) in caplog.text
    metrics = (await client.get("/metrics")).text
    assert 'petroserve_errors_total{error="KeyError"} 1.0' in metrics


async def test_a_folder_that_is_gone_is_told_without_its_path(
    service: tuple[httpx.AsyncClient, Engine], caplog: pytest.LogCaptureFixture
) -> None:
    client, engine = service
    folder = engine.settings.artefacts_folder / "analyses"
    folder.rmdir()
    folder.write_text("no folder any more")

    response = await client.post("/v1/analyses", files={"image": ("good.png", GOOD)})

    assert_problem(response, 503)
    assert int(response.headers["retry-after"]) > 0
    assert str(folder) not in response.text
    assert str(folder) in caplog.text


async def test_memory_stays_flat(client: httpx.AsyncClient) -> None:
    nested = body(part("image", GOOD), request_part("[" * 1900))
    bomb = body(part("image", png_header(2**31 - 1, 2**31 - 1)))
    large = body(part("image", b"\x00" * (MAX_IMAGE_BYTES - 1000)))

    async def rounds(count: int) -> int:
        for _ in range(count):
            for content in (nested, bomb, large, b"\x00" * 100_000):
                response = await client.post("/v1/analyses", content=content, headers=MULTIPART)
                assert 400 <= response.status_code < 500
        return int(psutil.Process().memory_info().rss)

    before = await rounds(10)
    after = await rounds(60)
    # 60 rounds bring in 24 MB; kept bodies, or one bomb decoded, would show.
    assert after - before < 12 * 1024**2
    await assert_healthy(client)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "model",
                    "um_per_px",
                    "resampling_factor",
                    "association",
                    "sample",
                    "outputs",
                    "id",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


async def test_no_json_makes_it_fail(client: httpx.AsyncClient) -> None:
    texts: list[str] = []

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(JSON_VALUES.map(json.dumps), st.text(max_size=60)))
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    for text in texts:
        content = body(part("image", GOOD), request_part(text.encode("utf-8", "surrogatepass")))
        response = await client.post("/v1/analyses", content=content, headers=MULTIPART)
        assert response.status_code < 500, (text, response.text)


async def test_no_multipart_makes_it_fail(client: httpx.AsyncClient) -> None:
    whole = body(part("image", GOOD), request_part("{}"))
    random = np.random.default_rng(11)
    for _ in range(150):
        broken = bytearray(whole[: random.integers(1, len(whole) + 1)])
        for position in random.integers(0, len(broken), random.integers(0, 4)):
            broken[position] = random.integers(0, 256)
        response = await client.post("/v1/analyses", content=bytes(broken), headers=MULTIPART)
        assert response.status_code < 500, (bytes(broken), response.text)
    await assert_healthy(client)
