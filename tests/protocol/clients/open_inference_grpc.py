"""A public client speaks the Open Inference Protocol over gRPC to a service.

Run by the interpreter of their own environment (``make clients``), once for every client, because
their generated code cannot be loaded side by side::

    python open_inference_grpc.py triton|kserve localhost:3001 MODEL CASE.npz

The file is that of `open_inference_http`. Prints one line for every case that went as expected;
anything else ends it with an error.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Run all cases of one client."""
    client, address, model, case = sys.argv[1:]
    loaded = np.load(Path(case))
    expected = {name: loaded[name][np.newaxis] for name in ("labels", "confidence")}
    if client == "triton":
        triton(address, model, loaded["image"], expected)
    else:
        asyncio.run(by_kserve(address, model, loaded["image"], expected))


def triton(address: str, model: str, image: Any, expected: dict[str, Any]) -> None:
    """What the client of Triton can ask."""
    import tritonclient.grpc
    from tritonclient.utils import InferenceServerException

    client = tritonclient.grpc.InferenceServerClient(address)
    require(client.is_server_live() and client.is_server_ready(), "server is ready")
    require(client.is_model_ready(model) and client.is_model_ready(model, "1"), "model is ready")
    require(not client.is_model_ready("nothing"), "no such model")
    require("binary_tensor_data" in client.get_server_metadata().extensions, "extensions")
    require(client.get_model_metadata(model).inputs[0].datatype == "UINT8", "metadata")
    require(client.get_model_config(model).config.max_batch_size > 0, "configuration")
    require(client.get_model_repository_index().models[0].state == "READY", "index")
    tensor = tritonclient.grpc.InferInput("image", image.shape, "UINT8")
    tensor.set_data_from_numpy(image)
    outputs = [tritonclient.grpc.InferRequestedOutput(name) for name in expected]
    answer = client.infer(model, [tensor], outputs=outputs, request_id="7")
    for name, wanted in expected.items():
        require(np.array_equal(answer.as_numpy(name), wanted), f"Triton: {name}")
    require(answer.get_response().id == "7", "id")
    statistics = client.get_inference_statistics(model).model_stats[0]
    require(statistics.inference_stats.success.count > 0, "statistics")
    try:
        client.infer("nothing", [tensor])
    except InferenceServerException as error:
        require(error.status() == "StatusCode.NOT_FOUND", "an unknown model is refused")
    else:
        sys.exit("an unknown model was not refused")


async def by_kserve(address: str, model: str, image: Any, expected: dict[str, Any]) -> None:
    """What the client of KServe can ask."""
    import kserve

    client = kserve.InferenceGRPCClient(address)
    require(await client.is_server_ready(), "server is ready")
    require(await client.is_model_ready(model), "model is ready")
    for binary in (True, False):
        tensor = kserve.InferInput("image", list(image.shape), "UINT8")
        tensor.set_data_from_numpy(image, binary_data=binary)
        answer = await client.infer(kserve.InferRequest(model, infer_inputs=[tensor]))
        for output in answer.outputs:
            right = np.array_equal(output.as_numpy(), expected[output.name])
            require(right, f"KServe: {output.name}, binary {binary}")
    await client.close()


def require(right: Any, what: str) -> None:
    """Print a case that went as expected, or end."""
    if not right:
        sys.exit(f"not as expected: {what}")
    print(what)


if __name__ == "__main__":
    main()
