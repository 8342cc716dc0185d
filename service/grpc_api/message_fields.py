"""Refuse a message of very many fields before it is read.

A message as long as a tensor may hold millions of small fields instead. Reading these takes a
minute, in which the process answers nobody, and many times the memory of the message.

References
----------
Protocol Buffers, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from petrography.errors import BodyTooLargeError, MalformedRequestError

__all__ = ["require_few_fields"]

_MOST_FIELDS = 50_000
_VARINT, _EIGHT_BYTES, _WITH_LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_WIDTHS = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}

# The fields of ModelInferRequest that hold fields in turn, by their numbers: parameters, inputs
# (with theirs) and outputs (with theirs).
_Nested: TypeAlias = Mapping[int, Any]
_INPUTS, _SHAPE, _CONTENTS = 5, 3, 5
_NESTED: _Nested = {4: {}, _INPUTS: {_SHAPE: None, 4: {}, _CONTENTS: {}}, 6: {2: {}}}
# Of an input; elements of a shape are up to ten bytes each, and more than 4 are none.
_MOST_SHAPE_BYTES = 128


def require_few_fields(message: bytes, most_typed_bytes: int) -> None:
    """Check a ModelInferRequest.

    Parameters
    ----------
    message : bytes
        As it came. What is no message is left to who reads it.
    most_typed_bytes : int
        Most bytes of the typed contents of all inputs.

    Raises
    ------
    BodyTooLargeError
        If it has more typed contents.
    MalformedRequestError
        If it has more fields than any request needs.
    """
    typed_bytes = 0
    for fields, (path, size_bytes) in enumerate(_walked(memoryview(message), _NESTED), start=1):
        typed_bytes += size_bytes if path == (_INPUTS, _CONTENTS) else 0
        is_shape = path == (_INPUTS, _SHAPE)
        if fields > _MOST_FIELDS or (is_shape and size_bytes > _MOST_SHAPE_BYTES):
            msg = (
                f"a message of {len(message)} bytes has more than {_MOST_FIELDS} fields, or a shape "
                "of very many sides; wanted tensors as raw_input_contents"
            )
            raise MalformedRequestError(msg)
        if typed_bytes > most_typed_bytes:
            msg = (
                f"the inputs have {typed_bytes} bytes of contents or more; the limit of typed ones "
                f"is {most_typed_bytes}; send them as raw_input_contents"
            )
            raise BodyTooLargeError(msg)


def _walked(
    message: memoryview, nested: _Nested, path: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Give all fields with where they are and their bytes, as far as they can be read."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind, size = tag >> 3, tag & 7, _WIDTHS.get(tag & 7, 0)
        if kind == _VARINT:
            _, at = _varint(message, at)
        elif kind == _WITH_LENGTH:
            size, at = _varint(message, at)
        yield (*path, number), size
        inner = nested.get(number)
        if kind == _WITH_LENGTH and inner is not None:
            yield from _walked(message[at : at + size], inner, (*path, number))
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Read a number; gives it and where the next byte is."""
    value, shift = 0, 0
    for byte in message[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at
