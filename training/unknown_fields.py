"""What whoever mistyped a field of a configuration may have meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

__all__ = ["unknown_fields"]


def unknown_fields(error: ValidationError, root: type[BaseModel]) -> Iterator[str]:
    """Name for every unknown field the known ones that are most like it, or all of its section.

    Parameters
    ----------
    error : ValidationError
        Of the configuration.
    root : type of BaseModel
        What it was read as.
    """
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        if problem["type"] == "extra_forbidden":
            *sections, name = map(str, problem["loc"])
            known = _known(root, sections)
            alike = get_close_matches(name, known, n=1) or sorted(known)
            yield f"{name} is no field{_of(sections)}, wanted {' or '.join(alike)}"


def _of(sections: list[str]) -> str:
    return f" of [{'.'.join(sections)}]" if sections else ""


def _known(model: type[BaseModel], sections: list[str]) -> Mapping[str, Any]:
    for name in sections:
        model = _section(model.model_fields[name].annotation)
    return model.model_fields


def _section(annotation: Any) -> type[BaseModel]:
    """Find the section in ``Section`` or ``Section | None``."""
    kinds = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    found: type[BaseModel] = next(one for one in kinds if issubclass(one, BaseModel))
    return found
