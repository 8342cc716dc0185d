"""From the answer of a model to that of HTTP: JSON, and after it the binary tensors."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from service.http_api.open_inference.body import JSON_LENGTH
from service.http_api.open_inference.request import BINARY_SIZE, ReadRequest
from service.inference import InferenceResponse, OutputTensor

__all__ = ["infer_response"]

_WORTH_A_THREAD_ELEMENTS = 16 * 1024


async def infer_response(answer: InferenceResponse, read: ReadRequest) -> Response:
    """Write an answer.

    Parameters
    ----------
    answer : InferenceResponse
        Of the model.
    read : ReadRequest
        Tells which outputs go back as binary data.

    Returns
    -------
    Response
        ``application/json``, or with binary tensors ``application/octet-stream`` and the length of
        the JSON in its header.
    """
    as_text = [one for one in answer.outputs if not read.is_binary(one.name)]
    if sum(one.array.size for one in as_text) > _WORTH_A_THREAD_ELEMENTS:
        return await asyncio.to_thread(_written, answer, read)
    return _written(answer, read)


def _written(answer: InferenceResponse, read: ReadRequest) -> Response:
    text = to_json(_document(answer, read))
    binary = [one.array.data for one in answer.outputs if read.is_binary(one.name)]
    if not binary:
        return Response(text, media_type="application/json")
    return Response(
        b"".join([text, *binary]),
        headers={JSON_LENGTH: str(len(text))},
        media_type="application/octet-stream",
    )


def _document(answer: InferenceResponse, read: ReadRequest) -> dict[str, Any]:
    document: dict[str, Any] = {
        "model_name": answer.model_name,
        "model_version": answer.model_version,
    }
    if answer.id:
        document["id"] = answer.id
    if answer.parameters:
        document["parameters"] = answer.parameters
    document["outputs"] = [_output(one, read.is_binary(one.name)) for one in answer.outputs]
    return document


def _output(output: OutputTensor, binary: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": output.name,
        "datatype": output.datatype,
        "shape": list(output.array.shape),
    }
    if binary:
        return described | {"parameters": {BINARY_SIZE: output.array.nbytes}}
    return described | {"data": output.array.ravel().tolist()}
