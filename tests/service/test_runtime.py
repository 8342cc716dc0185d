from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from petrography.errors import ConfigurationError, ModelCardError
from service.runtime import ModelNetworks, OnnxPredictor, OpenSession, open_session
from service.settings import Provider, Settings
from tests.tiny_model import CODES, COLOURS, SOFTNESS, assemble, nearest_colour_model

CPU = Settings(provider="cpu", threads=1)
ALL_OPEN = np.ones(len(CODES), dtype=np.float32)


@pytest.fixture(scope="module")
def opened() -> OpenSession:
    return open_session(nearest_colour_model().SerializeToString(), CPU, source="tiny")


def noise(tiles: int, side_px: int = 16) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (tiles, side_px, side_px, 3), dtype=np.uint8)


def test_the_predictor_computes_the_nearest_colour(opened: OpenSession) -> None:
    tiles = noise(2)
    distances = ((tiles[..., None, :].astype(float) - COLOURS) ** 2).sum(axis=-1)
    odds = np.exp((distances.min(axis=-1, keepdims=True) - distances) / SOFTNESS)
    expected = np.moveaxis(odds / odds.sum(axis=-1, keepdims=True), -1, 1)

    predictor = OnnxPredictor(ModelNetworks(opened), ALL_OPEN)
    labels, confidence = predictor.labels(tiles)
    probabilities = predictor.probabilities(tiles)

    # float32 logits of some hundreds: seven digits leave 1e-4.
    np.testing.assert_allclose(probabilities, expected, atol=1e-3)
    np.testing.assert_array_equal(labels, distances.argmin(axis=-1))
    np.testing.assert_allclose(confidence, 255 * expected.max(axis=1), atol=1)
    assert (labels.dtype, confidence.dtype) == (np.uint8, np.uint8)


def test_a_closed_class_never_occurs(opened: OpenSession) -> None:
    allowed = np.array([1, 0, 1, 0], dtype=np.float32)
    predictor = OnnxPredictor(ModelNetworks(opened), allowed)

    labels, _ = predictor.labels(noise(3))
    probabilities = predictor.probabilities(noise(3))

    assert set(np.unique(labels)) == {0, 2}
    assert probabilities[:, [1, 3]].max() == 0.0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("tile_batch", [1, 2, 3, 8])
def test_a_tile_never_depends_on_its_neighbours_in_a_batch(
    opened: OpenSession, tile_batch: int
) -> None:
    batched = dataclasses.replace(opened, tile_batch=tile_batch)
    tiles = noise(7)
    alone = [OnnxPredictor(ModelNetworks(opened), ALL_OPEN).labels(tile[None]) for tile in tiles]

    labels, confidence = OnnxPredictor(ModelNetworks(batched), ALL_OPEN).labels(tiles)

    assert labels.shape == confidence.shape == tiles.shape[:3]
    np.testing.assert_array_equal(labels, np.concatenate([pair[0] for pair in alone]))
    np.testing.assert_array_equal(confidence, np.concatenate([pair[1] for pair in alone]))


def test_every_run_is_observed(opened: OpenSession) -> None:
    seen: list[tuple[str, int, float]] = []
    batched = dataclasses.replace(opened, tile_batch=2)
    predictor = OnnxPredictor(ModelNetworks(batched, lambda *run: seen.append(run)), ALL_OPEN)

    predictor.labels(noise(5))

    assert [(provider, tiles) for provider, tiles, _ in seen] == [
        ("cpu", 2),
        ("cpu", 2),
        ("cpu", 1),
    ]
    assert all(seconds > 0.0 for _, _, seconds in seen)


def trap() -> bytes:
    """A model whose branch of the probabilities fails when it runs: it looks beyond a table."""
    constants = {
        "table": np.zeros(7, dtype=np.float32),
        "beyond": np.array(1000.0, dtype=np.float32),
        "shape": np.array([1, len(CODES), 1, 1], dtype=np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["pixels"], ["brightest"], axes=[3], keepdims=0),
        helper.make_node("Cast", ["brightest"], ["labels"], to=TensorProto.UINT8),
        helper.make_node("Cast", ["brightest"], ["confidence"], to=TensorProto.UINT8),
        # Depends on an input, so that it cannot be folded away when the graph is opened.
        helper.make_node("ReduceSum", ["allowed"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", "beyond"], ["position"]),
        helper.make_node("Cast", ["position"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["value"]),
        helper.make_node("Expand", ["value", "shape"], ["probabilities"]),
    ]
    return assemble(nodes, constants).SerializeToString()


def test_only_what_is_wanted_is_computed() -> None:
    predictor = OnnxPredictor(ModelNetworks(open_session(trap(), CPU, source="trap")), ALL_OPEN)

    labels, _ = predictor.labels(noise(1))

    np.testing.assert_array_equal(labels, noise(1).max(axis=3))
    with pytest.raises(Exception, match="out of data bounds"):
        predictor.probabilities(noise(1))


def test_onnx_runtime_itself_computes_what_is_not_fetched() -> None:
    """The reason for cutting graphs; when this fails, one session a model has become enough."""
    options = onnxruntime.RunOptions()
    options.only_execute_path_to_fetches = True
    session = onnxruntime.InferenceSession(trap(), providers=["CPUExecutionProvider"])

    with pytest.raises(Exception, match="out of data bounds"):
        session.run(["labels"], {"image": noise(1), "allowed": ALL_OPEN[None]}, options)


@pytest.mark.parametrize("content", [b"", b"no graph", b"\x00" * 100])
def test_what_is_no_graph_is_refused(content: bytes) -> None:
    with pytest.raises(ModelCardError, match=r"broken\.onnx cannot be opened"):
        open_session(content, CPU, source="broken.onnx")


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(),
    reason="this ONNX Runtime has CUDA",
)
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_gpu_that_is_demanded_and_not_there_stops_the_start(provider: Provider) -> None:
    model = nearest_colour_model().SerializeToString()

    with pytest.raises(ConfigurationError, match=f"provider {provider} was demanded.*extra gpu"):
        open_session(model, Settings(provider=provider), source="tiny")


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(),
    reason="this ONNX Runtime has CUDA",
)
def test_auto_without_cuda_is_the_cpu_and_nothing_is_missing() -> None:
    model = nearest_colour_model().SerializeToString()

    opened = open_session(model, Settings(provider="auto"), source="tiny")

    assert (opened.provider, opened.degradations, opened.tile_batch) == ("cpu", (), 1)


def test_onnx_runtime_reports_no_usage(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", "import service.runtime"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        check=True,
    )

    assert list(tmp_path.rglob("*")) == []
