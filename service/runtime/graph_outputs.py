"""Which outputs an ONNX file has, and the same file with some of them only.

ONNX Runtime computes every node of a graph whatever is fetched: the run option
``only_execute_path_to_fetches`` does nothing in its inference builds (microsoft/onnxruntime issue
16013), and nodes without a use are not removed when a graph is opened. A test here shows both. So
a graph is cut, and opened, once for each set of outputs that is wanted together.

The few fields that matter are cut from the protobuf encoding itself, which spares the service the
onnx package: https://protobuf.dev/programming-guides/encoding and onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from petrography.errors import ModelCardError

__all__ = ["keep_outputs", "output_names"]

# Field numbers of onnx.proto3.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_OUTPUT = 1, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_ATTRIBUTE = 1, 2, 5
_ATTRIBUTE_GRAPHS = (6, 11)
_VALUE_NAME = 1

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, eq=False)
class _Field:
    """One field of a message: its number, its whole encoding and its content."""

    number: int
    encoded: memoryview
    content: memoryview


def output_names(model: bytes) -> tuple[str, ...]:
    """Names of the outputs of a graph, in order.

    Parameters
    ----------
    model : bytes
        The content of an ONNX file.

    Raises
    ------
    ModelCardError
        If the bytes are no protobuf message.
    """
    return tuple(
        name
        for graph in _contents(memoryview(model), _MODEL_GRAPH)
        for output in _contents(graph, _GRAPH_OUTPUT)
        for name in _texts(output, _VALUE_NAME)
    )


def keep_outputs(model: bytes, names: Collection[str]) -> bytes:
    """Copy an ONNX file without the other outputs and the nodes that only they need.

    Parameters
    ----------
    model : bytes
        The content of an ONNX file.
    names : collection of str
        Outputs to keep.

    Returns
    -------
    bytes
        The ONNX file. Weights that no node needs any more are still in it.

    Raises
    ------
    ModelCardError
        If the bytes are no protobuf message.
    """
    return b"".join(
        _cut_graph(field.content, names) if field.number == _MODEL_GRAPH else field.encoded
        for field in _fields(memoryview(model))
    )


def _cut_graph(graph: memoryview, names: Collection[str]) -> bytes:
    kept = []
    needed = set(names)
    # Nodes are in topological order, so backwards every use comes before what it uses.
    for field in reversed(list(_fields(graph))):
        if field.number == _GRAPH_NODE:
            if needed.isdisjoint(_texts(field.content, _NODE_OUTPUT)):
                continue
            needed.update(_inputs(field.content))
        elif field.number == _GRAPH_OUTPUT and _text(field.content, _VALUE_NAME) not in names:
            continue
        kept.append(field.encoded)
    content = b"".join(reversed(kept))
    return _varint(_MODEL_GRAPH << 3 | _BYTES) + _varint(len(content)) + content


def _inputs(node: memoryview) -> Iterator[str]:
    """Names that a node reads, those that its inner graphs read included."""
    yield from _texts(node, _NODE_INPUT)
    for attribute in _contents(node, _NODE_ATTRIBUTE):
        for number in _ATTRIBUTE_GRAPHS:
            for graph in _contents(attribute, number):
                for output in _contents(graph, _GRAPH_OUTPUT):
                    yield from _texts(output, _VALUE_NAME)
                for inner in _contents(graph, _GRAPH_NODE):
                    yield from _inputs(inner)


def _contents(message: memoryview, number: int) -> Iterator[memoryview]:
    return (field.content for field in _fields(message) if field.number == number)


def _texts(message: memoryview, number: int) -> Iterator[str]:
    return (bytes(content).decode(errors="replace") for content in _contents(message, number))


def _text(message: memoryview, number: int) -> str:
    return next(_texts(message, number), "")


def _fields(message: memoryview) -> Iterator[_Field]:
    position = 0
    while position < len(message):
        start = position
        key, position = _read_varint(message, position)
        length, position = _content_length(message, key & 7, position)
        end = position + length
        if end > len(message):
            raise _not_protobuf()
        yield _Field(key >> 3, message[start:end], message[position:end])
        position = end


def _content_length(message: memoryview, wire_type: int, position: int) -> tuple[int, int]:
    if wire_type == _VARINT:
        return _read_varint(message, position)[1] - position, position
    if wire_type == _BYTES:
        return _read_varint(message, position)
    if wire_type in {_FIXED64, _FIXED32}:
        return (8 if wire_type == _FIXED64 else 4), position
    raise _not_protobuf()


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(message[position : position + 10]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise _not_protobuf()


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _not_protobuf() -> ModelCardError:
    return ModelCardError("its protobuf encoding is broken")
