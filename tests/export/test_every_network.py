"""Every architecture through the exporter, the ONNX checker and ONNX Runtime at several sizes."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from export.graph import to_onnx
from export.onnx_predictor import open_graph
from export.parity import prove_parity
from tests.training.tiny_networks import TINY, lively, tiny
from training.networks.build import build_network, stride_px

pytestmark = pytest.mark.torch

CLASSES = (0, 1, 2, 3)
# PAN halves the deepest features three times more: it wants tiles of 128 px at least.
LEAST_PX = {"pan": 256}


def proven(name, channels):
    torch.manual_seed(0)
    network = lively(build_network(tiny(name), classes=len(CLASSES), channels=channels))
    least = LEAST_PX.get(name, 64)
    model = to_onnx(
        network, classes=len(CLASSES), temperature=1.5, tile_px=least, channels=channels
    )
    rng = np.random.default_rng(0)
    sizes = ((least, least), (least + 32, least + 96))
    tiles = [rng.integers(0, 256, (2, *size, channels), dtype=np.uint8) for size in sizes]
    return prove_parity(network, open_graph(model, classes=CLASSES), tiles, temperature=1.5)


# The same graph as dilated, over a ResNet-18 that is slow to export.
EXPORTED = [name for name in TINY if name != "resnet-resunet"]


@pytest.mark.parametrize("name", EXPORTED)
def test_the_graph_computes_what_torch_computes_at_every_size(name):
    proof = proven(name, channels=3)
    # float32 sums in another order; a bin of the traced size would be wrong by 0.1.
    assert all(one.max_probability_difference < 1e-4 for one in proof)


@pytest.mark.parametrize("name", ["resunet", "full-pspnet-dilated", "unet"])
def test_sixteen_bands_export_as_three_do(name):
    proof = proven(name, channels=16)
    assert all(one.max_probability_difference < 1e-4 for one in proof)


@pytest.mark.parametrize("name", TINY)
def test_the_stride_is_what_the_network_needs(name):
    network = build_network(tiny(name), classes=2).network
    side = max(stride_px(network), LEAST_PX.get(name, 0))
    with torch.no_grad():
        answer = network.eval()(torch.zeros(1, 3, side, side + stride_px(network)))
    assert answer.shape == (1, 2, side, side + stride_px(network))
