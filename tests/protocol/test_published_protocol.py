"""The Open Inference Protocol as it is published, against what the service has and answers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from service.http_api.open_inference import InferRequest
from service.proto import inference_pb2
from tests.inference_requests import image_input
from tests.tiny_model import CODES, paint

PUBLISHED = tomllib.loads(
    (Path(__file__).parent / "published" / "open_inference.toml").read_text(encoding="utf-8")
)
GRPC, REST = PUBLISHED["grpc"], PUBLISHED["rest"]
# Optional in the protocol, and nothing that the service has to tell.
NOT_TOLD = {("ModelMetadataResponse", "properties")}
FILE = inference_pb2.DESCRIPTOR
SCALARS = {
    getattr(FieldDescriptor, f"TYPE_{name.upper()}"): name
    for name in ("bool", "string", "bytes", "int32", "int64", "uint32", "uint64", "float", "double")
}
TYPES = {"string": str, "integer": int, "object": dict, "array": list}
INPUT = image_input(paint(np.random.default_rng(2).integers(0, len(CODES), (5, 6))))


def message(name: str) -> Descriptor:
    outer, _, inner = name.partition(".")
    found = FILE.message_types_by_name[outer]
    return found.nested_types_by_name[inner] if inner else found


def kind(field: FieldDescriptor) -> str:
    """The type of a field as the table writes it."""
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return kind(field.message_type.fields_by_name["value"]) + "{}"
    one = SCALARS.get(field.type) or field.message_type.name
    return f"{one}[]" if field.is_repeated else one


@pytest.mark.parametrize("name", GRPC["messages"])
def test_a_message_has_the_fields_that_are_published(name: str) -> None:
    own = {field.name: [field.number, kind(field)] for field in message(name).fields}
    wanted = GRPC["messages"][name]
    told = {field: one for field, one in wanted.items() if (name, field) not in NOT_TOLD}
    assert own == told


def test_the_methods_are_those_that_are_published() -> None:
    service = FILE.services_by_name[GRPC["service"]]
    assert service.full_name == f"{GRPC['package']}.{GRPC['service']}"
    for name in GRPC["methods"]:
        method = service.methods_by_name[name]
        assert method.input_type.name == f"{name}Request"
        assert method.output_type.name == f"{name}Response"
        assert (method.client_streaming, method.server_streaming) == (False, False)


def assert_fits(document: Any, kind: str) -> None:
    """Check a document against what is published; more fields are allowed."""
    inner = kind.strip("[]")
    if kind != inner:
        assert isinstance(document, list)
        for one in document:
            assert_fits(one, inner)
    elif kind in TYPES:
        assert type(document) is TYPES[kind]
    else:
        for name, stated in REST["schemas"][kind].items():
            assert name in document or not stated.endswith("!"), (kind, name)
            if name in document:
                assert_fits(document[name], stated.removesuffix("!"))


@pytest.mark.anyio
async def test_every_published_path_answers_what_is_published(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()["paths"]
    for method in ("get", "post"):
        for path, schema in REST[method].items():
            named = path.replace("MODEL", "tiny").replace("VERSION", "1")
            wanted = {"json": {"inputs": [INPUT]}} if method == "post" else {}
            answer = await client.request(method, named, **wanted)
            assert answer.status_code == 200, (path, answer.text)
            if schema:
                assert answer.headers["content-type"] == "application/json"
                assert_fits(answer.json(), schema)
            shown = path.replace("MODEL", "{model}").replace("VERSION", "{version}")
            assert method in described[shown.removesuffix("/")], path


@pytest.mark.anyio
async def test_a_request_with_every_published_field_is_taken(client: httpx.AsyncClient) -> None:
    whole = {
        "id": "42",
        "parameters": {"tiling": True},
        "inputs": [INPUT | {"parameters": {"content_type": "np"}}],
        "outputs": [{"name": "labels", "parameters": {"binary_data": False}}],
    }
    for name, schema in (("request", whole), ("input", whole["inputs"][0])):
        assert set(REST["schemas"][name]) == set(schema)
    assert set(REST["schemas"]["wanted"]) == set(whole["outputs"][0])
    answer = await client.post("/v2/models/tiny/versions/1/infer", json=whole)
    assert answer.status_code == 200, answer.text
    assert_fits(answer.json(), "inference")
    assert answer.json()["id"] == "42"
    required = {name for name, stated in REST["schemas"]["request"].items() if stated[-1] == "!"}
    own = {name for name, field in InferRequest.model_fields.items() if field.is_required()}
    assert own == required


@pytest.mark.anyio
async def test_a_refusal_has_the_published_form(client: httpx.AsyncClient) -> None:
    for answer in (
        await client.get("/v2/models/other/versions/1"),
        await client.post("/v2/models/tiny/versions/1/infer", json={"inputs": []}),
    ):
        assert 400 <= answer.status_code < 500
        assert_fits(answer.json(), "error")
        assert answer.json()["error"]
