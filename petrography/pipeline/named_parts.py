"""The files that a request names beside the image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from petrography.errors import InvalidParameterError
from petrography.pipeline.request import AnalysisRequest

__all__ = ["PartReaders", "require_the_named"]

# From the part of a file to what reads its bytes, so that few are in memory at once.
PartReaders: TypeAlias = Mapping[str, Callable[[], bytes]]


def require_the_named(parts: PartReaders, request: AnalysisRequest) -> None:
    """Check that the files at hand are those that the request names.

    Raises
    ------
    InvalidParameterError
        If not, or if one is named twice.
    """
    named = request.named_parts
    for part in named:
        if named.count(part) > 1:
            msg = f"the request names {part!r} {named.count(part)} times; wanted once"
            raise InvalidParameterError(msg)
    if set(named) != set(parts):
        msg = f"the request names the parts {list(named)}, and {sorted(parts)} are at hand"
        raise InvalidParameterError(msg)
