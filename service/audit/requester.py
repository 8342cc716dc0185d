"""Who asks, for the length of a request: set where a request is let in, read where work is done.

It is found by whatever runs in the same task, and in threads that a task waits for with
`asyncio.to_thread`. Work that outlives its request takes it along: ``who = asking()`` before, and
``with asked_by(who):`` around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from service.audit.entry import Who

__all__ = ["asked_by", "asking"]

_NOBODY = Who()
_asking: ContextVar[Who] = ContextVar("petroserve_asking", default=_NOBODY)


def asking() -> Who:
    """Tell who asks; nobody in particular outside of a request."""
    return _asking.get()


@contextmanager
def asked_by(who: Who) -> Iterator[None]:
    """Do something for somebody.

    Parameters
    ----------
    who : Who
        Found by `asking` during the block.

    Examples
    --------
    >>> with asked_by(Who("lab", "0123")):
    ...     asking().tenant
    'lab'
    """
    token = _asking.set(who)
    try:
        yield
    finally:
        _asking.reset(token)
