"""The JSON of a request, a part of it or its whole body, as the model that it is said to be."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from petrography.errors import (
    BodyTooLargeError,
    FieldFault,
    InvalidParameterError,
    MalformedRequestError,
    with_given,
)
from service.uploads.part import Part

__all__ = ["REQUEST_PART", "read_json", "read_request"]

REQUEST_PART = "request"
_MAX_PROBLEMS = 10

RequestT = TypeVar("RequestT", bound=BaseModel)


def read_request(parts: Sequence[Part], model: type[RequestT], limit_bytes: int) -> RequestT:
    """Read the JSON part; without one every field has its default.

    Parameters
    ----------
    parts : sequence of Part
        All parts; the JSON may come as a text or as a file.
    model : type of pydantic model
        What is wanted.
    limit_bytes : int
        Most bytes of the JSON.

    Raises
    ------
    BodyTooLargeError
        If it is larger.
    MalformedRequestError
        If it is no JSON, or a name stands twice in an object.
    InvalidParameterError
        If a field is unknown, missing or not possible.
    """
    return read_json(_request_text(parts, limit_bytes), model, f"part {REQUEST_PART!r}")


def read_json(text: bytes, model: type[RequestT], what: str) -> RequestT:
    """Read JSON that a client sent; errors as for `read_request`.

    Parameters
    ----------
    text : bytes
        The JSON.
    model : type of pydantic model
        What is wanted.
    what : str
        What it came as, for messages: a part, or the body.
    """
    # Some writers begin UTF-8 with a mark of order; RFC 8259 section 8.1 lets readers pass over it.
    text = text.removeprefix(codecs.BOM_UTF8)
    try:
        asked = model.model_validate_json(text, strict=True)
    except ValidationError as error:
        _refuse(error.errors(include_url=False), what)
    # Read again only now: what was valid is neither deeply nested nor anything but UTF-8.
    json.loads(text, object_pairs_hook=partial(_require_distinct_names, what))
    return asked


def _request_text(parts: Sequence[Part], limit_bytes: int) -> bytes:
    contents = [part.content for part in parts if part.name == REQUEST_PART]
    if not contents:
        return b"{}"
    content = contents[0]
    size_bytes = len(content) if isinstance(content, bytes) else content.size_bytes
    if size_bytes > limit_bytes:
        msg = f"part {REQUEST_PART!r} has {size_bytes} bytes; at most {limit_bytes} are accepted"
        raise BodyTooLargeError(msg)
    return content if isinstance(content, bytes) else content.read()


def _refuse(problems: list[ErrorDetails], what: str) -> NoReturn:
    faults = [FieldFault(one["loc"], _told(one)) for one in problems[:_MAX_PROBLEMS]]
    described = "; ".join(map(_described, faults))
    if problems[0]["type"] == "json_invalid":
        msg = f"{what} is no JSON: {described}"
        raise MalformedRequestError(msg)
    msg = f"{what} is not possible: {described}"
    raise InvalidParameterError(msg, faults)


def _told(problem: ErrorDetails) -> str:
    unknown = problem["type"] == "extra_forbidden"
    if unknown and problem["loc"] == ("callback",):
        return "belongs to an analysis whose answer is not waited for; wanted Prefer: respond-async"
    return problem["msg"] if unknown else with_given(problem["msg"], problem["input"])


def _described(fault: FieldFault) -> str:
    """Say what is wrong, behind the name of the field if it is one."""
    name = ".".join(str(step)[:50] for step in fault.path)
    return f"{name}: {fault.detail}" if name else fault.detail


def _require_distinct_names(what: str, members: list[tuple[str, Any]]) -> None:
    """Refuse an object in which two values compete (RFC 8259 section 4 leaves open which wins)."""
    names = [name for name, _ in members]
    for name in names:
        if names.count(name) > 1:
            msg = f"{what} states {name[:50]!r} {names.count(name)} times; wanted once"
            raise MalformedRequestError(msg)
