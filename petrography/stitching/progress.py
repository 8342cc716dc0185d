"""Telling how far a panorama is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias, TypeVar

__all__ = ["Progress", "counted"]

# Told the name of a step, how many of its parts are done, and how many there are. What it raises
# ends the work.
Progress: TypeAlias = Callable[[str, int, int], None]

T = TypeVar("T")


def counted(parts: Sequence[T], step: str, on_progress: Progress | None) -> Iterator[T]:
    """Go through the parts of a step, and tell whenever one is done.

    Parameters
    ----------
    parts : sequence
        What is worked on.
    step : str
        Name of the step.
    on_progress : callable or None
        Told.

    Yields
    ------
    object
        The parts.

    Examples
    --------
    >>> list(counted("ab", "spell", lambda *told: print(*told)))
    spell 1 2
    spell 2 2
    ['a', 'b']
    """
    for done, part in enumerate(parts, start=1):
        yield part
        if on_progress is not None:
            on_progress(step, done, len(parts))
