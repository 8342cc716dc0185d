"""Requests of the Open Inference Protocol over HTTP, written and read without its clients."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

INFER = "/v2/models/tiny/infer"
JSON_LENGTH = "Inference-Header-Content-Length"
DTYPES = {"UINT8": np.dtype("u1"), "FP32": np.dtype("<f4")}


@dataclass(frozen=True)
class Answer:
    """What a model answered."""

    document: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


def image_input(image: NDArray[np.uint8], **changes: Any) -> dict[str, Any]:
    """The input ``image`` as JSON."""
    fields = {"name": "image", "datatype": "UINT8", "shape": list(image.shape)}
    return fields | {"data": image.ravel().tolist()} | changes


def binary_body(
    image: NDArray[np.uint8], *, outputs: list[str] | None = None, **parameters: Any
) -> tuple[bytes, dict[str, str]]:
    """A request with binary tensors, and its headers."""
    tensor = image_input(image, parameters={"binary_data_size": image.nbytes})
    del tensor["data"]
    document: dict[str, Any] = {
        "inputs": [tensor],
        "parameters": {"binary_data_output": True, **parameters},
    }
    if outputs:
        document["outputs"] = [{"name": name} for name in outputs]
    head = json.dumps(document).encode()
    return head + image.tobytes(), {JSON_LENGTH: str(len(head))}


async def infer_binary(
    client: httpx.AsyncClient,
    image: NDArray[np.uint8],
    *,
    outputs: list[str] | None = None,
    path: str = INFER,
    **parameters: Any,
) -> Answer:
    """Send an image as a binary tensor and read the answer, which must be one."""
    body, headers = binary_body(image, outputs=outputs, **parameters)
    return read_answer(await client.post(path, content=body, headers=headers))


async def infer_json(client: httpx.AsyncClient, path: str = INFER, **fields: Any) -> Answer:
    """Send JSON and read the answer, which must be one."""
    return read_answer(await client.post(path, json=fields))


def read_answer(response: httpx.Response) -> Answer:
    """Read an answer whose tensors are JSON or binary."""
    assert response.status_code == 200, response.text
    length = int(response.headers.get(JSON_LENGTH, len(response.content)))
    document = json.loads(response.content[:length])
    tensors, position = {}, length
    for output in document["outputs"]:
        dtype, shape = DTYPES[output["datatype"]], output["shape"]
        if "data" in output:
            array = np.array(output["data"], dtype=dtype)
        else:
            size = output["parameters"]["binary_data_size"]
            array = np.frombuffer(response.content[position : position + size], dtype=dtype)
            position += size
        tensors[output["name"]] = array.reshape(shape)
    assert position == len(response.content)
    return Answer(document, tensors)


def error_of(response: httpx.Response, status: int) -> str:
    """The message of a refusal, which has the form of the protocol."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert set(document) == {"error"}
    error: str = document["error"]
    return error
