"""What is freed leaves the process."""

from __future__ import annotations

import platform

import psutil
import pytest

from service.runtime import give_back_memory

BLOCK_BYTES, BLOCKS = 100_000, 2000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_freed_blocks_below_one_that_lives_are_given_back() -> None:
    process = psutil.Process()
    blocks = [bytes(BLOCK_BYTES) for _ in range(BLOCKS)]
    # From the heap: larger ones come from the system one by one and go back by themselves.
    kept = blocks[::100]
    blocks.clear()
    before = process.memory_info().rss

    assert give_back_memory()

    assert before - process.memory_info().rss > 0.5 * BLOCK_BYTES * BLOCKS
    assert len(kept) == BLOCKS // 100
