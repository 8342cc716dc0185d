"""``/v2``: the facts of the Open Inference Protocol, and the same maps as everywhere else."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import gzip
import json
import struct
import threading
import zlib
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from petrography.image_codec import decode_labels
from service.access import create_key, empty_key_file, write_key_file
from service.engine import Engine
from service.http_api import create_app
from tests.http_service import png, running_service, settings_for, watch_runs
from tests.inference_requests import (
    INFER,
    JSON_LENGTH,
    binary_body,
    error_of,
    image_input,
    infer_binary,
    infer_json,
    read_answer,
)
from tests.tiny_model import CODES, TILE_PX, paint, write_model

pytestmark = pytest.mark.anyio

WITHIN_S = 60.0
INDICES = np.random.default_rng(5).integers(0, len(CODES), (100, 130))
IMAGE = paint(INDICES)
LABELS = np.array(CODES, dtype=np.uint8)[INDICES]
TILE = paint(np.random.default_rng(6).integers(0, len(CODES), (TILE_PX, TILE_PX)))


async def test_the_server_tells_its_name_and_extensions(client: httpx.AsyncClient) -> None:
    server = (await client.get("/v2")).json()
    assert server["name"] == "petroserve"
    assert "binary_tensor_data" in server["extensions"]


async def test_an_answer_repeats_the_id_and_has_the_outputs_by_default(
    client: httpx.AsyncClient,
) -> None:
    answer = await infer_json(client, id="42", inputs=[image_input(TILE)])
    assert answer.document["id"] == "42"
    assert [output["name"] for output in answer.document["outputs"]] == ["labels", "confidence"]


async def test_metadata_tell_what_is_taken_and_given(client: httpx.AsyncClient) -> None:
    model = (await client.get("/v2/models/tiny")).json()
    assert (model["versions"], model["platform"]) == (["1"], "onnx_onnxv1")
    answer = await infer_binary(client, IMAGE, outputs=["labels", "confidence", "probabilities"])
    assert {one["name"] for one in model["outputs"]} == set(answer.tensors)
    for told in model["outputs"]:
        given = answer.tensors[told["name"]]
        assert len(told["shape"]) == given.ndim
        assert all(
            side in {-1, real} for side, real in zip(told["shape"], given.shape, strict=True)
        )


async def test_labels_are_those_of_an_analysis(client: httpx.AsyncClient) -> None:
    fine = paint(np.kron(INDICES, np.ones((2, 2), dtype=np.intp)))
    cases: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
        (IMAGE, {"association": "1,2"}, {"resampling_factor": 1.0}),
        (fine, {"um_per_px": 0.25}, {}),
    ]
    for image, parameters, further in cases:
        request = json.dumps(parameters | further)
        files = {"image": ("field.png", png(image)), "request": (None, request)}
        made = await client.post("/v1/analyses", files=files)
        kept = await client.get(f"{made.headers['location']}/labels.png")
        inferred = await infer_binary(client, image, **parameters)
        np.testing.assert_array_equal(inferred.tensors["labels"][0], decode_labels(kept.content))
    assert inferred.document["parameters"] == {"resampling_factor": 0.5}


async def test_every_way_to_send_an_image_gives_the_same(client: httpx.AsyncClient) -> None:
    expected = await infer_binary(client, IMAGE)
    np.testing.assert_array_equal(expected.tensors["labels"], LABELS[np.newaxis])
    nested = image_input(IMAGE[np.newaxis], data=IMAGE[np.newaxis].tolist())
    file = png(IMAGE)
    text = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1],
        "data": [base64.b64encode(file).decode()],
        "parameters": {"content_type": "base64"},
    }
    answers = [
        await infer_json(client, inputs=[image_input(IMAGE)]),
        await infer_json(client, inputs=[nested], parameters={"binary_data_output": True}),
        await infer_json(client, inputs=[text], model_name="tiny"),
        read_answer(await client.post(INFER, **file_body(file))),
        await infer_binary(client, IMAGE, path="/v2/models/tiny/versions/1/infer"),
    ]
    for answer in answers:
        for name, tensor in expected.tensors.items():
            np.testing.assert_array_equal(answer.tensors[name], tensor)


def file_body(file: bytes) -> dict[str, Any]:
    """A request with an encoded file as a binary tensor."""
    raw = struct.pack("<I", len(file)) + file
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [1, 1],
        "parameters": {"binary_data_size": len(raw)},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    return {"content": head + raw, "headers": {JSON_LENGTH: str(len(head))}}


async def test_several_images_are_as_each_alone(client: httpx.AsyncClient) -> None:
    images = np.stack([TILE, TILE[::-1], paint(np.full((TILE_PX, TILE_PX), 3))])
    outputs = ["probabilities", "labels"]
    for tiling in (True, False):
        together = await infer_binary(client, images, outputs=outputs, tiling=tiling)
        assert list(together.tensors) == outputs
        for index, image in enumerate(images):
            alone = await infer_binary(client, image, outputs=outputs, tiling=tiling)
            for name in outputs:
                np.testing.assert_array_equal(together.tensors[name][index], alone.tensors[name][0])


async def test_without_tiling_it_is_the_bare_session(
    http_service: tuple[httpx.AsyncClient, Engine],
) -> None:
    client, engine = http_service
    opened = engine.repository.get("tiny").opened
    image = np.random.default_rng(8).integers(0, 256, (2, 40, TILE_PX, 3), dtype=np.uint8)
    names = ["labels", "confidence", "probabilities"]
    answer = await infer_binary(client, image, outputs=names, tiling=False)
    feeds = {"image": image, "allowed": np.ones((2, len(CODES)), dtype=np.float32)}
    indices, confidence = opened.labels.run(["labels", "confidence"], feeds)
    (probabilities,) = opened.probabilities.run(["probabilities"], feeds)
    np.testing.assert_array_equal(answer.tensors["labels"], np.take(CODES, indices))
    np.testing.assert_array_equal(answer.tensors["confidence"], confidence)
    np.testing.assert_array_equal(answer.tensors["probabilities"], probabilities)


async def test_every_image_may_have_its_own_possible_minerals(client: httpx.AsyncClient) -> None:
    images = np.stack([TILE, TILE, TILE])
    rows = [[1, 2], [6, 6], [6, 6]]
    tensors = [
        image_input(images),
        {"name": "possible", "datatype": "UINT8", "shape": [3, 2], "data": rows},
    ]
    for tiling in (True, False):
        answer = await infer_json(client, inputs=tensors, parameters={"tiling": tiling})
        found = [set(np.unique(labels).tolist()) for labels in answer.tensors["labels"]]
        assert found == [{0, 1, 2}, {0, 6}, {0, 6}]
        one_row = [tensors[0], {**tensors[1], "shape": [2], "data": [1, 2]}]
        shared = await infer_json(client, inputs=one_row, parameters={"tiling": tiling})
        by_name = await infer_json(
            client, inputs=[tensors[0]], parameters={"association": "1,2", "tiling": tiling}
        )
        np.testing.assert_array_equal(shared.tensors["labels"], by_name.tensors["labels"])


async def test_probabilities_decide_what_is_possible(client: httpx.AsyncClient) -> None:
    answer = await infer_binary(
        client, IMAGE, outputs=["probabilities", "labels"], association="1,2"
    )
    probabilities = answer.tensors["probabilities"][0]
    assert probabilities.shape == (len(CODES), *INDICES.shape)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1.0, atol=1e-5)
    assert probabilities[CODES.index(6)].max() == 0.0
    chosen = np.take(CODES, probabilities.argmax(axis=0))
    np.testing.assert_array_equal(chosen, answer.tensors["labels"][0])


async def test_outputs_are_written_as_each_is_wanted(client: httpx.AsyncClient) -> None:
    outputs = [
        {"name": "confidence"},
        {"name": "labels", "parameters": {"binary_data": True}},
    ]
    response = await client.post(INFER, json={"inputs": [image_input(TILE)], "outputs": outputs})
    answer = read_answer(response)
    confidence, labels = answer.document["outputs"]
    assert "data" in confidence
    assert labels["parameters"] == {"binary_data_size": TILE_PX**2}
    assert response.headers["content-type"] == "application/octet-stream"
    assert answer.tensors["confidence"].min() > 200


async def test_packed_bodies_are_read(client: httpx.AsyncClient) -> None:
    body, headers = binary_body(IMAGE)
    for packing, content in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
        packed = headers | {"Content-Encoding": packing}
        answer = read_answer(await client.post(INFER, content=content, headers=packed))
        np.testing.assert_array_equal(answer.tensors["labels"], LABELS[np.newaxis])


async def test_statistics_count_in_the_form_of_triton(client: httpx.AsyncClient) -> None:
    await infer_binary(client, np.stack([TILE, TILE]))
    await infer_binary(client, TILE)
    refused = await client.post(INFER, json={"inputs": []})
    assert "no input 'image'" in error_of(refused, 400)
    for path in ("/v2/models/stats", "/v2/models/tiny/stats", "/v2/models/tiny/versions/1/stats"):
        (told,) = (await client.get(path)).json()["model_stats"]
        assert (told["name"], told["version"]) == ("tiny", "1")
        assert (told["inference_count"], told["execution_count"]) == (3, 2)
        assert abs(told["last_inference"] / 1e3 - dt.datetime.now(dt.UTC).timestamp()) < 3600.0
        durations = told["inference_stats"]
        assert (durations["success"]["count"], durations["fail"]["count"]) == (2, 1)
        parts = ("queue", "compute_input", "compute_infer", "compute_output")
        assert {durations[part]["count"] for part in parts} == {2}
        spent = sum(durations[part]["ns"] for part in parts)
        assert 0 < spent <= durations["success"]["ns"]
        assert [one["batch_size"] for one in told["batch_stats"]] == [1, 2]
    metrics = (await client.get("/metrics")).text
    assert 'petroserve_inferences_total{model="tiny:1",outcome="done"} 2.0' in metrics
    assert 'petroserve_inferences_total{model="tiny:1",outcome="refused"} 1.0' in metrics
    assert 'route="/v2/models/{model}/infer",status="200"} 2.0' in metrics


async def test_the_configuration_is_what_triton_writes(client: httpx.AsyncClient) -> None:
    config = (await client.get("/v2/models/tiny/config")).json()
    image, possible = config["input"]
    assert image == {
        "name": "image", "data_type": "TYPE_UINT8", "dims": [-1, -1, 3], "optional": False,
    }  # fmt: skip
    assert possible["optional"]
    assert {one["name"]: one["dims"] for one in config["output"]} == {
        "labels": [-1, -1],
        "confidence": [-1, -1],
        "probabilities": [len(CODES), -1, -1],
    }
    assert config["max_batch_size"] > 1
    assert config["parameters"]["classes"] == {"string_value": "0,1,2,6"}
    assert config == (await client.get("/v2/models/tiny/versions/1/config")).json()


async def test_the_index_lists_what_is_served(tmp_path: Path) -> None:
    for version in (1, 2):
        write_model(tmp_path / "models", version=version)
    async with running_service(settings_for(tmp_path / "models", tmp_path / "a")) as (client, _):
        index = (await client.post("/v2/repository/index", json={"ready": True})).json()
        assert [(one["name"], one["version"], one["state"]) for one in index] == [
            ("tiny", "1", "READY"),
            ("tiny", "2", "READY"),
        ]
        newest = await infer_binary(client, TILE)
        pinned = await infer_binary(client, TILE, path="/v2/models/tiny/versions/1/infer")
        versions = [one.document["model_version"] for one in (newest, pinned)]
        assert versions == ["2", "1"]
        assert len((await client.get("/v2/models/tiny/stats")).json()["model_stats"]) == 2


async def test_keys_and_scopes_are_those_of_v1(tmp_path: Path) -> None:
    write_model(tmp_path / "models")
    now = dt.datetime.now(dt.UTC)
    content, reading = create_key(empty_key_file(), tenant="lab", scopes=["read"], now=now)
    content, both = create_key(content, tenant="lab", scopes=["read", "analyse"], now=now)
    write_key_file(tmp_path / "keys.json", content)
    settings = settings_for(tmp_path / "models", tmp_path / "a", api_keys=tmp_path / "keys.json")
    async with running_service(settings) as (client, _):
        for path in ("/v2/health/live", "/v2/health/ready"):
            assert (await client.get(path)).status_code == 200
        assert "API key" in error_of(await client.get("/v2/models/tiny"), 401)
        may_read, may_both = ({"Authorization": f"Bearer {key}"} for key in (reading, both))
        assert (await client.get("/v2/models/tiny", headers=may_read)).status_code == 200
        listed = await client.post("/v2/repository/index", headers=may_read)
        assert listed.status_code == 200
        body, headers = binary_body(TILE)
        forbidden = await client.post(INFER, content=body, headers=headers | may_read)
        assert "scope analyse" in error_of(forbidden, 403)
        read_answer(await client.post(INFER, content=body, headers=headers | may_both))


async def test_a_full_service_refuses_before_it_reads(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(
        model_folder, tmp_path / "artefacts", concurrent_interactive=0, queue_length=0
    )
    async with running_service(settings) as (client, engine):
        with engine.admission.place(""):
            refused = await client.post(INFER, content=b"{}")
        assert "are accepted" in error_of(refused, 429)
        assert int(refused.headers["retry-after"]) >= 1


async def test_a_client_that_goes_ends_its_inference(
    http_service: tuple[httpx.AsyncClient, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, engine = http_service
    at_tile, left = threading.Event(), threading.Event()
    tiles, drop = [], engine.scheduler.drop

    def observe(_provider: str, count: int, _seconds: float) -> None:
        tiles.append(count)
        at_tile.set()
        # The first tile runs until its request has left.
        assert left.wait(WITHIN_S)

    def dropping(request: Any) -> None:
        drop(request)
        left.set()

    watch_runs(engine.repository.get("tiny"), observe)
    monkeypatch.setattr(engine.scheduler, "drop", dropping)
    image = paint(np.zeros((TILE_PX, 8 * TILE_PX), dtype=np.intp))
    assert await call(create_app(engine), *binary_body(image), at_tile) == []
    assert tiles == [1]
    metrics = (await client.get("/metrics")).text
    assert 'petroserve_inferences_total{model="tiny:1",outcome="cancelled"} 1.0' in metrics
    assert 'route="/v2/models/{model}/infer",status="499"} 1.0' in metrics


async def call(
    app: Any, body: bytes, headers: dict[str, str], at_tile: threading.Event
) -> list[MutableMapping[str, Any]]:
    """Send a request whose client goes as soon as the first tile is run."""
    messages = iter([{"type": "http.request", "body": body}])
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        message = next(messages, None)
        if message is None:
            await asyncio.to_thread(at_tile.wait, WITHIN_S)
            return {"type": "http.disconnect"}
        return message

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": INFER,
        "raw_path": INFER.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    await app(scope, receive, send)
    return sent


async def test_bulk_is_what_says_so_or_is_large(model_folder: Path, tmp_path: Path) -> None:
    settings = settings_for(model_folder, tmp_path / "a", interactive_pixels=TILE_PX**2)
    async with running_service(settings) as (client, _):
        body, headers = binary_body(TILE)
        await infer_binary(client, TILE)
        read_answer(await client.post(INFER, content=body, headers=headers | {"Priority": "u=6"}))
        await infer_binary(client, np.stack([TILE, TILE]))
        metrics = (await client.get("/metrics")).text
    waits = "petroserve_tile_wait_seconds_count"
    assert f'{waits}{{priority="interactive"}} 1.0' in metrics
    assert f'{waits}{{priority="bulk"}} 3.0' in metrics
