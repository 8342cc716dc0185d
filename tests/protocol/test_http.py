"""HTTP: what is promised of every route, over the real application with a real tiny model."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any, get_args

import httpx
import numpy as np
import pytest
from PIL import Image

from petrography.pipeline import MEDIA_TYPES, ArtefactName
from service.engine import Engine
from service.http_api import create_app
from service.telemetry import Telemetry
from tests.http_service import png, running_service, settings_for
from tests.tiny_model import CODES, paint, write_model

pytestmark = pytest.mark.anyio

INDICES = np.random.default_rng(7).integers(0, len(CODES), (70, 130))
FIELD = png(paint(INDICES))
AS_IT_IS = {"Accept-Encoding": "identity"}


async def post(
    client: httpx.AsyncClient, image: bytes = FIELD, request: Any = None
) -> httpx.Response:
    data = {} if request is None else {"request": json.dumps(request)}
    return await client.post("/v1/analyses", files={"image": ("field.png", image)}, data=data)


def read_labels(content: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(content)))


async def test_an_analysis_answers_201_with_its_result_and_place(client: httpx.AsyncClient) -> None:
    response = await post(client)

    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json"
    result = response.json()
    assert response.headers["location"] == f"/v1/analyses/{result['id']}"
    for artefact in result["artefacts"]:
        file = await client.get(artefact["href"])
        assert hashlib.sha256(file.content).hexdigest() == artefact["sha256"]
        assert file.headers["content-type"] == artefact["media_type"]
    kept = await client.get(response.headers["location"])
    assert kept.status_code == 200
    assert kept.content == response.content


async def test_labels_are_the_painted_minerals_pixel_by_pixel(client: httpx.AsyncClient) -> None:
    location = (await post(client)).headers["location"]

    labels = await client.get(f"{location}/labels.png")

    assert labels.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(read_labels(labels.content), np.array(CODES)[INDICES])


async def test_every_artefact_has_its_media_type(client: httpx.AsyncClient) -> None:
    outputs = list(get_args(ArtefactName))
    location = (await post(client, request={"outputs": outputs})).headers["location"]

    # These take views between crossed polars, and contacts.
    absent = {"anisotropy.png", "association.svg", "association.png"}
    for name, media_type in MEDIA_TYPES.items():
        if name in absent:
            continue
        artefact = await client.get(f"{location}/{name}", headers=AS_IT_IS)
        assert (name, artefact.status_code) == (name, 200)
        assert artefact.headers["content-type"] == media_type
        assert int(artefact.headers["content-length"]) == len(artefact.content) > 0


async def test_an_artefact_is_not_sent_twice_to_who_has_it(client: httpx.AsyncClient) -> None:
    location = (await post(client)).headers["location"]
    first = await client.get(f"{location}/labels.png")

    for condition in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = await client.get(f"{location}/labels.png", headers={"If-None-Match": condition})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    other = await client.get(f"{location}/labels.png", headers={"If-None-Match": '"other"'})
    assert other.content == first.content
    result = await client.get(location)
    assert result.headers["etag"] != first.headers["etag"]


async def test_head_answers_the_headers_of_get(client: httpx.AsyncClient) -> None:
    location = (await post(client)).headers["location"]

    for path in (location, f"{location}/labels.png", "/v1/models", "/livez", "/docs", "/nothing"):
        whole = await client.get(path, headers=AS_IT_IS)
        head = await client.head(path, headers=AS_IT_IS)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        for name in ("content-type", "content-length", "etag"):
            assert head.headers.get(name) == whole.headers.get(name)
    several = await client.patch(location)
    assert (several.status_code, several.headers["allow"]) == (405, "DELETE, GET, HEAD")
    refused = await client.head("/v1/estimate")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert (await client.put("/v1/models")).headers["allow"] == "GET, HEAD"
    for posted in (f"{location}/corrections", f"{location}/callbacks/redeliveries"):
        for method in ("GET", "HEAD", "PUT"):
            refused = await client.request(method, posted)
            assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    nothing = await client.get(f"{location}/correction")
    assert (nothing.status_code, "no artefact 'correction'" in nothing.text) == (404, True)
    routes = (await client.get("/openapi.json")).json()["paths"]
    assert "/v1/analyses/{result_id}/{artefact}" in routes
    counted = (
        'petroserve_http_requests_total{method="GET",route="/v1/analyses/{result_id}/{artefact}"'
    )
    assert counted in (await client.get("/metrics")).text


async def test_a_refused_request_names_its_fields_for_programs(client: httpx.AsyncClient) -> None:
    views = [{"part": "x", "light": "UV", "stage_angle_deg": 0}]
    answer = await post(client, request={"um_per_px": -1, "views": views, "a/b~c d": 1})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "pointer": "#/um_per_px",
            "detail": "Input should be greater than or equal to 0.0001; given -1",
        },
        {"pointer": "#/views/0/light", "detail": "Input should be 'PPL' or 'XPL'"},
        {"pointer": "#/a~1b~0c%20d", "detail": "Extra inputs are not permitted"},
    ]
    unknown = await post(client, request={"model": "nothing"})
    assert "errors" not in unknown.json()
    early = await post(client, request={"callback": "https://lims.example.org/"})
    assert "wanted Prefer: respond-async" in early.json()["detail"]


async def test_the_request_part_may_be_a_field_or_a_file(client: httpx.AsyncClient) -> None:
    request = json.dumps({"model": "tiny:1", "um_per_px": 0.5})
    as_file = {
        "image": ("field.png", FIELD, "image/png"),
        "request": ("request.json", request, "application/json"),
    }
    as_typed_field = as_file | {"request": (None, request, "application/json")}
    marked = as_file | {"request": ("request.json", b"\xef\xbb\xbf" + request.encode())}
    for files in (as_file, as_typed_field, marked):
        response = await client.post("/v1/analyses", files=files)
        assert response.status_code == 201, response.text
        assert response.json()["scale"]["um_per_px"] == 0.5


async def test_an_association_closes_classes(client: httpx.AsyncClient) -> None:
    response = await post(client, request={"association": "1,2"})

    assert response.status_code == 201, response.text
    labels = await client.get(f"{response.headers['location']}/labels.png")
    assert set(np.unique(read_labels(labels.content))) <= {0, 1, 2}


async def test_other_preferences_change_nothing(
    client: httpx.AsyncClient,
) -> None:
    response = await client.post(
        "/v1/analyses",
        files={"image": ("field.png", FIELD)},
        headers={"Prefer": "return=minimal, wait=1"},
    )

    assert response.status_code == 201
    assert "preference-applied" not in response.headers


async def test_models_are_listed_and_described(tmp_path: Path) -> None:
    write_model(tmp_path / "models", version=1)
    write_model(tmp_path / "models", version=2)
    settings = settings_for(tmp_path / "models", tmp_path / "artefacts")
    async with running_service(settings) as (client, _):
        listed = (await client.get("/v1/models")).json()["models"]
        latest = (await client.get("/v1/models/tiny")).json()
        exact = (await client.get("/v1/models/tiny:1")).json()
        analysis = (await post(client, request={"model": "tiny:1"})).json()

    assert [(model["name"], model["version"], model["default"]) for model in listed] == [
        ("tiny", 1, False),
        ("tiny", 2, True),
    ]
    assert [mineral["code"] for mineral in latest["classes"]] == list(CODES)
    assert (latest["version"], exact["version"]) == (2, 1)
    assert exact["card"]["onnx_sha256"] == exact["sha256"]
    assert analysis["model"]["version"] == 1


async def test_health(client: httpx.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "alive"}
    assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_not_ready_before_the_models_are_warm(model_folder: Path, tmp_path: Path) -> None:
    engine = Engine(settings_for(model_folder, tmp_path / "artefacts"), Telemetry())
    transport = httpx.ASGITransport(create_app(engine))
    async with httpx.AsyncClient(transport=transport, base_url="http://petroserve") as client:
        assert (await client.get("/livez")).status_code == 200
        for response in (await client.get("/readyz"), await post(client)):
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
            assert response.json()["type"] == "urn:petroserve:problem:not-ready"


async def test_metrics_name_what_happened(client: httpx.AsyncClient) -> None:
    location = (await post(client)).headers["location"]
    await client.get(f"{location}/labels.png")
    await client.get("/v1/analyses/unknown")
    await client.get("/openapi.json")
    await post(client, b"no image")

    metrics = (await client.get("/metrics")).text

    analyses = 'petroserve_http_requests_total{method="POST",route="/v1/analyses",status="201"}'
    assert f"{analyses} 1.0" in metrics
    assert 'route="/v1/analyses/{result_id}/{artefact}",status="200"} 1.0' in metrics
    assert 'route="/v1/analyses/{result_id}",status="404"} 1.0' in metrics
    assert 'petroserve_errors_total{error="AnalysisNotFoundError"} 1.0' in metrics
    # Six tiles of 64 px cover 70 x 130 px.
    assert "petroserve_tiles_total 6.0" in metrics
    assert 'petroserve_tile_batch_seconds_count{provider="cpu"} 6.0' in metrics
    assert 'petroserve_analyses_total{model="tiny:1",outcome="done"} 1.0' in metrics
    assert 'petroserve_analyses_total{model="tiny:1",outcome="refused"} 1.0' in metrics
    assert 'method="GET",route="/openapi.json",status="200"} 1.0' in metrics
    assert "petroserve_queue_depth 0.0" in metrics
    assert "petroserve_http_requests_in_flight 1.0" in metrics
    assert re.search(r'petroserve_stage_seconds_count\{stage="\w+"\} 1\.0', metrics)
    assert re.search(r'petroserve_model_info\{name="tiny",provider="cpu",sha256="\w{64}"', metrics)
    assert re.search(r'petroserve_model_load_seconds\{name="tiny",version="1"\} 0\.\d', metrics)


async def test_no_client_can_make_the_metrics_grow(client: httpx.AsyncClient) -> None:
    async def series_after_noise(name: str) -> int:
        for number in range(20):
            await client.get(f"/{name}/{number}")
            await client.get(f"/v1/models/{name}-{number}")
            await client.get(f"/v1/analyses/{name}{number}/{name}{number}")
            await client.request(f"{name}{number}", "/v1/models")
        lines = (await client.get("/metrics")).text.splitlines()
        return sum(not line.startswith("#") for line in lines)

    await series_after_noise("FIRST")
    assert await series_after_noise("SECOND") == await series_after_noise("THIRD")


async def test_the_root_says_what_is_here(client: httpx.AsyncClient) -> None:
    root = await client.get("/")
    page = await client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})

    assert root.headers["content-type"] == "application/json"
    document = root.json()
    described = (await client.get("/openapi.json")).json()["info"]
    assert (document["name"], document["version"]) == ("petroserve", described["version"])
    assert {"docs", "openapi.json", "readyz"} <= set(document["links"].values())
    assert page.headers["content-type"].startswith("text/html")
    for href in document["links"].values():
        assert (await client.get(f"/{href}")).status_code == 200, href
        assert f'href="{href}"' in page.text


async def test_the_docs_page_needs_no_internet(model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "swagger-ui-bundle.js").write_text("script")
    (tmp_path / "swagger-ui.css").write_text("style")
    engine = Engine(settings_for(model_folder, tmp_path / "artefacts"), Telemetry())
    app = create_app(engine, swagger_folder=tmp_path)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://petroserve") as client:
        page = (await client.get("/docs")).text
        assert "https://" not in page
        assert (await client.get("/docs/swagger-ui-bundle.js")).text == "script"
        assert (await client.get("/docs/swagger-ui.css")).text == "style"
        assert (await client.get("/docs/other.js")).status_code == 404


async def test_the_same_bytes_give_the_same_artefacts_also_side_by_side(
    client: httpx.AsyncClient,
) -> None:
    responses = await asyncio.gather(*(post(client) for _ in range(4)))

    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["id"] for response in responses}) == 4
    labels = {
        (await client.get(f"{response.headers['location']}/labels.png")).content
        for response in responses
    }
    assert len(labels) == 1


async def test_a_full_queue_refuses_before_it_reads(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(
        model_folder, tmp_path / "artefacts", concurrent_interactive=0, queue_length=1
    )
    async with running_service(settings) as (client, engine):
        with engine.admission.place(""), engine.admission.place(""):
            refused = await client.post(
                "/v1/analyses",
                content=Unread(),
                headers={"Content-Type": "multipart/form-data; boundary=cut"},
            )
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["type"] == "urn:petroserve:problem:overloaded"
        assert (await post(client)).status_code == 201


class Unread(httpx.AsyncByteStream):
    """A body that nobody may read."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pytest.fail("the body was read")
        yield b""


def states_of_analyses(engine: Engine) -> list[str]:
    return [record.state for record in engine.recorded.catalogue.page("").records]


async def test_a_client_that_goes_while_it_waits_is_dropped(
    http_service: tuple[httpx.AsyncClient, Engine],
) -> None:
    client, engine = http_service
    app = create_app(engine)
    upload = client.build_request("POST", "/v1/analyses", files={"image": ("f.png", FIELD)})
    content = upload.read()
    # Analyses hold the two turns of small images, so the upload is read and waits; then its client goes.
    messages = iter([{"type": "http.request", "body": content}, {"type": "http.disconnect"}])
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        message = next(messages)
        while message["type"] == "http.disconnect" and not states_of_analyses(engine):
            await asyncio.sleep(0.001)
        return message

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/analyses",
        "raw_path": b"/v1/analyses",
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in upload.headers.raw],
    }
    async with engine.admission.turn("interactive"), engine.admission.turn("interactive"):
        await app(scope, receive, send)

    assert sent == []
    metrics = (await client.get("/metrics")).text
    assert 'method="POST",route="/v1/analyses",status="499"} 1.0' in metrics
    assert states_of_analyses(engine) == ["cancelled"]
    assert "petroserve_queue_depth 0.0" in metrics
