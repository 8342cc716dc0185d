"""Requests and answers of the Open Inference Protocol, as no protocol in particular writes them.

References
----------
KServe, Open Inference Protocol, version 2 (https://github.com/kserve/open-inference-protocol).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Contents",
    "InferenceRequest",
    "InferenceResponse",
    "InputTensor",
    "OutputTensor",
    "Parameter",
    "Raw",
    "RequestedOutput",
]

Parameter: TypeAlias = str | int | float | bool
Raw: TypeAlias = bytes | bytearray | memoryview
# As bytes: little-endian, row by row, elements of BYTES each after its length as uint32. As a
# sequence: the elements, flat or nested like the shape; those of BYTES as bytes, or as text.
Contents: TypeAlias = Raw | Sequence[Any]


@dataclass(frozen=True, eq=False)
class InputTensor:
    """One tensor as it was sent; nothing of it is checked yet.

    Attributes
    ----------
    name, datatype : str
        As sent.
    shape : tuple of int
        As sent.
    contents : bytes, bytearray, memoryview or sequence
        See `Contents`.
    parameters : mapping of str to str, int, float or bool
        Of this tensor.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    contents: Contents
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


@dataclass(frozen=True)
class RequestedOutput:
    """An output that is wanted.

    Attributes
    ----------
    name : str
        As sent.
    as_text : bool
        Whether the protocol will write its elements as text, for which there is a limit of its own.
    """

    name: str
    as_text: bool = False


@dataclass(frozen=True, eq=False)
class InferenceRequest:
    """What is asked of a model.

    Attributes
    ----------
    model : str
        Its name.
    version : str or None
        Of the model; None for the one that the service chooses.
    id : str
        Echoed; empty where none was sent.
    parameters : mapping of str to str, int, float or bool
        See `service.inference.request_reading`.
    inputs : tuple of InputTensor
        In the order of the request.
    outputs : tuple of RequestedOutput
        Empty: labels and confidence.
    text_outputs : bool
        How outputs are written that the request does not name.
    """

    model: str
    version: str | None
    inputs: tuple[InputTensor, ...]
    id: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    outputs: tuple[RequestedOutput, ...] = ()
    text_outputs: bool = False


@dataclass(frozen=True, eq=False)
class OutputTensor:
    """One tensor of an answer.

    Attributes
    ----------
    name : str
        Of the output.
    datatype : {"UINT8", "FP32"}
        Of its elements.
    array : ndarray
        C-contiguous, little-endian.
    """

    name: str
    datatype: Literal["UINT8", "FP32"]
    array: NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class InferenceResponse:
    """What a model answers.

    Attributes
    ----------
    model_name, model_version : str
        Which model it was.
    id : str
        That of the request.
    parameters : dict of str to str, int, float or bool
        ``resampling_factor`` where it is not 1, ``degradations`` where there are any.
    outputs : tuple of OutputTensor
        In the order in which they were wanted.
    """

    model_name: str
    model_version: str
    id: str
    parameters: dict[str, Parameter]
    outputs: tuple[OutputTensor, ...]
