"""The same graph in lower precision: float16 weights, or int8 with scales measured on real tiles.

What lies after the last convolution (mask, exponentials, confidence) is small, decides labels and
stays in float32. Which convolutions int8 would wreck is not guessed but measured, on the tiles that
the scales are measured on: those of the training images, never of the validation.

References
----------
Jacob et al. 2018, doi:10.1109/CVPR.2018.00286 (integer arithmetic by scale and zero point).
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.utils import Extractor

# Before its first import, or ONNX Runtime's own wheels send usage events.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from export.onnx_predictor import open_graph
from petrography.errors import ConfigurationError

__all__ = ["Converted", "to_float16", "to_int8"]

Tiles = Sequence[NDArray[np.uint8]]

CONVOLUTIONS = ("Conv", "ConvTranspose")
# What lies between convolutions and would otherwise force a way to float32 and back.
QUANTISED_OPERATORS = (*CONVOLUTIONS, "Relu", "MaxPool", "Add", "Concat")
# Agreement with float32, all classes open, at which no more convolutions are freed: each one that
# goes back costs time, and with half of them in float32 a graph may be slower than without int8.
ENOUGH_AGREEMENT = 0.99
# Tiles on which every convolution is tried; the scales are measured on all.
TRIED_TILES = 8
# With half of the convolutions in float32 little is left to gain.
MOST_FREED_FRACTION = 0.5


@dataclass(frozen=True)
class Converted:
    """A graph in lower precision.

    Attributes
    ----------
    onnx_bytes : bytes
        The graph, with the inputs and outputs of the float32 one.
    method : str
        How it was made, for the card.
    """

    onnx_bytes: bytes
    method: str


def to_float16(onnx_bytes: bytes) -> Converted:
    """Convert weights and arithmetic to float16, up to and including the last convolution.

    Parameters
    ----------
    onnx_bytes : bytes
        A float32 graph of the project's contract.

    Raises
    ------
    ConfigurationError
        If the graph holds no convolution, or the result does not pass the ONNX checker.
    """
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(onnx_bytes))
    after = _after_last_convolution(model.graph)
    tail = [node for node in model.graph.node if node.name in after]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # weights below 6e-8 become 0: the proof judges it
        trunk = convert_float_to_float16(_trunk(model, tail), keep_io_types=True)
    # Its own list of nodes to leave out converts them there and back, one by one.
    _put_before(tail, trunk, model)
    method = (
        "weights and arithmetic in float16 up to the last convolution, "
        f"{len(tail)} nodes after it in float32 (onnxruntime.transformers.float16)"
    )
    return Converted(_checked(model), method)


def _trunk(model: onnx.ModelProto, tail: Sequence[onnx.NodeProto]) -> onnx.ModelProto:
    """Cut off what lies after the last convolution; what that needs becomes an output."""
    given = {port.name for port in model.graph.input}
    fixed = {value.name for value in model.graph.initializer}
    of_tail = {name for node in tail for name in node.output}
    wanted = {name for node in tail for name in node.input if name} - of_tail - given - fixed
    trunk: onnx.ModelProto = Extractor(model).extract_model(
        [port.name for port in model.graph.input], sorted(wanted)
    )
    return trunk


def _put_before(
    tail: Sequence[onnx.NodeProto], trunk: onnx.ModelProto, model: onnx.ModelProto
) -> None:
    """Replace the nodes of a model by those of a trunk and a tail, in place."""
    used = {name for node in tail for name in node.input}
    # A value that the trunk needs as well is float16 there: the tail keeps one under another name.
    values = [_copy(value) for value in model.graph.initializer if value.name in used]
    renamed = {value.name: f"float32/{value.name}" for value in values}
    nodes = [_copy(node) for node in (*trunk.graph.node, *tail)]
    for node in nodes[len(trunk.graph.node) :]:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    for value in values:
        value.name = renamed[value.name]
    for field in ("node", "initializer", "value_info"):
        model.graph.ClearField(field)
    model.graph.node.extend(nodes)
    model.graph.initializer.extend([*trunk.graph.initializer, *values])


def _copy(message: Any) -> Any:
    return type(message).FromString(message.SerializeToString())


def to_int8(onnx_bytes: bytes, tiles: Tiles, *, classes: Sequence[int]) -> Converted:
    """Quantise to int8: weights by channel, activations by the range that they have on real tiles.

    Every convolution is quantised alone to see what it costs; then all are, and those that cost
    most agreement with float32 go back, one after the other, until the agreement suffices.

    Parameters
    ----------
    onnx_bytes : bytes
        A float32 graph of the project's contract.
    tiles : sequence of ndarray of uint8, shape (1, H, W, C)
        Tiles of training images, at least one.
    classes : sequence of int
        Codes of the outputs.

    Raises
    ------
    ConfigurationError
        If there is no tile or no convolution, or the result does not pass the ONNX checker.
    """
    if not tiles:
        msg = "int8 wants tiles of the training images to measure ranges on; given none"
        raise ConfigurationError(msg)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared = _prepared(onnx_bytes, Path(folder))
        quantiser = _Quantiser(prepared, _ranges(prepared, tiles, len(classes), Path(folder)))
    judge = _Judge(onnx_bytes, tiles[:TRIED_TILES], tuple(classes))
    chosen = _worth_quantising(quantiser, judge)
    freed = [name for name in quantiser.convolutions if name not in chosen]
    method = (
        f"static int8 (QDQ), weights by channel, ranges of {len(tiles)} tiles of training images; "
        f"{len(freed)} of {len(quantiser.convolutions)} convolutions and what lies after the last "
        f"one in float32: {', '.join(freed) or 'none'} (onnxruntime.quantization)"
    )
    return Converted(_checked(quantiser.quantised(chosen)), method)


class _Quantiser:
    """Quantises one graph again and again, with the ranges measured once."""

    def __init__(self, model: onnx.ModelProto, ranges: Any) -> None:
        self._model, self._ranges = model, ranges
        self._nodes = _between_convolutions(model.graph)
        self.convolutions = tuple(node.name for node in self._nodes if node.op_type in CONVOLUTIONS)

    def quantised(self, convolutions: Sequence[str]) -> onnx.ModelProto:
        """Quantise some convolutions, and what lies between two of them."""
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            # Seven bits of weight: with eight, the sums of pairs overflow on processors without
            # VNNI, silently, and the proof of agreement would hold on the maker's machine only.
            reduce_range=True,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=self._ranges,
            nodes_to_quantize=[*convolutions, *self._enclosed(set(convolutions))],
            nodes_to_exclude=[],
            op_types_to_quantize=list(QUANTISED_OPERATORS),
            extra_options={},
        )
        with _quiet():
            quantizer.quantize_model()
        result: onnx.ModelProto = quantizer.model.model
        return result

    def _enclosed(self, convolutions: set[str]) -> list[str]:
        """Other nodes that have such a convolution before and behind them.

        Quantising them saves the way to float32 and back; elsewhere it would only cost accuracy.
        """
        before, behind = set[str](), set[str]()
        for node in self._nodes:
            if node.name in convolutions or (_is_other(node) and before & set(node.input)):
                before.update(node.output)
        for node in reversed(self._nodes):
            if node.name in convolutions or (_is_other(node) and behind & set(node.output)):
                behind.update(node.input)
        return [
            node.name
            for node in self._nodes
            if _is_other(node) and before & set(node.input) and behind & set(node.output)
        ]


def _is_other(node: onnx.NodeProto) -> bool:
    return node.op_type not in CONVOLUTIONS


@dataclass(frozen=True)
class _Judge:
    """Tells which fraction of pixels has the label of the float32 graph, all classes open."""

    float32: bytes
    tiles: Tiles
    classes: tuple[int, ...]

    def reference(self) -> list[NDArray[np.uint8]]:
        """Labels of the float32 graph."""
        return self._labels(self.float32)

    def agreement(self, model: onnx.ModelProto, reference: list[NDArray[np.uint8]]) -> float:
        """Compare a graph with the reference."""
        labels = self._labels(model.SerializeToString())
        pairs = zip(labels, reference, strict=True)
        return float(np.mean([(one == other).mean() for one, other in pairs]))

    def _labels(self, onnx_bytes: bytes) -> list[NDArray[np.uint8]]:
        graph = open_graph(onnx_bytes, classes=self.classes)
        return [graph.labels(tile)[0] for tile in self.tiles]


def _worth_quantising(quantiser: _Quantiser, judge: _Judge) -> tuple[str, ...]:
    """Convolutions that stay in int8 after those that harm most went back to float32."""
    reference = judge.reference()
    every = quantiser.convolutions
    best, chosen = judge.agreement(quantiser.quantised(every), reference), every
    if best >= ENOUGH_AGREEMENT:
        return chosen
    alone = {name: judge.agreement(quantiser.quantised([name]), reference) for name in every}
    harmful = sorted(every, key=lambda name: (alone[name], name))
    for count in range(1, int(MOST_FREED_FRACTION * len(every)) + 1):
        kept = tuple(name for name in every if name not in harmful[:count])
        agreement = judge.agreement(quantiser.quantised(kept), reference)
        if agreement > best:
            best, chosen = agreement, kept
        if best >= ENOUGH_AGREEMENT:
            break
    return chosen


class _TileReader(CalibrationDataReader):  # type: ignore[misc]  # ONNX Runtime has no types
    """Hands tiles to ONNX Runtime's calibration, all classes open."""

    def __init__(self, tiles: Tiles, classes: int) -> None:
        self._feeds: Iterator[dict[str, NDArray[Any]]] = (
            {"image": tile, "allowed": np.ones((1, classes), dtype=np.float32)} for tile in tiles
        )

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Next tile, or None after the last."""
        return next(self._feeds, None)


def _prepared(onnx_bytes: bytes, folder: Path) -> onnx.ModelProto:
    """Fold constants and batch normalisation, and infer shapes: what quantisation asks for."""
    given, prepared = folder / "float32.onnx", folder / "prepared.onnx"
    given.write_bytes(onnx_bytes)
    with _quiet():
        quant_pre_process(str(given), str(prepared), skip_symbolic_shape=True)
    return onnx.load(str(prepared))


def _ranges(model: onnx.ModelProto, tiles: Tiles, classes: int, folder: Path) -> Any:
    """Smallest and largest value of every activation on the tiles."""
    path = folder / "measured.onnx"
    onnx.save(model, str(path))
    calibrator = create_calibrator(
        path,
        list(QUANTISED_OPERATORS),
        augmented_model_path=str(folder / "augmented.onnx"),
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={"symmetric": False},
    )
    calibrator.collect_data(_TileReader(tiles, classes))
    return calibrator.compute_data()


def _between_convolutions(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Nodes that may be quantised: from the first convolution to the last one."""
    after = _after_last_convolution(graph)
    behind_first: set[str] = set()
    nodes = []
    for node in graph.node:
        if node.op_type in CONVOLUTIONS or behind_first & set(node.input):
            behind_first.update(node.output)
            if node.op_type in QUANTISED_OPERATORS and node.name not in after:
                nodes.append(node)
    return nodes


def _after_last_convolution(graph: onnx.GraphProto) -> set[str]:
    """Names of the nodes that no path leads from to a convolution."""
    needed: set[str] = set()
    after: set[str] = set()
    for node in reversed(graph.node):
        if node.op_type in CONVOLUTIONS or needed & set(node.output):
            needed.update(node.input)
        else:
            after.add(node.name)
    if not needed:
        msg = "the graph holds no convolution; there is nothing to convert to lower precision"
        raise ConfigurationError(msg)
    return after


def _checked(model: onnx.ModelProto) -> bytes:
    # Conversion appends its casts at the end; the service cuts graphs in the order of their nodes.
    ONNXModel(model).topological_sort()
    try:
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as error:
        msg = f"the graph in lower precision does not pass the ONNX checker: {error}"
        raise ConfigurationError(msg) from error
    content: bytes = model.SerializeToString()
    return content


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep ONNX Runtime's advice to quantisers out of the log: what it advises is done."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
