"""Documents that are stored as JSON: read with messages that name file and problems; their digest."""

from __future__ import annotations

import hashlib
import json
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from petrography.errors import InvalidParameterError, PetroserveError, field_problems

__all__ = ["Document", "content_sha256", "parsed"]


class Document(BaseModel):
    """Never changes once it is made, and has no fields but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


DocumentT = TypeVar("DocumentT", bound=BaseModel)
# A file of another kind lacks every field and has hundreds of others: the first say enough.
_MAX_PROBLEMS = 400


def parsed(
    model: type[DocumentT],
    data: bytes,
    *,
    what: str,
    source: str,
    refusal: type[PetroserveError] = InvalidParameterError,
) -> DocumentT:
    """Read a document.

    Parameters
    ----------
    model : type of pydantic model
        What it holds.
    data : bytes
        JSON.
    what : str
        What it is called, without article.
    source : str
        Where it is from.
    refusal : type of PetroserveError
        What is raised.

    Raises
    ------
    PetroserveError
        The `refusal`, if a field is missing, unknown or impossible; the message names `source`.
    """
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        msg = f"{source} is no {what}: {field_problems(error)[:_MAX_PROBLEMS]}"
        raise refusal(msg) from None


def content_sha256(content: object) -> str:
    """SHA-256 of a JSON value, whatever the order and spacing that it was written in."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
