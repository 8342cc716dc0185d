"""A real model of three operators a pixel, for tests: nearest colour, as ONNX, without torch.

Every pixel gets the class whose colour is nearest in RGB, so a painted image has a known answer
through the whole service.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from petrography.model_card import ModelCard, sha256_hex

CODES = (0, 1, 2, 6)
# Far apart, so that a pixel of one colour has probability 1 to seven digits.
COLOURS = np.array([[20, 20, 20], [250, 220, 60], [120, 180, 140], [200, 60, 220]], dtype=np.uint8)
# Squared colour distances over this are the logits.
SOFTNESS = 200.0
TILE_PX = 64


def nearest_colour_model(*, classes: int = len(CODES), opset: int = 17) -> onnx.ModelProto:
    """The graph contract of the project over a nearest-colour classifier."""
    colours = COLOURS[:classes].astype(np.float32)
    weight = (2.0 * colours / SOFTNESS).reshape(classes, 3, 1, 1)
    bias = -(colours**2).sum(axis=1) / SOFTNESS
    nodes = [helper.make_node("Conv", ["planes", "weight", "bias"], ["raw"])]
    return deciding(nodes, {"weight": weight, "bias": bias}, classes=classes, opset=opset)


def deciding(
    nodes: list[onnx.NodeProto],
    constants: Mapping[str, NDArray[Any]],
    *,
    classes: int = len(CODES),
    opset: int = 17,
) -> onnx.ModelProto:
    """Lead the image as float32 ``planes`` to nodes, and what they make, ``raw``, to a decision."""
    numbers = {"one": 1.0, "far": 1e9, "white": 255.0}
    own = {name: np.array(value, dtype=np.float32) for name, value in numbers.items()}
    spatial = {"spatial": np.array([2, 3], dtype=np.int64)}
    seen = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    decided = [
        helper.make_node("Sub", ["allowed", "one"], ["closed"]),
        helper.make_node("Mul", ["closed", "far"], ["penalty"]),
        helper.make_node("Unsqueeze", ["penalty", "spatial"], ["penalties"]),
        helper.make_node("Add", ["raw", "penalties"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["logits"], ["best"], axis=1, keepdims=0),
        helper.make_node("Cast", ["best"], ["labels"], to=TensorProto.UINT8),
        helper.make_node("ReduceMax", ["probabilities"], ["highest"], axes=[1], keepdims=0),
        helper.make_node("Mul", ["highest", "white"], ["scaled"]),
        helper.make_node("Round", ["scaled"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], ["confidence"], to=TensorProto.UINT8),
    ]
    all_nodes, all_constants = [*seen, *nodes, *decided], {**constants, **own, **spatial}
    return assemble(all_nodes, all_constants, classes=classes, opset=opset)


def assemble(
    nodes: list[onnx.NodeProto],
    constants: Mapping[str, NDArray[Any]],
    *,
    classes: int = len(CODES),
    opset: int = 17,
) -> onnx.ModelProto:
    """Put nodes into a graph with the inputs and outputs of the contract."""
    plane = ["N", "H", "W"]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, [*plane, 3]),
            helper.make_tensor_value_info("allowed", TensorProto.FLOAT, ["N", classes]),
        ],
        [
            helper.make_tensor_value_info("labels", TensorProto.UINT8, plane),
            helper.make_tensor_value_info("confidence", TensorProto.UINT8, plane),
            helper.make_tensor_value_info(
                "probabilities", TensorProto.FLOAT, ["N", classes, "H", "W"]
            ),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    # IR 10 is what every ONNX Runtime of the supported range reads.
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def card_fields(model: bytes, **changes: Any) -> dict[str, Any]:
    """The card of the tiny model as JSON fields, with changes."""
    fields: dict[str, Any] = {
        "name": "tiny",
        "version": 1,
        "description": "Nearest colour, for tests.",
        "architecture": "nearest-colour",
        "classes": list(CODES),
        "mean": [0.0, 0.0, 0.0],
        "std": [1.0, 1.0, 1.0],
        "um_per_px": 0.5,
        "um_per_px_estimate": None,
        "default_resampling_factor": 1.0,
        "training_colours_rgb": {
            str(code): colour for code, colour in zip(CODES, COLOURS.tolist(), strict=True)
        },
        "tile": {"size_px": TILE_PX, "multiple_px": 1, "mode": "halo", "halo_px": 0},
        "calibration": {
            "temperature": 1.0,
            "bins": 15,
            "ece_before": 0.0,
            "ece_after": 0.0,
            "data": "none",
        },
        "evaluations": [],
        "training": {
            "data": "painted",
            "data_terms": "none",
            "data_sha256": "0" * 64,
            "train_images": 0,
            "validation_images": 0,
            "phantom_fraction": 1.0,
            "steps": 0,
            "config_toml": "",
        },
        "parity": [],
        "weight_terms": "Apache-2.0",
        "git_commit": "0" * 40,
        "exported_utc": "2026-01-01T00:00:00Z",
        "opset": 17,
        "onnx_sha256": sha256_hex(model),
    }
    return fields | changes


def write_model(folder: Path, model: onnx.ModelProto | None = None, **changes: Any) -> Path:
    """Write ``<folder>/<name>/<version>/{model.onnx, model.json}``; return that folder."""
    content = (model or nearest_colour_model()).SerializeToString()
    fields = card_fields(content, **changes)
    version_folder: Path = folder / fields["name"] / str(fields["version"])
    version_folder.mkdir(parents=True)
    (version_folder / "model.onnx").write_bytes(content)
    (version_folder / "model.json").write_text(json.dumps(fields))
    return version_folder


def tiny_card(**changes: Any) -> ModelCard:
    """The card of the tiny model."""
    model = nearest_colour_model().SerializeToString()
    return ModelCard.model_validate_json(json.dumps(card_fields(model, **changes)))


def paint(labels: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """The image whose label indices are `labels`: uint8 (height, width, 3)."""
    painted: NDArray[np.uint8] = COLOURS[labels]
    return painted
