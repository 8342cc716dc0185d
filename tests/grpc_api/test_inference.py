"""The Open Inference Protocol over gRPC: the same tensors and the same errors as over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from service.proto import inference_pb2 as messages
from tests.grpc_service import Service, problem
from tests.http_service import png
from tests.inference_requests import INFER, image_input, infer_binary
from tests.tiny_model import CODES, paint

pytestmark = pytest.mark.anyio

IMAGE = paint(np.random.default_rng(7).integers(0, len(CODES), (70, 130)))
DTYPES = {"UINT8": np.uint8, "FP32": np.dtype("<f4")}
Change = Callable[[messages.ModelInferRequest], object]


def asked(image: NDArray[np.uint8], *, outputs: list[str] | None = None) -> Any:
    """A request with a raw tensor."""
    tensor = messages.ModelInferRequest.InferInputTensor(
        name="image", datatype="UINT8", shape=image.shape
    )
    wanted = messages.ModelInferRequest.InferRequestedOutputTensor
    return messages.ModelInferRequest(
        model_name="tiny",
        id="7",
        inputs=[tensor],
        outputs=[wanted(name=name) for name in outputs or []],
        raw_input_contents=[image.tobytes()],
    )


def tensors(answer: messages.ModelInferResponse) -> dict[str, NDArray[Any]]:
    return {
        output.name: np.frombuffer(raw, dtype=DTYPES[output.datatype]).reshape(output.shape)
        for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)
    }


async def test_the_same_tensors_as_over_http(grpc_service: Service) -> None:
    outputs = ["probabilities", "labels", "confidence"]
    http = await infer_binary(grpc_service.http, IMAGE, outputs=outputs)

    answer = await grpc_service.inferences.ModelInfer(asked(IMAGE, outputs=outputs))

    assert (answer.model_name, answer.model_version, answer.id) == ("tiny", "1", "7")
    given = tensors(answer)
    assert list(given) == outputs
    for name, array in given.items():
        np.testing.assert_array_equal(array, http.tensors[name])


async def test_typed_contents_and_files_are_read_too(grpc_service: Service) -> None:
    raw = tensors(await grpc_service.inferences.ModelInfer(asked(IMAGE)))
    typed = asked(IMAGE)
    del typed.raw_input_contents[:]
    typed.inputs[0].contents.uint_contents.extend(IMAGE.ravel().tolist())
    file = asked(IMAGE)
    del file.raw_input_contents[:]
    file.inputs[0].datatype, file.inputs[0].shape[:] = "BYTES", [1]
    file.inputs[0].contents.bytes_contents.append(png(IMAGE))

    for request in (typed, file):
        given = tensors(await grpc_service.inferences.ModelInfer(request))
        np.testing.assert_array_equal(given["labels"].ravel(), raw["labels"].ravel())


async def test_parameters_reach_the_work(grpc_service: Service) -> None:
    request = asked(IMAGE)
    request.parameters["association"].string_param = "1,2"
    request.parameters["resampling_factor"].double_param = 0.5

    answer = await grpc_service.inferences.ModelInfer(request)

    assert set(np.unique(tensors(answer)["labels"])) <= {0, 1, 2}
    assert answer.parameters["resampling_factor"].double_param == 0.5


async def test_a_client_may_speak_of_the_last_answer_of_a_stream(grpc_service: Service) -> None:
    # As Triton's client in C++, and so perf_analyzer, does in every request.
    request = asked(IMAGE)
    request.parameters["triton_enable_empty_final_response"].bool_param = False

    answer = await grpc_service.inferences.ModelInfer(request)

    assert answer == await grpc_service.inferences.ModelInfer(asked(IMAGE))


BAD: dict[str, tuple[Change, dict[str, Any]]] = {
    "other type": (
        lambda request: setattr(request.inputs[0], "datatype", "FP32"),
        {"datatype": "FP32"},
    ),
    "other name": (lambda request: setattr(request.inputs[0], "name", "x"), {"name": "x"}),
    "five sides": (
        lambda request: request.inputs[0].shape.__setitem__(slice(None), [1, 1, 1, 1, 3]),
        {"shape": [1, 1, 1, 1, 3]},
    ),
    "side below nothing": (
        lambda request: request.inputs[0].shape.__setitem__(0, -1),
        {"shape": [-1, 130, 3]},
    ),
    "side of nothing": (
        lambda request: request.inputs[0].shape.__setitem__(0, 0),
        {"shape": [0, 130, 3]},
    ),
    "too few elements": (
        lambda request: request.inputs[0].shape.__setitem__(0, 71),
        {"shape": [71, 130, 3]},
    ),
    "too many elements": (
        lambda request: request.inputs[0].shape.__setitem__(0, 2**31 - 1),
        {"shape": [2**31 - 1, 130, 3]},
    ),
}


async def test_the_same_errors_as_over_http(grpc_service: Service) -> None:
    for name, (change, changed) in BAD.items():
        request = asked(IMAGE)
        change(request)
        body = {"inputs": [image_input(IMAGE) | changed]}
        http = await grpc_service.http.post(INFER, json=body)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await grpc_service.inferences.ModelInfer(request)
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert (name, raised.value.details()) == (name, http.json()["error"])
        assert problem(raised.value)["status"] == http.status_code


ONLY_HERE: dict[str, tuple[Change, str]] = {
    "raw and typed": (
        lambda request: request.inputs[0].contents.uint_contents.append(1),
        "one or the other",
    ),
    "too few raw": (
        lambda request: request.inputs.add(name="possible", datatype="UINT8", shape=[1]),
        "1 raw_input_contents and 2 inputs",
    ),
    "too many raw": (
        lambda request: request.raw_input_contents.append(b""),
        "2 raw_input_contents and 1 inputs",
    ),
    "typed of another type": (
        lambda request: (
            request.ClearField("raw_input_contents"),
            request.inputs[0].contents.fp32_contents.append(1.0),
        ),
        "wanted uint_contents",
    ),
    "typed above 255": (
        lambda request: (
            request.ClearField("raw_input_contents"),
            request.inputs[0].contents.uint_contents.extend([256] * IMAGE.size),
        ),
        "0 to 255",
    ),
    "half floats typed": (
        lambda request: (
            request.ClearField("raw_input_contents"),
            setattr(request.inputs[0], "datatype", "FP16"),
        ),
        "no typed contents",
    ),
    "no contents": (lambda request: request.ClearField("raw_input_contents"), "has 0 elements"),
    "no inputs": (
        lambda request: (request.ClearField("raw_input_contents"), request.ClearField("inputs")),
        "no input 'image'",
    ),
    "parameter without value": (
        lambda request: request.parameters["tiling"].SetInParent(),
        "has no value",
    ),
    "endless factor": (
        lambda request: setattr(
            request.parameters["resampling_factor"], "double_param", float("nan")
        ),
        "wanted a number",
    ),
}


async def test_requests_that_cannot_be_read_are_refused(grpc_service: Service) -> None:
    for name, (change, words) in ONLY_HERE.items():
        request = asked(IMAGE)
        change(request)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await grpc_service.inferences.ModelInfer(request)
        assert (name, raised.value.code()) == (name, grpc.StatusCode.INVALID_ARGUMENT)
        assert words in str(raised.value.details()), name
    assert (await grpc_service.inferences.ModelInfer(asked(IMAGE))).id == "7"


async def test_unknown_models_are_not_found(grpc_service: Service) -> None:
    for name, version in (("other", ""), ("tiny", "9"), ("tiny:1", ""), ("tiny", "../1"), ("", "")):
        ready = await grpc_service.inferences.ModelReady(
            messages.ModelReadyRequest(name=name, version=version)
        )
        assert not ready.ready
        request = asked(IMAGE)
        request.model_name, request.model_version = name, version
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await grpc_service.inferences.ModelInfer(request)
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND


async def test_descriptions_are_those_of_http(grpc_service: Service) -> None:
    stub = grpc_service.inferences
    assert (await stub.ServerLive(messages.ServerLiveRequest())).live
    assert (await stub.ServerReady(messages.ServerReadyRequest())).ready
    assert (await stub.ModelReady(messages.ModelReadyRequest(name="tiny"))).ready
    server, http = await asyncio.gather(
        stub.ServerMetadata(messages.ServerMetadataRequest()), grpc_service.http.get("/v2")
    )
    assert (server.name, list(server.extensions)) == (
        http.json()["name"],
        http.json()["extensions"],
    )

    model = await stub.ModelMetadata(messages.ModelMetadataRequest(name="tiny"))
    listed = (await grpc_service.http.get("/v2/models/tiny")).json()
    assert (model.platform, list(model.versions)) == (listed["platform"], listed["versions"])
    for given, wanted in ((model.inputs, listed["inputs"]), (model.outputs, listed["outputs"])):
        assert [
            {"name": one.name, "datatype": one.datatype, "shape": list(one.shape)} for one in given
        ] == wanted

    config = (await stub.ModelConfig(messages.ModelConfigRequest(name="tiny"))).config
    written = (await grpc_service.http.get("/v2/models/tiny/config")).json()
    assert (config.max_batch_size, config.backend) == (
        written["max_batch_size"],
        written["backend"],
    )
    assert [list(one.dims) for one in config.output] == [one["dims"] for one in written["output"]]
    assert {
        name: {"string_value": one.string_value} for name, one in config.parameters.items()
    } == (written["parameters"])
    (entry,) = (await stub.RepositoryIndex(messages.RepositoryIndexRequest())).models
    assert (entry.name, entry.version, entry.state) == ("tiny", "1", "READY")


async def test_statistics_count_what_was_done(grpc_service: Service) -> None:
    for _ in range(2):
        await grpc_service.inferences.ModelInfer(asked(IMAGE))

    (counted,) = (
        await grpc_service.inferences.ModelStatistics(messages.ModelStatisticsRequest(name="tiny"))
    ).model_stats

    assert (counted.inference_count, counted.inference_stats.success.count) == (2, 2)
    assert counted.inference_stats.compute_infer.ns > 0
    assert [one.batch_size for one in counted.batch_stats] == [1]
