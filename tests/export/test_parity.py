from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from export.graph import to_onnx
from export.onnx_predictor import open_graph
from export.parity import prove_parity, untraced_side_px
from petrography.errors import ConfigurationError
from petrography.model_card import TileGeometry

pytestmark = pytest.mark.torch

CLASSES = (0, 1, 2)


class Weights(torch.nn.Module):
    """A network of one convolution, and a trap: an average over the traced size only."""

    def __init__(self, *, frozen_size: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = torch.nn.Conv2d(3, len(CLASSES), 1)
        self.frozen_size = frozen_size

    def forward(self, image):
        scores = self.convolution(image / 255.0)
        if not self.frozen_size:
            return scores
        # int() freezes the traced height into the graph, as a careless export of pooling does.
        return scores * (int(image.shape[2]) / 32.0)


def tiles(*sizes):
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (2, *size, 3), dtype=np.uint8) for size in sizes]


def exported(network):
    model = to_onnx(network.eval(), classes=len(CLASSES), temperature=2.0, tile_px=32)
    return open_graph(model, classes=CLASSES)


def test_a_right_graph_passes():
    network = Weights()
    proof = prove_parity(network, exported(network), tiles((32, 32), (48, 32)), temperature=2.0)
    assert [(one.height_px, one.width_px) for one in proof] == [(32, 32), (48, 32)]
    assert all(one.differing_label_fraction == 0.0 for one in proof)


def test_a_graph_that_is_right_only_at_the_traced_size_is_caught():
    network = Weights(frozen_size=True)
    with pytest.raises(ConfigurationError, match="ONNX and torch differ at 96x32 px"):
        prove_parity(network, exported(network), tiles((32, 32), (96, 32)), temperature=2.0)


class Split(torch.nn.Module):
    """Two classes, the second ahead of the first by so many logits at every pixel."""

    def __init__(self, ahead: float) -> None:
        super().__init__()
        self.ahead = torch.nn.Parameter(torch.tensor([0.0, ahead, -9.0]).view(1, 3, 1, 1))

    def forward(self, image):
        return self.ahead + 0.0 * image


def test_what_rounding_alone_decides_is_no_difference():
    # One of them says the first class, the other the second: by 2e-8, or by 1.3e-4.
    proof = prove_parity(
        Split(-8e-8), exported(Split(8e-8)), tiles((32, 32), (48, 32)), temperature=2.0
    )
    assert all(one.differing_label_fraction == 0.0 for one in proof)
    with pytest.raises(ConfigurationError, match=r"labels in 100.00% of the pixels"):
        prove_parity(
            Split(-5e-4), exported(Split(5e-4)), tiles((32, 32), (48, 32)), temperature=2.0
        )


def test_another_temperature_is_caught():
    network = Weights()
    with pytest.raises(ConfigurationError, match="differ at 32x32"):
        prove_parity(network, exported(network), tiles((32, 32), (48, 32)), temperature=1.0)


@pytest.mark.parametrize("strides", range(1, 13))
def test_the_other_side_is_never_the_traced_one(strides):
    geometry = TileGeometry(
        size_px=32 * strides, multiple_px=32, mode="blend", overlap_fraction=0.125
    )
    side_px = untraced_side_px(geometry)
    assert side_px != geometry.size_px
    assert side_px % 32 == 0 < side_px


def test_one_size_proves_nothing():
    network = Weights()
    with pytest.raises(ConfigurationError, match="at least two sizes"):
        prove_parity(network, exported(network), tiles((32, 32), (32, 32)), temperature=2.0)


def test_a_network_that_cannot_be_traced_is_reported():
    class Untraceable(torch.nn.Module):
        def forward(self, image):
            return torch.linalg.eigvals(image).real.repeat(1, 1, 1, 1)

    with pytest.raises(ConfigurationError, match="cannot be exported to ONNX opset"):
        to_onnx(Untraceable(), classes=3, temperature=1.0, tile_px=32)
