"""From the JSON and the binary tensors of a body to an inference request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import from_json

from petrography.errors import InvalidParameterError, MalformedRequestError, field_problems
from service.http_api.open_inference.body import TensorBody
from service.inference import (
    Contents,
    InferenceRequest,
    InputTensor,
    Parameter,
    RequestedOutput,
)

__all__ = ["InferRequest", "ReadRequest", "read_infer_request"]

# Smaller JSON is read where it lies: a thread would take longer.
_WORTH_A_THREAD_BYTES = 64 * 1024
BINARY_SIZE, BINARY, ALL_BINARY = "binary_data_size", "binary_data", "binary_data_output"

_MOST_MEMBERS = 64
# Lists in lists cost far more than the numbers in them: 16 MB of nothing but brackets held the
# interpreter for six seconds. As many nested pixels as JSON of that size can hold need fewer.
_MOST_CONTAINERS = 1_500_000


def _require_few_members(given: object) -> object:
    """Refuse an object with very many members: telling of each what is wrong takes minutes."""
    if isinstance(given, dict) and len(given) > _MOST_MEMBERS:
        msg = f"has {len(given)} members; wanted at most {_MOST_MEMBERS}"
        raise ValueError(msg)
    return given


_Name = Annotated[str, Field(max_length=256)]
_Parameters = Annotated[
    dict[_Name, bool | int | float | str],
    Field(max_length=_MOST_MEMBERS),
    BeforeValidator(_require_few_members),
]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    _few_members = model_validator(mode="before")(_require_few_members)


class InferInput(_Strict):
    """One tensor of a request."""

    name: _Name
    shape: Annotated[list[int], Field(max_length=8)]
    datatype: Annotated[str, Field(max_length=16)]
    parameters: _Parameters = Field(default_factory=dict)
    data: Any = None


class InferOutput(_Strict):
    """One output that is wanted."""

    name: _Name
    parameters: _Parameters = Field(default_factory=dict)


class InferRequest(_Strict):
    """The JSON of an inference request.

    `model_name` and `model_version` may repeat the URL; where it names no version, the body may.
    """

    id: Annotated[str, Field(max_length=1024)] = ""
    model_name: _Name | None = None
    model_version: _Name | None = None
    parameters: _Parameters = Field(default_factory=dict)
    inputs: Annotated[list[InferInput], Field(max_length=64)]
    outputs: Annotated[list[InferOutput], Field(max_length=64)] = Field(default_factory=list)


@dataclass(frozen=True, eq=False)
class ReadRequest:
    """A request, and which of the outputs go back as binary data.

    Attributes
    ----------
    request : InferenceRequest
        What is asked.
    """

    request: InferenceRequest

    def is_binary(self, output: str) -> bool:
        """Tell how an output is written."""
        named = {one.name: not one.as_text for one in self.request.outputs}
        return named.get(output, not self.request.text_outputs)


async def read_infer_request(body: TensorBody, model: str, version: str | None) -> ReadRequest:
    """Read a request.

    Parameters
    ----------
    body : TensorBody
        As it came.
    model : str
        Of the URL.
    version : str or None
        Of the URL.

    Raises
    ------
    MalformedRequestError
        If the JSON cannot be read, or the binary tensors are longer or shorter than it says.
    InvalidParameterError
        If a field is missing, unknown or of another type.
    """
    if len(body.json) < _WORTH_A_THREAD_BYTES:
        return _read(body, model, version)
    return await asyncio.to_thread(_read, body, model, version)


def _read(body: TensorBody, model: str, version: str | None) -> ReadRequest:
    sent = _parsed(body.json)
    _require_the_same(sent, model, version)
    parameters: dict[str, Parameter] = dict(sent.parameters)
    all_binary = _flag(parameters, ALL_BINARY, default=False)
    outputs = tuple(_output(one, all_binary) for one in sent.outputs)
    request = InferenceRequest(
        model,
        # The body may choose where the URL does not.
        version or sent.model_version or None,
        _tensors(sent.inputs, body.tensors),
        id=sent.id,
        parameters=parameters,
        outputs=outputs,
        text_outputs=not all_binary,
    )
    return ReadRequest(request)


def _parsed(text: memoryview) -> InferRequest:
    document = bytes(text)
    _require_few_containers(document)
    try:
        fields = from_json(document, allow_inf_nan=False)
    except ValueError as error:
        msg = f"the request is no JSON: {str(error)[:200]}"
        raise MalformedRequestError(msg) from None
    try:
        return InferRequest.model_validate(fields)
    except ValidationError as error:
        msg = f"the request cannot be used: {field_problems(error)[:1000]}"
        raise InvalidParameterError(msg) from None


def _require_few_containers(document: bytes) -> None:
    """Refuse what is hardly anything but brackets, before any of it is made an object."""
    found = document.count(b"[") + document.count(b"{")
    if found > _MOST_CONTAINERS:
        msg = (
            f"the request holds {found} lists and objects; wanted at most {_MOST_CONTAINERS}: "
            "write the data of a tensor flat, or send it binary"
        )
        raise InvalidParameterError(msg)


def _require_the_same(sent: InferRequest, model: str, version: str | None) -> None:
    """Check that the body means the model of the URL, if it names one."""
    for what, given, wanted in (
        ("model_name", sent.model_name, model),
        ("model_version", sent.model_version, version),
    ):
        if given and wanted is not None and given != wanted:
            msg = f"{what} is {given!r} and the URL says {wanted!r}; leave {what} out"
            raise InvalidParameterError(msg)


def _output(sent: InferOutput, all_binary: bool) -> RequestedOutput:
    parameters: dict[str, Parameter] = dict(sent.parameters)
    as_binary = _flag(parameters, BINARY, default=all_binary)
    _require_none_left(parameters, f"output {sent.name!r}", BINARY)
    return RequestedOutput(sent.name, as_text=not as_binary)


def _tensors(sent: list[InferInput], binary: memoryview) -> tuple[InputTensor, ...]:
    tensors, position = [], 0
    for one in sent:
        parameters: dict[str, Parameter] = dict(one.parameters)
        size = parameters.pop(BINARY_SIZE, None)
        if size is None:
            contents = _values(one)
        else:
            contents = _binary(one, binary[position:], size)
            position += len(contents)
        tensors.append(InputTensor(one.name, one.datatype, tuple(one.shape), contents, parameters))
    if position != len(binary):
        msg = (
            f"{len(binary)} bytes follow the JSON and {BINARY_SIZE} of its inputs names {position} "
            "of them; wanted the same"
        )
        raise MalformedRequestError(msg)
    return tuple(tensors)


def _values(sent: InferInput) -> Contents:
    if not isinstance(sent.data, list):
        msg = f"input {sent.name!r} has no data; wanted a list, or the parameter {BINARY_SIZE}"
        raise InvalidParameterError(msg)
    return sent.data


def _binary(sent: InferInput, left: memoryview, size: Parameter) -> memoryview:
    if sent.data is not None or type(size) is not int or not 0 <= size <= len(left):
        msg = (
            f"input {sent.name!r} has {BINARY_SIZE} {str(size)[:50]}, {len(left)} bytes are left"
            f"{'' if sent.data is None else ', and data as well'}; wanted the bytes of this tensor "
            "after the JSON and no data"
        )
        raise MalformedRequestError(msg)
    return left[:size]


def _flag(parameters: dict[str, Parameter], name: str, *, default: bool) -> bool:
    """Take a parameter of true or false out."""
    value = parameters.pop(name, default)
    if not isinstance(value, bool):
        msg = f"parameter {name!r} is {str(value)[:50]!r}; wanted true or false"
        raise InvalidParameterError(msg)
    return value


def _require_none_left(parameters: dict[str, Parameter], where: str, known: str) -> None:
    if parameters:
        name = next(iter(parameters))
        msg = f"{where} has the parameter {name[:100]!r}; there is {known} only"
        raise InvalidParameterError(msg)
