"""Public clients speak the Open Inference Protocol over HTTP to a service.

Run by the interpreter of their own environment (``make clients``)::

    python open_inference_http.py http://127.0.0.1:3000 MODEL CASE.npz

The file holds ``image``, uint8 (height, width, 3), and the ``labels`` and ``confidence`` that are
expected of it. Prints one line for every case that went as expected; anything else ends it with an
error.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import kserve
import numpy as np
import tritonclient.http
import tritonclient.http.aio
from tritonclient.utils import InferenceServerException


def main() -> None:
    """Run all cases."""
    address, model, case = sys.argv[1:]
    loaded = np.load(Path(case))
    expected = {name: loaded[name][np.newaxis] for name in ("labels", "confidence")}
    image = loaded["image"]
    triton(address.removeprefix("http://"), model, image, expected)
    asyncio.run(triton_aio(address.removeprefix("http://"), model, image, expected))
    asyncio.run(by_kserve(address, model, image, expected))


def triton(address: str, model: str, image: Any, expected: dict[str, Any]) -> None:
    """What the client of Triton can ask."""
    client = tritonclient.http.InferenceServerClient(address)
    require(client.is_server_live() and client.is_server_ready(), "server is ready")
    require(client.is_model_ready(model) and client.is_model_ready(model, "1"), "model is ready")
    require(not client.is_model_ready("nothing"), "no such model")
    require("binary_tensor_data" in client.get_server_metadata()["extensions"], "extensions")
    metadata = client.get_model_metadata(model)
    require(metadata["inputs"][0]["datatype"] == "UINT8", "metadata")
    require(client.get_model_config(model)["max_batch_size"] > 0, "configuration")
    require(client.get_model_repository_index()[0]["state"] == "READY", "index")
    for binary_in in (True, False):
        for binary_out in (True, False):
            outputs = [
                tritonclient.http.InferRequestedOutput(name, binary_data=binary_out)
                for name in expected
            ]
            answer = client.infer(
                model, [triton_input(image, binary_in)], outputs=outputs, request_id="7"
            )
            require_equal(answer, expected, f"binary in {binary_in}, out {binary_out}")
            require(answer.get_response()["id"] == "7", "id")
    for packing in ("gzip", "deflate"):
        answer = client.infer(
            model,
            [triton_input(image, True)],
            request_compression_algorithm=packing,
            response_compression_algorithm=packing,
        )
        require_equal(answer, expected, f"packed by {packing}")
    batch = np.stack([image, image])
    answer = client.infer(
        model, [triton_input(batch, True)], model_version="1", parameters={"tiling": True}
    )
    twice = {name: np.concatenate([one, one]) for name, one in expected.items()}
    require_equal(answer, twice, "two images, a version and a parameter")
    try:
        client.infer(model, [triton_input(image[..., :1], True)])
    except InferenceServerException as error:
        require("channels" in error.message(), "an error says what is wrong")
        require(error.status() == "422", "an error has its status")
    statistics = client.get_inference_statistics(model)["model_stats"][0]
    require(statistics["inference_stats"]["success"]["count"] >= 7, "statistics")
    client.close()


async def triton_aio(address: str, model: str, image: Any, expected: dict[str, Any]) -> None:
    """The same client for asyncio, several requests at a time."""
    async with tritonclient.http.aio.InferenceServerClient(address) as client:
        wanted = [client.infer(model, [triton_input(image, True)]) for _ in range(4)]
        for answer in await asyncio.gather(*wanted):
            require_equal(answer, expected, "several at a time")


async def by_kserve(address: str, model: str, image: Any, expected: dict[str, Any]) -> None:
    """What the client of KServe can ask."""
    config = kserve.RESTConfig(protocol="v2")
    async with kserve.InferenceRESTClient(config) as client:
        root = f"{address}/"
        require(await client.is_server_live(root), "KServe: server is live")
        require(await client.is_server_ready(root), "KServe: server is ready")
        require(await client.is_model_ready(root, model), "KServe: model is ready")
        for binary in (True, False):
            tensor = kserve.InferInput("image", list(image.shape), "UINT8")
            tensor.set_data_from_numpy(image, binary_data=binary)
            request = kserve.InferRequest(
                model, [tensor], parameters={"binary_data_output": binary}
            )
            answer = await client.infer(root, request, model)
            for name, array in expected.items():
                output = next(one for one in answer.outputs if one.name == name)
                require(
                    np.array_equal(output.as_numpy(), array), f"KServe: {name}, binary {binary}"
                )


def triton_input(image: Any, binary: bool) -> Any:
    """An input tensor of the client of Triton."""
    tensor = tritonclient.http.InferInput("image", list(image.shape), "UINT8")
    return tensor.set_data_from_numpy(image, binary_data=binary)


def require_equal(answer: Any, expected: dict[str, Any], what: str) -> None:
    """Check all outputs of an answer."""
    for name, array in expected.items():
        require(np.array_equal(answer.as_numpy(name), array), f"{what}: {name}")


def require(went_well: bool, what: str) -> None:
    """Say that a case went as expected, or end."""
    if not went_well:
        sys.exit(f"not as expected: {what}")
    print(what)


if __name__ == "__main__":
    main()
