"""What the Open Inference Protocol adds to the bare session, and how fast a large image comes in.

::

    python benchmarks/bench_inference_protocol.py [--model lumenstone-pspnet] [--requests 60]

The service runs in a process of its own. The bare session of the same file, with the same options,
runs in this one; ways take turns, ten requests of each, one after the other, and then the next, and
only one is at work at a time. Images have 512 x 512 px and go through the network as they are (``tiling`` false), so both run
the same arithmetic on the same pixels; the tiled way, which is that of an analysis, is beside it. A
network that computes nothing is beside it: what is left is the service. Beside that one stand uvicorn
and grpc.aio alone, which read the same tensor and answer with as many bytes (``bare_servers.py``):
what of it is theirs. Times are those of a client over one kept connection.

An image of 3396 x 2547 px (26 MB) is sent with a parameter that there is not: the request is refused
as soon as all of it has come to where the engine begins.

A table is appended to ``benchmarks/RESULTS.md`` with ``--record``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.bare_servers import bare_servers
from benchmarks.recording import machine, recorded_options, tell
from benchmarks.serving import serving

SIDE_PX = 512
LARGE_PX = (2547, 3396)
# A client that asks again as soon as it is answered, as perf_analyzer does. What a way leaves running
# must not hit the next: threads of a session spin on for a while.
SERIES, UNMEASURED, PAUSE_S = 10, 2, 0.05
MOST_MESSAGE_BYTES = 128 * 1024**2
JSON_LENGTH = "Inference-Header-Content-Length"
NOTHING = "computes-nothing"
ALONE = "alone"
Way = Callable[[], object]


def main() -> None:
    """Measure and write a table."""
    arguments = parser().parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = gathered_models(folder, arguments.model)
        variables = {
            "PETROSERVE_MODELS_FOLDER": str(models),
            "PETROSERVE_PROVIDER": arguments.provider,
        }
        with serving(folder, variables) as served, bare_servers(SIDE_PX * SIDE_PX) as bare:
            ports = served.http_port, served.grpc_port
            rows = rows_of(arguments.model, models, ports, arguments)
            rows += rows_of(NOTHING, models, ports, arguments, bare=bare)
            rows += large_rows(ports, arguments)
    table = "\n".join([*head(arguments), *rows])
    tell(table, arguments)


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    options = recorded_options(__doc__)
    options.add_argument("--model", default="lumenstone-pspnet")
    options.add_argument("--provider", default="cpu", help="cpu, cuda or tensorrt, for both")
    options.add_argument("--requests", type=int, default=60, help="of every way")
    return options


def head(arguments: argparse.Namespace) -> list[str]:
    """Say what is measured, where and how."""
    return [
        f"### Open Inference Protocol: {SIDE_PX} x {SIDE_PX} px against the bare session",
        "",
        (
            f"{machine()}; "
            f"`python benchmarks/bench_inference_protocol.py --model {arguments.model} "
            f"--requests {arguments.requests}`."
        ),
        "",
        "| model | way | p50, ms | p95, ms | p50 over bare, ms |",
        "|---|---|--:|--:|--:|",
    ]


def gathered_models(folder: Path, model: str) -> Path:
    """Put the model and the network that computes nothing into one models folder."""
    from tests.tiny_model import write_model

    models = folder / "models"
    models.mkdir()
    (models / model).symlink_to(ROOT / "models" / model)
    tile = {"size_px": SIDE_PX, "multiple_px": 8, "mode": "halo", "halo_px": 0}
    write_model(models, computes_nothing(), name=NOTHING, tile=tile)
    return models


def computes_nothing() -> Any:
    """A graph that says of every pixel the same class, and its red as confidence."""
    from onnx import TensorProto, helper

    from tests.tiny_model import CODES, assemble

    constants: dict[str, NDArray[Any]] = {
        "one": np.array(1, dtype=np.uint8),
        "even": np.full((1, len(CODES), 1, 1), 1.0 / len(CODES), dtype=np.float32),
        "begin": np.array([0], dtype=np.int64),
        "red": np.array([1], dtype=np.int64),
        "channels": np.array([3], dtype=np.int64),
        "plane": np.array([1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Slice", ["image", "begin", "red", "channels"], ["reds"]),
        helper.make_node("Squeeze", ["reds", "channels"], ["confidence"]),
        helper.make_node("Shape", ["confidence"], ["size"]),
        helper.make_node("Expand", ["one", "size"], ["labels"]),
        helper.make_node("Cast", ["labels"], ["ones"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["ones", "plane"], ["planes"]),
        helper.make_node("Mul", ["planes", "even"], ["probabilities"]),
    ]
    return assemble(nodes, constants)


def rows_of(
    model: str,
    models: Path,
    ports: tuple[int, int],
    arguments: argparse.Namespace,
    *,
    bare: tuple[int, int] | None = None,
) -> list[str]:
    """Measure all ways of one model, taking turns; and, if there are any, the bare servers."""
    image = np.random.default_rng(0).integers(0, 256, (1, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    connection = http.client.HTTPConnection("127.0.0.1", ports[0])
    ways: dict[str, Way] = {
        "bare session": bare_session(models, model, image, arguments.provider),
        "HTTP, binary": over_http(connection, model, *binary(image, tiling=False)),
        "HTTP, JSON": over_http(connection, model, *as_json(image, tiling=False)),
        "HTTP, binary, tiled": over_http(connection, model, *binary(image)),
    }
    ways["gRPC"] = over_grpc(ports[1], model, image, tiling=False)
    if bare is not None:
        alone = http.client.HTTPConnection("127.0.0.1", bare[0])
        ways[f"uvicorn {ALONE}"] = over_http(alone, model, *binary(image))
        ways[f"grpc.aio {ALONE}"] = over_grpc(bare[1], model, image)
    seconds = taking_turns(ways, arguments.requests)
    connection.close()
    bare_ms = 1e3 * float(np.median(seconds["bare session"]))
    return [row(model, name, taken, bare_ms) for name, taken in seconds.items()]


def taking_turns(ways: dict[str, Way], requests: int) -> dict[str, list[float]]:
    """Time series of requests of every way in turn; the seconds of each request."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(-(-requests // SERIES)):
        for name, way in ways.items():
            time.sleep(PAUSE_S)
            for number in range(-UNMEASURED, SERIES):
                began = time.perf_counter()
                way()
                if number >= 0:
                    seconds[name].append(time.perf_counter() - began)
    return seconds


