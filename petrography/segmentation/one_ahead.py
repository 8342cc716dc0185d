"""Doing the next piece of work while the last one's result is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

__all__ = ["one_ahead"]

Item = TypeVar("Item")
Made = TypeVar("Made")


def one_ahead(make: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[Made]:
    """Make something of each item, in order, one item ahead of who takes it.

    Everything is made in one thread, one after the other, so that `make` needs no lock and what it
    gives does not depend on who waits for whom. At most two things are held: the one that is used
    and the next.

    Parameters
    ----------
    make : callable
        Called once for each item, in the context (`contextvars`) of the caller.
    items : sequence
        What it is called with.

    Yields
    ------
    What `make` returned.

    Raises
    ------
    Exception
        What `make` raised, where its result would have come. Nothing is made after that, nor after
        the iterator was closed; what is being made then is waited for.
    """
    if len(items) == 1:
        yield make(items[0])  # nothing to be ahead of
        return
    pool = ThreadPoolExecutor(1, thread_name_prefix="one-ahead")
    waiting: deque[Future[Made]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(copy_context().run, make, item))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
