"""Tensors of inference requests: what is sent comes out, and nothing else is taken."""

from __future__ import annotations

import base64
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from petrography.errors import InputError
from service.inference.messages import InputTensor
from service.inference.tensor_reading import read_one_file, read_uint8

ARRAYS = arrays(np.uint8, array_shapes(min_dims=1, max_dims=4, max_side=5))


def tensor(contents: Any, *shape: int, datatype: str = "UINT8", **parameters: Any) -> InputTensor:
    return InputTensor("image", datatype, shape, contents, parameters)


@given(ARRAYS)
@settings(max_examples=60)
def test_every_form_of_a_tensor_gives_its_array(array: np.ndarray[Any, Any]) -> None:
    forms = (
        array.tobytes(),
        memoryview(array.tobytes()),
        bytearray(array.tobytes()),
        array.ravel().tolist(),
        array.tolist(),
    )
    for contents in forms:
        read = read_uint8(tensor(contents, *array.shape))
        np.testing.assert_array_equal(read, array)
        assert read.dtype == np.uint8


@given(ARRAYS, st.data())
@settings(max_examples=60)
def test_another_number_of_elements_is_refused(
    array: np.ndarray[Any, Any], data: st.DataObject
) -> None:
    other = data.draw(st.integers(0, 2 * array.size).filter(lambda size: size != array.size))
    flat = (array.tobytes() * 2)[:other]
    for contents in (flat, list(flat)):
        with pytest.raises(InputError, match=f"wants {array.size}"):
            read_uint8(tensor(contents, *array.shape))


@pytest.mark.parametrize(
    "values",
    [[1, -1], [0, 256], [0, 10**40], [1.0, 2.0], [True, False], ["1", "2"], [None, 1], [[1], 2],
     [[1, 2]], [{}, {}]],
)  # fmt: skip
def test_only_whole_numbers_of_a_byte_are_taken(values: list[Any]) -> None:
    with pytest.raises(InputError, match="'image'"):
        read_uint8(tensor(values, 2))


@pytest.mark.parametrize(
    "nested", [[[1, 2], [3]], [[1, 2], 3], [[1, 2, 3], [4]], [[[1], [2]], [[3], [4]]], [[], []]]
)
def test_nesting_is_that_of_the_shape(nested: list[Any]) -> None:
    with pytest.raises(InputError, match="image"):
        read_uint8(tensor(nested, 2, 2))


@pytest.mark.parametrize(
    "shape", [(), (0,), (-1,), (2, 0), (1, 1, 1, 1, 1), (2**40, 2**40), (2**31, 1)]
)
def test_impossible_shapes_are_refused_before_anything_is_made(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="sides of at least 1"):
        read_uint8(tensor(b"\0", *shape))


def test_a_shape_beyond_the_contents_makes_no_array() -> None:
    with pytest.raises(InputError, match="wants 4611686014132420609"):
        read_uint8(tensor(b"\0", 2**31 - 1, 2**31 - 1))


@given(st.binary(max_size=200))
@settings(max_examples=40)
def test_every_form_of_a_file_gives_its_bytes(file: bytes) -> None:
    raw = struct.pack("<I", len(file)) + file
    text = base64.b64encode(file).decode()
    assert read_one_file(tensor(raw, 1, datatype="BYTES")) == file
    assert read_one_file(tensor([file], 1, 1, datatype="BYTES")) == file
    coded = tensor([text], 1, datatype="BYTES", content_type="base64")
    assert read_one_file(coded) == file


@pytest.mark.parametrize(
    ("contents", "shape", "word"),
    [
        (b"", (1,), "length of its one element"),
        (b"\x01\x00\x00", (1,), "length of its one element"),
        (b"\x02\x00\x00\x00a", (1,), "which is 2 here"),
        (b"\x00\x00\x00\x00a", (1,), "which is 0 here"),
        (b"\x01\x00\x00\x00a", (2,), "wanted one file"),
        (["a", "b"], (1,), "wants 1"),
        (["not base64!"], (1,), "no base64"),
        ([12], (1,), "wanted text in base64"),
        ([None], (1,), "wanted text in base64"),
    ],
)
def test_what_is_no_file_is_refused(contents: Any, shape: tuple[int, ...], word: str) -> None:
    with pytest.raises(InputError, match=word):
        read_one_file(tensor(contents, *shape, datatype="BYTES", content_type="base64"))


def test_text_must_say_that_it_is_base64() -> None:
    with pytest.raises(InputError, match='"content_type": "base64"'):
        read_one_file(tensor(["abcd"], 1, datatype="BYTES"))
