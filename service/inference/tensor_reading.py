"""From the bytes or values of a tensor to an array, checked against its shape before it is made."""

from __future__ import annotations

import base64
import binascii
import contextlib
import math
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petrography.errors import InvalidParameterError, MalformedRequestError
from service.inference.messages import InputTensor, Parameter, Raw

__all__ = ["CONTENT_TYPE", "read_one_file", "read_uint8", "require_shape"]

MAX_RANK = 4
# Larger sides come from nobody who has an image; products of four of them stay small numbers.
MAX_SIDE = 2**31 - 1
CONTENT_TYPE = "content_type"
BASE64 = "base64"
_LENGTH_BYTES = 4


def require_shape(tensor: InputTensor) -> int:
    """Check that a shape is one.

    Returns
    -------
    int
        Elements of the tensor, at least 1.

    Raises
    ------
    InvalidParameterError
        If it has no axis, more than 4, or a side that is not positive.
    """
    shape = tensor.shape
    if 1 <= len(shape) <= MAX_RANK and all(1 <= side <= MAX_SIDE for side in shape):
        return math.prod(shape)
    msg = (
        f"input {tensor.name!r} has the shape {_shown(shape)}; wanted 1 to {MAX_RANK} sides of at "
        "least 1"
    )
    raise InvalidParameterError(msg)


def read_uint8(tensor: InputTensor) -> NDArray[np.uint8]:
    """Read a tensor of UINT8.

    Parameters
    ----------
    tensor : InputTensor
        Its contents as bytes, or as whole numbers of 0 to 255, flat or nested like its shape.

    Returns
    -------
    ndarray of uint8
        Of its shape. Read-only, and of the bytes where they lie, where it was sent as bytes.

    Raises
    ------
    InvalidParameterError
        If the contents are not those of the shape, or no whole numbers of 0 to 255.
    """
    wanted = require_shape(tensor)
    contents = tensor.contents
    if not isinstance(contents, Raw):
        contents = _bytes_of(_flat(tensor, contents), tensor.name)
    given = memoryview(contents).nbytes
    if given != wanted:
        raise _other_length(tensor, given, wanted)
    return np.frombuffer(contents, dtype=np.uint8).reshape(tensor.shape)


def read_one_file(tensor: InputTensor) -> memoryview:
    """Read the one element of a tensor of BYTES.

    Parameters
    ----------
    tensor : InputTensor
        As bytes, the element after its length; as a sequence, bytes or text in base64, which the
        parameter ``content_type`` then says.

    Returns
    -------
    memoryview
        The element.

    Raises
    ------
    InvalidParameterError
        If there are more elements or none, or text is not said to be base64.
    MalformedRequestError
        If the length in front does not fit, or the text is no base64.
    """
    if require_shape(tensor) != 1:
        msg = (
            f"input {tensor.name!r} of BYTES has the shape {_shown(tensor.shape)}; wanted one file, "
            "the shape [1]; files of several images go into requests of their own"
        )
        raise InvalidParameterError(msg)
    if isinstance(tensor.contents, Raw):
        return _after_its_length(memoryview(tensor.contents), tensor.name)
    (element,) = _flat(tensor, tensor.contents)
    if isinstance(element, bytes):
        return memoryview(element)
    return memoryview(_decoded(element, tensor.name, tensor.parameters.get(CONTENT_TYPE)))


def _flat(tensor: InputTensor, values: Sequence[Any]) -> Sequence[Any]:
    """Take the nesting of values away, which is that of the shape if there is any."""
    if values and isinstance(values[0], list):
        for inner in tensor.shape[1:]:
            _require_nested(tensor, values, inner)
            values = list(chain.from_iterable(values))
    wanted = math.prod(tensor.shape)
    if len(values) != wanted:
        raise _other_length(tensor, len(values), wanted)
    return values


def _require_nested(tensor: InputTensor, values: Sequence[Any], inner: int) -> None:
    """Check one level of nesting: nothing but lists of `inner` elements."""
    if {type(value) for value in values} == {list} and {len(value) for value in values} == {inner}:
        return
    msg = (
        f"the data of input {tensor.name!r} are not nested like its shape {_shown(tensor.shape)}; "
        "send them so, or flat, row by row"
    )
    raise InvalidParameterError(msg)


def _bytes_of(values: Sequence[Any], name: str) -> bytes:
    # True is a whole number to Python, not to a client.
    if {type(value) for value in values} == {int}:
        with contextlib.suppress(ValueError, OverflowError):
            return bytes(values)
    msg = f"the data of input {name!r} are not all whole numbers from 0 to 255, as UINT8 wants it"
    raise InvalidParameterError(msg)


def _after_its_length(contents: memoryview, name: str) -> memoryview:
    contents = contents.cast("B")
    stated = int.from_bytes(contents[:_LENGTH_BYTES], "little")
    element = contents[_LENGTH_BYTES:]
    if len(contents) < _LENGTH_BYTES or stated != len(element):
        msg = (
            f"input {name!r} has {len(contents)} bytes; wanted the length of its one element as "
            f"little-endian uint32, which is {stated} here, and then as many bytes"
        )
        raise MalformedRequestError(msg)
    return element


def _decoded(element: object, name: str, content_type: Parameter | None) -> bytes:
    if not isinstance(element, str) or content_type != BASE64:
        msg = (
            f"the element of input {name!r} is {type(element).__name__} with the {CONTENT_TYPE} "
            f"{content_type!r}; wanted text in base64 and the parameter "
            f'"{CONTENT_TYPE}": "{BASE64}", or send it as binary data'
        )
        raise InvalidParameterError(msg)
    try:
        return base64.b64decode(element, validate=True)
    except (binascii.Error, ValueError) as error:
        msg = f"the element of input {name!r} is no base64: {error}"
        raise MalformedRequestError(msg) from None


def _other_length(tensor: InputTensor, given: int, wanted: int) -> InvalidParameterError:
    return InvalidParameterError(
        f"input {tensor.name!r} has {given} elements of {tensor.datatype}; its shape "
        f"{_shown(tensor.shape)} wants {wanted}"
    )


def _shown(shape: tuple[int, ...]) -> str:
    """A shape in a message: long ones are cut."""
    return f"[{', '.join(map(str, shape[:8]))}{', ...' if len(shape) > 8 else ''}]"