def row(model: str, way: str, seconds: list[float], bare_ms: float | None) -> str:
    """Write a line of the table."""
    half, most = (1e3 * float(np.percentile(seconds, percent)) for percent in (50, 95))
    over = "" if bare_ms is None or way.endswith(ALONE) else f"{half - bare_ms:.1f}"
    return f"| {model} | {way} | {half:.1f} | {most:.1f} | {over} |"


def bare_session(models: Path, model: str, image: NDArray[np.uint8], provider: str) -> Way:
    """Open the model as the service does and run it on an image."""
    from service.runtime import open_session
    from service.settings import Settings

    version = max((models / model).iterdir(), key=lambda path: int(path.name))
    settings = Settings.model_validate({"provider": provider})
    opened = open_session((version / "model.onnx").read_bytes(), settings, source=model)
    classes = len(json.loads((version / "model.json").read_text())["classes"])
    feeds = {"image": image, "allowed": np.ones((1, classes), dtype=np.float32)}
    return lambda: opened.labels.run(["labels", "confidence"], feeds)


def binary(image: NDArray[np.uint8], **parameters: Any) -> tuple[bytes, dict[str, str]]:
    """A request with binary tensors both ways: body and headers."""
    tensor = {
        "name": "image",
        "datatype": "UINT8",
        "shape": image.shape,
        "parameters": {"binary_data_size": image.nbytes},
    }
    document = {"inputs": [tensor], "parameters": {"binary_data_output": True, **parameters}}
    text = json.dumps(document).encode()
    return text + image.tobytes(), {JSON_LENGTH: str(len(text))}


def as_json(image: NDArray[np.uint8], **parameters: Any) -> tuple[bytes, dict[str, str]]:
    """A request in JSON: body and headers."""
    tensor = {
        "name": "image",
        "datatype": "UINT8",
        "shape": image.shape,
        "data": image.ravel().tolist(),
    }
    return json.dumps({"inputs": [tensor], "parameters": parameters}).encode(), {}


def over_http(
    connection: http.client.HTTPConnection,
    model: str,
    body: bytes,
    headers: dict[str, str],
    *,
    status: int = 200,
) -> Way:
    """Send a request and read its answer as bytes."""

    def way() -> bytes:
        connection.request("POST", f"/v2/models/{model}/infer", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != status:
            sys.exit(f"{model}: {answer.status} {content[:300]!r}")
        return content

    return way


def over_grpc(
    port: int, model: str, image: NDArray[np.uint8], *, refused: bool = False, **parameters: bool
) -> Way:
    """Send a request with raw contents and wait for its answer."""
    import grpc

    from service.proto import inference_pb2
    from service.proto.inference_pb2_grpc import GRPCInferenceServiceStub

    sizes = ("grpc.max_send_message_length", "grpc.max_receive_message_length")
    channel = grpc.insecure_channel(
        f"127.0.0.1:{port}", options=[(name, MOST_MESSAGE_BYTES) for name in sizes]
    )
    stub = GRPCInferenceServiceStub(channel)
    request = inference_pb2.ModelInferRequest(
        model_name=model, raw_input_contents=[image.tobytes()]
    )
    request.inputs.add(name="image", datatype="UINT8", shape=image.shape)
    for name, value in parameters.items():
        request.parameters[name].bool_param = value

    def way() -> object:
        try:
            answer = stub.ModelInfer(request)
        except grpc.RpcError as error:
            if not refused or error.code() != grpc.StatusCode.INVALID_ARGUMENT:
                sys.exit(f"{model}: {error}")
            return error
        return answer

    return way


def large_rows(ports: tuple[int, int], arguments: argparse.Namespace) -> list[str]:
    """Measure how long an image of 26 MB takes to where the engine begins."""
    image = np.random.default_rng(0).integers(0, 256, (1, *LARGE_PX, 3), dtype=np.uint8)
    connection = http.client.HTTPConnection("127.0.0.1", ports[0])
    ways = {
        "HTTP, binary": over_http(
            connection, arguments.model, *binary(image, nothing=True), status=422
        )
    }
    ways["gRPC"] = over_grpc(ports[1], arguments.model, image, refused=True, nothing=True)
    seconds = taking_turns(ways, max(SERIES, arguments.requests // 3))
    connection.close()
    return [row("26 MB to the engine", name, taken, None) for name, taken in seconds.items()]


if __name__ == "__main__":
    main()
