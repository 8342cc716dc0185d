from __future__ import annotations

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from petrography.errors import ModelCardError
from service.runtime.graph_outputs import keep_outputs, output_names
from tests.tiny_model import nearest_colour_model

OUTPUTS = ("labels", "confidence", "probabilities")


def test_names_in_order() -> None:
    assert output_names(nearest_colour_model().SerializeToString()) == OUTPUTS


@given(st.sets(st.sampled_from(OUTPUTS)))
def test_what_only_other_outputs_need_is_gone(kept: set[str]) -> None:
    model = nearest_colour_model()
    expected = nearest_colour_model()
    reference = extracted(expected, kept)

    reduced = onnx.ModelProto.FromString(keep_outputs(model.SerializeToString(), kept))

    assert [port.name for port in reduced.graph.output] == [
        name for name in OUTPUTS if name in kept
    ]
    assert [node.output[0] for node in reduced.graph.node] == reference
    assert reduced.graph.input == model.graph.input
    assert reduced.graph.initializer == model.graph.initializer


def extracted(model: onnx.ModelProto, kept: set[str]) -> list[str]:
    """First outputs of the needed nodes, by searching from the outputs to what they use."""
    by_output = {node.output[0]: node for node in model.graph.node}
    found: set[str] = set()
    queue = list(kept)
    while queue:
        name = queue.pop()
        if name in by_output and name not in found:
            found.add(name)
            queue.extend(by_output[name].input)
    return [node.output[0] for node in model.graph.node if node.output[0] in found]


def test_what_an_inner_graph_uses_is_kept() -> None:
    def branch(name: str, used: str) -> onnx.GraphProto:
        node = helper.make_node("Identity", [used], [name])
        result = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        return helper.make_graph([node], name, [], [result])

    nodes = [
        helper.make_node("Neg", ["x"], ["negative"]),
        helper.make_node("Exp", ["x"], ["unused"]),
        helper.make_node(
            "If",
            ["choice"],
            ["y"],
            then_branch=branch("then", "negative"),
            else_branch=branch("else", "x"),
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "choice",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1]),
            helper.make_tensor_value_info("choice", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )

    reduced = keep_outputs(helper.make_model(graph).SerializeToString(), {"y"})

    kept = onnx.ModelProto.FromString(reduced).graph.node
    assert [node.op_type for node in kept] == ["Neg", "If"]


def test_lengths_of_many_bytes() -> None:
    model = nearest_colour_model()
    model.graph.doc_string = "x" * 3_000_000
    model.doc_string = "after the graph"
    model.producer_version = "before the graph"

    reduced = keep_outputs(model.SerializeToString(), OUTPUTS)

    assert onnx.ModelProto.FromString(reduced) == model


@given(st.binary(max_size=60))
def test_any_bytes_are_copied_or_refused(content: bytes) -> None:
    try:
        names = output_names(content)
        copied = keep_outputs(content, names)
    except ModelCardError:
        return
    assert output_names(copied) == names


@pytest.mark.parametrize(
    "content", [b"\x3a\x7f", b"\x3a", b"\xff" * 20, b"\x3b", b"\x09\x00", b"\x3a\x02\x62\x7f"]
)
def test_a_broken_encoding_is_refused(content: bytes) -> None:
    with pytest.raises(ModelCardError, match="protobuf encoding is broken"):
        output_names(content)
