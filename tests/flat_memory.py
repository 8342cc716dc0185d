"""A block of code that must not allocate much."""

from __future__ import annotations

import resource
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def flat_memory(mebibytes: int = 16) -> Iterator[None]:
    """Fail if arrays, or the process as a whole, grow by more than this."""
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < mebibytes << 20
    finally:
        tracemalloc.stop()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 4 * mebibytes << 10
