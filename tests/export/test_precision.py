from __future__ import annotations

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from numpy.typing import NDArray

from export.graph import to_onnx
from export.onnx_predictor import open_graph
from export.precision import to_float16, to_int8
from petrography.errors import ConfigurationError
from tests.tiny_model import nearest_colour_model

pytestmark = pytest.mark.torch

CLASSES = (0, 1, 2)


class Small(torch.nn.Module):
    """Four convolutions, a residual sum, a pooling and an enlargement: what networks are made of."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.left = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.right = torch.nn.Conv2d(8, 8, 1)
        self.head = torch.nn.Conv2d(16, len(CLASSES), 1)

    def forward(self, image):
        features = torch.relu(self.first(image / 128.0 - 1.0))
        deep = torch.relu(self.left(torch.max_pool2d(features, 2)))
        deep = deep + self.right(deep)
        wide = torch.nn.functional.interpolate(deep, scale_factor=2.0, mode="bilinear")
        return 8.0 * self.head(torch.cat([features, wide], dim=1))


def tiles(count: int, height_px: int = 48, width_px: int = 48) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 256, (count, 1, height_px // 8, width_px // 8, 3), dtype=np.uint8)
    return [np.kron(one, np.ones((1, 8, 8, 1), dtype=np.uint8)) for one in coarse]


@pytest.fixture(scope="module")
def float32() -> bytes:
    return to_onnx(Small().eval(), classes=len(CLASSES), temperature=1.5, tile_px=48)


def agreement(one: bytes, other: bytes, some_tiles: list[NDArray[np.uint8]]) -> float:
    graphs = [open_graph(content, classes=CLASSES) for content in (one, other)]
    shares = [np.equal(*(graph.labels(tile)[0] for graph in graphs)).mean() for tile in some_tiles]
    return float(np.mean(shares))


def ports(content: bytes) -> list[tuple[str, int, int]]:
    graph = onnx.load_from_string(content).graph
    return [
        (port.name, port.type.tensor_type.elem_type, len(port.type.tensor_type.shape.dim))
        for port in (*graph.input, *graph.output)
    ]


def test_float16_keeps_ports_and_labels_and_halves_the_file(float32: bytes) -> None:
    converted = to_float16(float32)
    assert ports(converted.onnx_bytes) == ports(float32)
    assert agreement(float32, converted.onnx_bytes, tiles(3)) > 0.995
    # Also at a shape that was never traced.
    assert agreement(float32, converted.onnx_bytes, tiles(2, 64, 32)) > 0.995
    weights = [
        one.data_type for one in onnx.load_from_string(converted.onnx_bytes).graph.initializer
    ]
    assert onnx.TensorProto.FLOAT16 in weights
    assert "float16" in converted.method


def test_what_follows_the_last_convolution_of_float16_stays_exact(float32: bytes) -> None:
    graph = open_graph(to_float16(float32).onnx_bytes, classes=CLASSES).predictor_for(CLASSES[:2])
    (tile,) = tiles(1)
    probabilities = graph.probabilities(tile)
    assert probabilities[:, 2].max() == 0.0
    # In float16 a sum of probabilities is wrong by up to 5e-4.
    assert np.abs(probabilities.sum(axis=1) - 1.0).max() < 1e-6


def test_int8_keeps_ports_and_most_labels(float32: bytes) -> None:
    converted = to_int8(float32, tiles(6), classes=CLASSES)
    assert ports(converted.onnx_bytes) == ports(float32)
    assert agreement(float32, converted.onnx_bytes, tiles(6)) > 0.97
    types = [one.data_type for one in onnx.load_from_string(converted.onnx_bytes).graph.initializer]
    assert onnx.TensorProto.INT8 in types
    assert "ranges of 6 tiles" in converted.method


def test_int8_weights_leave_room_for_processors_without_vnni(float32: bytes) -> None:
    graph = onnx.load_from_string(to_int8(float32, tiles(2), classes=CLASSES).onnx_bytes).graph
    weights = [
        onnx.numpy_helper.to_array(one)
        for one in graph.initializer
        if one.data_type == onnx.TensorProto.INT8 and len(one.dims) == 4
    ]
    assert weights
    assert all(np.abs(one.astype(int)).max() <= 64 for one in weights)


def test_a_mask_holds_in_int8(float32: bytes) -> None:
    content = to_int8(float32, tiles(3), classes=CLASSES).onnx_bytes
    graph = open_graph(content, classes=CLASSES).predictor_for((1, 2))
    (tile,) = tiles(1)
    labels, _ = graph.labels(tile)
    assert labels.min() >= 1
    assert np.allclose(graph.probabilities(tile).sum(axis=1), 1.0, atol=1e-5)


def test_a_convolution_that_int8_wrecks_goes_back_to_float32() -> None:
    class Wide(Small):
        def forward(self, image):
            # One channel, which nobody uses, is ten thousand times the others: its range leaves
            # the others no steps in int8.
            scale = torch.ones(8).scatter(0, torch.tensor([0]), 1e4)[None, :, None, None]
            features = torch.relu(self.first(image / 128.0 - 1.0)) + 0.1
            used = self.right.weight * (scale < 2.0)
            spoilt = torch.nn.functional.conv2d(features * scale, used, self.right.bias)
            return 8.0 * self.head(torch.cat([spoilt, spoilt**2], dim=1))

    content = to_onnx(Wide().eval(), classes=len(CLASSES), temperature=1.5, tile_px=48)
    converted = to_int8(content, tiles(6), classes=CLASSES)
    assert "; 1 of 3 convolutions" in converted.method
    assert agreement(content, converted.onnx_bytes, tiles(6)) > 0.97


def test_int8_wants_tiles(float32: bytes) -> None:
    with pytest.raises(ConfigurationError, match="int8 wants tiles of the training images"):
        to_int8(float32, [], classes=CLASSES)


def test_a_graph_without_convolution_is_refused() -> None:
    model = nearest_colour_model()
    for node in model.graph.node:
        if node.op_type == "Conv":
            node.op_type = "ConvInteger"
    with pytest.raises(ConfigurationError, match="holds no convolution"):
        to_float16(model.SerializeToString())
