"""From a message of the Open Inference Protocol to what is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from petrography.errors import InvalidParameterError, MalformedRequestError
from service.inference import Contents, InferenceRequest, InputTensor, Parameter, RequestedOutput
from service.proto import inference_pb2 as messages

__all__ = ["read_infer_request"]

# The list of InferTensorContents in which the elements of a type stand. Those of 16-bit floats
# have none: the protocol sends them raw.
_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}

# Parameters of the binary tensors over HTTP.
_BINARY, _BINARY_SIZE = "binary_data", "binary_data_size"
# Said of every call by Triton's client in C++, so by perf_analyzer: it is about streams, which may go
# on after an answer. The answer to a call is the only one, whatever it says.
_EMPTY_FINAL = "triton_enable_empty_final_response"


def read_infer_request(request: messages.ModelInferRequest) -> InferenceRequest:
    """Read a request; what its tensors say is checked by who answers it.

    Raises
    ------
    MalformedRequestError
        If raw contents do not stand for all inputs, or beside typed ones.
    InvalidParameterError
        If a type has no typed contents, or they are in the list of another type, or an output has
        parameters.
    """
    return InferenceRequest(
        request.model_name,
        request.model_version or None,
        _inputs(request),
        id=request.id,
        parameters=_request_parameters(request),
        outputs=tuple(map(_output, request.outputs)),
    )


def _request_parameters(request: messages.ModelInferRequest) -> dict[str, Parameter]:
    parameters = _parameters(request.parameters)
    if isinstance(parameters.get(_EMPTY_FINAL), bool):
        del parameters[_EMPTY_FINAL]
    return parameters


def _output(sent: messages.ModelInferRequest.InferRequestedOutputTensor) -> RequestedOutput:
    parameters = _parameters(sent.parameters)
    # What clients of both protocols say over HTTP, and what is done here anyway.
    if parameters.pop(_BINARY, True) is not True or parameters:
        name = min(parameters, default=_BINARY)
        msg = (
            f"output {sent.name[:100]!r} has the parameter {name[:100]!r}; wanted none: outputs "
            "always go back as raw contents"
        )
        raise InvalidParameterError(msg)
    return RequestedOutput(sent.name, as_text=False)


def _inputs(request: messages.ModelInferRequest) -> tuple[InputTensor, ...]:
    contents: Sequence[Contents]
    if request.raw_input_contents:
        _require_raw_only(request)
        contents = request.raw_input_contents
    else:
        contents = [_typed(tensor) for tensor in request.inputs]
    return tuple(
        InputTensor(
            tensor.name,
            tensor.datatype,
            tuple(tensor.shape),
            content,
            _input_parameters(tensor, content),
        )
        for tensor, content in zip(request.inputs, contents, strict=True)
    )


def _input_parameters(
    tensor: messages.ModelInferRequest.InferInputTensor, content: Contents
) -> dict[str, Parameter]:
    parameters = _parameters(tensor.parameters)
    if isinstance(content, bytes) and parameters.get(_BINARY_SIZE) == len(content):
        # As for outputs: true, and nothing that is wanted here.
        del parameters[_BINARY_SIZE]
    return parameters


def _require_raw_only(request: messages.ModelInferRequest) -> None:
    given, wanted = len(request.raw_input_contents), len(request.inputs)
    if given != wanted:
        msg = f"there are {given} raw_input_contents and {wanted} inputs; wanted one for each"
        raise MalformedRequestError(msg)
    for tensor in request.inputs:
        if tensor.HasField("contents"):
            msg = (
                f"input {tensor.name[:100]!r} has contents, and there are raw_input_contents; "
                "wanted one or the other"
            )
            raise MalformedRequestError(msg)


def _typed(tensor: messages.ModelInferRequest.InferInputTensor) -> Contents:
    field = _FIELDS.get(tensor.datatype)
    if field is None:
        msg = (
            f"input {tensor.name[:100]!r} is {tensor.datatype[:20]!r}, which has no typed contents; "
            "wanted raw_input_contents"
        )
        raise InvalidParameterError(msg)
    others = [one.name for one, _ in tensor.contents.ListFields() if one.name != field]
    if others:
        msg = (
            f"input {tensor.name[:100]!r} of {tensor.datatype} has {others[0]}; wanted {field}, or "
            "raw_input_contents"
        )
        raise InvalidParameterError(msg)
    return list(getattr(tensor.contents, field))


def _parameters(parameters: Mapping[str, Any]) -> dict[str, Parameter]:
    return {name: _parameter(name, parameters[name]) for name in parameters}


def _parameter(name: str, parameter: messages.InferParameter) -> Parameter:
    choice = parameter.WhichOneof("parameter_choice")
    if choice is None:
        msg = f"parameter {name[:100]!r} has no value; wanted a truth value, a number or a text"
        raise InvalidParameterError(msg)
    value: Parameter = getattr(parameter, choice)
    return value
