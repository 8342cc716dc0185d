"""A real matcher of key points as ONNX, for tests: the best place of every patch, without training.

Patches of a regular lattice of the first image are sought all over the second by normalised
correlation; the correlation is the confidence. Its size is fixed, as in most exports of LoFTR.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PATCH_PX, STEP_PX = 16, 12


def patch_matcher(
    height_px: int,
    width_px: int,
    *,
    names: tuple[str, str, str] = ("keypoints0", "keypoints1", "confidence"),
) -> bytes:
    """A graph from two grey images (1, 1, height, width) to pairs of points and confidence."""
    size = PATCH_PX * PATCH_PX
    rows, cols = ((side - PATCH_PX) // STEP_PX + 1 for side in (height_px, width_px))
    places = height_px - PATCH_PX + 1, width_px - PATCH_PX + 1
    x, y = np.meshgrid(np.arange(cols) * STEP_PX, np.arange(rows) * STEP_PX)
    lattice = np.stack([x.ravel(), y.ravel()], axis=1) + (PATCH_PX - 1) / 2
    constants = {
        "one_pixel_each": np.eye(size, dtype=np.float32).reshape(size, 1, PATCH_PX, PATCH_PX),
        "ones": np.ones((1, 1, PATCH_PX, PATCH_PX), dtype=np.float32),
        "columns": np.array([size, rows * cols], dtype=np.int64),
        "kernels": np.array([rows * cols, 1, PATCH_PX, PATCH_PX], dtype=np.int64),
        "flat": np.array([rows * cols, places[0] * places[1]], dtype=np.int64),
        "count": np.array(size, dtype=np.float32),
        "least": np.array(1e-3, dtype=np.float32),
        "across": np.array(places[1], dtype=np.int64),
        "middle": np.array((PATCH_PX - 1) / 2, dtype=np.float32),
        "lattice": lattice.astype(np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Conv", ["image0", "one_pixel_each"], ["cut"], strides=[STEP_PX, STEP_PX]),
        node("Reshape", ["cut", "columns"], ["as_columns"]),
        node("Transpose", ["as_columns"], ["patches"], perm=[1, 0]),
        node("ReduceMean", ["patches"], ["means"], axes=[1]),
        node("Sub", ["patches", "means"], ["centred"]),
        node("ReduceL2", ["centred"], ["lengths"], axes=[1]),
        node("Max", ["lengths", "least"], ["safe_lengths"]),
        node("Div", ["centred", "safe_lengths"], ["units"]),
        node("Reshape", ["units", "kernels"], ["templates"]),
        node("Conv", ["image1", "templates"], ["products"]),
        node("Mul", ["image1", "image1"], ["squares"]),
        node("Conv", ["squares", "ones"], ["energy"]),
        node("Conv", ["image1", "ones"], ["sums"]),
        node("Mul", ["sums", "sums"], ["squared_sums"]),
        node("Div", ["squared_sums", "count"], ["of_mean"]),
        node("Sub", ["energy", "of_mean"], ["spread"]),
        node("Max", ["spread", "least"], ["safe_spread"]),
        node("Sqrt", ["safe_spread"], ["norms"]),
        node("Div", ["products", "norms"], ["likeness"]),
        node("Reshape", ["likeness", "flat"], ["by_patch"]),
        node("ReduceMax", ["by_patch"], [names[2]], axes=[1], keepdims=0),
        node("ArgMax", ["by_patch"], ["best"], axis=1, keepdims=1),
        node("Mod", ["best", "across"], ["x"]),
        node("Div", ["best", "across"], ["y"]),
        node("Concat", ["x", "y"], ["corners"], axis=1),
        node("Cast", ["corners"], ["corners_px"], to=TensorProto.FLOAT),
        node("Add", ["corners_px", "middle"], [names[1]]),
        node("Identity", ["lattice"], [names[0]]),
    ]
    graph = helper.make_graph(
        nodes,
        "patch_matcher",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, height_px, width_px])
            for name in ("image0", "image1")
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in zip(names, (["n", 2], ["n", 2], ["n"]), strict=True)
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()
