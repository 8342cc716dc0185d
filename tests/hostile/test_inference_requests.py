"""Hostile requests to ``/v2``: a clear 4xx in the form of the protocol, never a 5xx."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petrography.errors import InputError
from service.http_api.open_inference.body import TensorBody
from service.http_api.open_inference.request import read_infer_request
from tests.hostile.refusals import GOOD, assert_healthy
from tests.http_service import png_header, running_service, settings_for
from tests.inference_requests import INFER, JSON_LENGTH, binary_body, error_of, image_input
from tests.tiny_model import paint

pytestmark = pytest.mark.anyio

IMAGE = paint(np.zeros((8, 8), dtype=np.intp))
INPUT = image_input(IMAGE)
MAX_BYTES, MAX_JSON_BYTES = 20_000, 6_000


def sent(**fields: Any) -> dict[str, Any]:
    return {"inputs": [INPUT], **fields}


def tensor(**changes: Any) -> dict[str, Any]:
    return {"inputs": [{**INPUT, **changes}]}


def possible(data: list[int], **changes: Any) -> dict[str, Any]:
    fields = {"name": "possible", "datatype": "UINT8", "shape": [len(data)], "data": data}
    return {"inputs": [INPUT, fields | changes]}


# What is sent as JSON, the status, and a word of the message.
JSON_CASES: list[tuple[Any, int, str]] = [
    (b"", 400, "0 bytes"),
    (b"not json", 400, "no JSON"),
    (b"\xff\xfe", 400, "no JSON"),
    (b'{"inputs": [NaN]}', 400, "no JSON"),
    (b'{"inputs": [Infinity]}', 400, "no JSON"),
    (b"[" * 3000, 400, "no JSON"),
    (b"[]", 422, "cannot be used"),
    (b"null", 422, "cannot be used"),
    ({}, 422, "inputs"),
    ({"inputs": {}}, 422, "inputs"),
    ({"inputs": []}, 400, "there is no input 'image'"),
    ({"inputs": [INPUT, INPUT]}, 422, "the input 'image' is there 2 times"),
    ({"inputs": [{**INPUT, "name": "pixels"}]}, 422, "no input 'pixels'"),
    ({"inputs": [{"name": "image"}]}, 422, "shape"),
    (sent(surprise=1), 422, "surprise"),
    (sent(model_name="other"), 422, "model_name"),
    (sent(id=7), 422, "id"),
    (sent(parameters={"asociation": "S1"}), 422, "no parameter 'asociation'"),
    (sent(parameters={"association": "S9"}), 422, "S9"),
    (sent(parameters={"association": {}}), 422, "association"),
    (sent(parameters={"association": "1", "tiling": "no"}), 422, "'tiling' is 'no'"),
    (sent(parameters={"tiling": False, "um_per_px": 1.0}), 422, "leave one of them out"),
    (sent(parameters={"um_per_px": 0}), 422, "0"),
    (sent(parameters={"um_per_px": True}), 422, "wanted a number"),
    (sent(parameters={"um_per_px": -1.0}), 422, "-1"),
    (sent(parameters={"resampling_factor": 1e9}), 422, "1e+09"),
    (sent(parameters={"binary_data_output": "yes"}), 422, "binary_data_output"),
    (sent(outputs=[{"name": "labels"}, {"name": "labels"}]), 422, "the output 'labels' is there 2"),
    (sent(outputs=[{"name": "masks"}]), 422, "no output 'masks'"),
    (
        sent(outputs=[{"name": "labels", "parameters": {"classification": 3}}]),
        422,
        "classification",
    ),
    (tensor(datatype="FP32"), 422, "wanted UINT8"),
    (tensor(datatype="BYTES"), 422, "wanted one file"),
    (tensor(datatype="uint8"), 422, "wanted UINT8"),
    (tensor(shape=[8, 8]), 422, "[height, width, 3]"),
    (tensor(shape=[8, 8, 1], data=[0] * 64), 422, "sees 3"),
    (tensor(shape=[-1, 8, 3]), 422, "sides of at least 1"),
    (tensor(shape=[0, 8, 3], data=[]), 422, "sides of at least 1"),
    (tensor(shape=[8.5, 8, 3]), 422, "shape"),
    (tensor(shape=[10**30, 8, 3]), 422, "shape"),
    (tensor(shape=[2**31 - 1, 2**31 - 1, 3]), 422, "wants"),
    (tensor(shape=[65, 1, 1, 3], data=[0] * 195), 422, "at most 64"),
    (tensor(data=[0] * 191), 422, "191 elements"),
    (tensor(data=[0.5] * 192), 422, "whole numbers"),
    (tensor(data=[256] * 192), 422, "whole numbers"),
    (tensor(data=[True] * 192), 422, "whole numbers"),
    (tensor(data="0" * 192), 422, "has no data"),
    (tensor(data=None), 422, "has no data"),
    (tensor(parameters={"binary_data_size": 192}), 400, "binary_data_size 192"),
    (tensor(parameters={"a": [1]}), 422, "parameters"),
    (possible([1, 200]), 422, "200"),
    (possible([0]), 422, "background"),
    (possible([1], datatype="INT32"), 422, "wanted UINT8"),
    (possible([1, 2], shape=[2, 1]), 422, "[1, codes]"),
    ({**possible([1]), "parameters": {"association": "1"}}, 422, "wanted one of them"),
    (sent(parameters={"x" * 300: 1}), 422, "parameters"),
    (tensor(name="i" * 5000), 422, "name"),
]


async def test_json_that_cannot_be_used_is_refused_with_the_reason(
    client: httpx.AsyncClient,
) -> None:
    for given_json, status, word in JSON_CASES:
        content = given_json if isinstance(given_json, bytes) else json.dumps(given_json).encode()
        error = error_of(await client.post(INFER, content=content), status)
        assert word in error, (given_json, error)
        assert len(error) < 2_000
    await assert_healthy(client)


async def test_binary_tensors_that_do_not_fit_are_refused(client: httpx.AsyncClient) -> None:
    good, headers = binary_body(IMAGE)
    length = int(headers[JSON_LENGTH])
    text, raw = good[:length], good[length:]
    lengths = [("-1", 400), ("x", 400), ("0", 400), ("9" * 30, 400), (str(len(good) + 1), 400)]
    for stated, status in lengths:
        refused = await client.post(INFER, content=good, headers={JSON_LENGTH: stated})
        error_of(refused, status)
    for tail in (b"", raw[:-1], raw + b"\0"):
        refused = await client.post(INFER, content=text + tail, headers=headers)
        assert "bytes" in error_of(refused, 400)
    for size, status in ((-1, 400), (191, 400), (True, 400), ("192", 400), (1.5, 400)):
        document = json.loads(text)
        document["inputs"][0]["parameters"]["binary_data_size"] = size
        head = json.dumps(document).encode()
        refused = await client.post(
            INFER, content=head + raw, headers={JSON_LENGTH: str(len(head))}
        )
        error_of(refused, status)
    await assert_healthy(client)


async def test_files_that_are_no_images_are_refused(client: httpx.AsyncClient) -> None:
    cases = [
        (b"", 415),
        (b"nothing that anybody knows", 415),
        (GOOD[:60], 422),
        (png_header(100_000, 100_000), 413),
    ]
    for file, status in cases:
        raw = len(file).to_bytes(4, "little") + file
        fields = {"name": "image", "datatype": "BYTES", "shape": [1]}
        head = json.dumps(
            {"inputs": [{**fields, "parameters": {"binary_data_size": len(raw)}}]}
        ).encode()
        refused = await client.post(
            INFER, content=head + raw, headers={JSON_LENGTH: str(len(head))}
        )
        error_of(refused, status)
    await assert_healthy(client)


async def test_limits_hold_before_anything_is_unpacked_or_computed(
    model_folder: Path, tmp_path: Path
) -> None:
    limits = settings_for(
        model_folder,
        tmp_path / "artefacts",
        max_inference_bytes=MAX_BYTES,
        max_inference_json_bytes=MAX_JSON_BYTES,
        max_image_pixels=5_000,
    )
    async with running_service(limits) as (client, _):
        packed = {"Content-Encoding": "gzip"}
        bomb = gzip.compress(b" " * 50_000_000)
        assert len(bomb) > MAX_BYTES
        nested_bomb = zlib.compress(zlib.compress(b" " * 50_000_000))
        cases = [
            (b" " * (MAX_JSON_BYTES + 1), {}, 413, str(MAX_JSON_BYTES)),
            (b" " * (MAX_BYTES + 1), {JSON_LENGTH: "10"}, 413, str(MAX_BYTES)),
            (b" " * MAX_BYTES, {JSON_LENGTH: str(MAX_BYTES)}, 413, "bytes of JSON"),
            (bomb, packed, 413, str(MAX_JSON_BYTES)),
            (gzip.compress(b" " * 5_000_000), packed, 413, "once it is unpacked"),
            (nested_bomb, {"Content-Encoding": "deflate"}, 413, "once it is unpacked"),
            (gzip.compress(b"{}")[:-3], packed, 400, "ends too early"),
            (gzip.compress(b"{}") + b"{}", packed, 400, "too late"),
            (b"{}", packed, 400, "cannot be unpacked"),
            (b"{}", {"Content-Encoding": "br"}, 415, "gzip"),
            (b"{}", {"Content-Encoding": "gzip, gzip"}, 415, "gzip"),
        ]
        for content, headers, status, word in cases:
            refused = await client.post(INFER, content=content, headers=headers)
            assert word in error_of(refused, status)
        large = binary_body(paint(np.zeros((60, 90), dtype=np.intp)))
        refused = await client.post(INFER, content=large[0], headers=large[1])
        assert "the limit is 5000" in error_of(refused, 413)
        middle = paint(np.zeros((40, 50), dtype=np.intp))
        for outputs, answer_json, word in (
            (["probabilities"], False, "take 32000 bytes; the limit is 20000"),
            (["labels"], True, "take 8000 bytes as text; the limit is 6000"),
        ):
            body, headers = binary_body(middle, outputs=outputs, binary_data_output=not answer_json)
            refused = await client.post(INFER, content=body, headers=headers)
            assert word in error_of(refused, 413)
        await assert_healthy(client)


async def test_unknown_models_and_paths_answer_in_the_form_of_the_protocol(
    client: httpx.AsyncClient,
) -> None:
    for path in (
        "/v2/models/none",
        "/v2/models/tiny:1",
        "/v2/models/tiny/versions/7/ready",
        "/v2/models/tiny/versions/one/config",
        "/v2/models/tiny/versions/1:1/stats",
        "/v2/models/%00/stats",
        "/v2/nothing",
        "/v2/models/tiny/versions/1/nothing",
    ):
        error_of(await client.get(path), 404)
    body, headers = binary_body(IMAGE)
    missing = await client.post("/v2/models/none/infer", content=body, headers=headers)
    assert "served are tiny:1" in error_of(missing, 404)
    assert "does not take" in error_of(await client.delete("/v2/models/tiny"), 405)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from(["image", "possible", "UINT8", "BYTES"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["inputs", "outputs", "name", "datatype", "shape", "data", "parameters"]),
        inner, max_size=6,
    ), max_leaves=12,
), st.binary(max_size=20))  # fmt: skip
@settings(max_examples=80, deadline=None)
async def test_whatever_json_says_it_is_read_or_refused(document: Any, tail: bytes) -> None:
    body = TensorBody(memoryview(json.dumps(document).encode()), memoryview(tail))
    try:
        outcome = (await read_infer_request(body, "tiny", None)).request.model
    except InputError as error:
        outcome = str(error)
    assert outcome


@pytest.mark.parametrize(
    "document",
    [
        {"inputs": [], **{f"n{number}": 1 for number in range(100)}},
        {"inputs": [], "parameters": {f"n{number}": [] for number in range(100)}},
        {"inputs": [{"parameters": {f"n{number}": [] for number in range(100)}}]},
        {"inputs": [{f"n{number}": 1 for number in range(100)}]},
    ],
)
async def test_what_is_wrong_with_very_many_members_is_not_told_of_each(
    client: httpx.AsyncClient, document: Any
) -> None:
    refused = await client.post("/v2/models/tiny/infer", json=document)
    assert refused.status_code == 422
    assert "members; wanted at most 64" in refused.json()["error"]
    assert "n7" not in refused.json()["error"]


@pytest.mark.parametrize("inner", [b"[]", b"[[1,2,3],[4,5,6]]", b"{}", b"[" * 50 + b"]" * 50])
async def test_nothing_but_brackets_is_refused_before_it_is_read(inner: bytes) -> None:
    many = 1_500_000 // (inner.count(b"[") + inner.count(b"{")) + 1
    document = b'{"inputs": [' + b",".join([inner] * many) + b"]}"
    with pytest.raises(InputError, match="wanted at most 1500000: write the data of a tensor flat"):
        await read_infer_request(TensorBody(memoryview(document), memoryview(b"")), "tiny", None)
