"""The query string of a URL: nothing in it is passed over in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel

from petrography.errors import InvalidParameterError

__all__ = ["require_known_parameters"]

_MOST_TOLD = 10


async def require_known_parameters(request: Request) -> None:
    """Check that every parameter is one of the route, and is given once; a dependency of routes.

    The framework would drop one that it does not know, and take the last of several.

    Raises
    ------
    InvalidParameterError
        If one is unknown or given more than once.
    """
    given = Counter(name for name, _ in request.query_params.multi_items())
    if not given:
        return
    known = sorted(_names_of(request.scope["route"]))
    wanted = f"wanted {', '.join(known)}" if known else "wanted none"
    problems = [
        f"{name[:50]!r} is unknown, {wanted}"
        if name not in known
        else f"{name!r} is given {count} times, wanted once"
        for name, count in given.items()
        if name not in known or count > 1
    ]
    if problems:
        msg = f"parameters of the URL are not possible: {'; '.join(problems[:_MOST_TOLD])}"
        raise InvalidParameterError(msg)


def _names_of(route: APIRoute) -> Iterator[str]:
    for field in route.dependant.query_params:
        shape = field.field_info.annotation
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            yield from shape.model_fields
        else:
            yield field.alias
