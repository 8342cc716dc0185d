"""What a client still sends when its call has been refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

__all__ = ["linger"]

_WITHIN_S, _PAUSE_S = 1.0, 0.2
_MAX_BYTES = 8 * 1024**2


async def linger(requests: AsyncIterator[bytes]) -> None:
    """Read on for a moment and throw away.

    A call that ends while its client is sending looks to some clients (grpc.aio is one) like a
    broken connection, and they never show the status that says why. Reading on for as long as a
    client keeps sending, within bounds, lets small uploads reach their end first.

    Parameters
    ----------
    requests : async iterator of bytes
        The messages of the call.
    """
    left_bytes = _MAX_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_WITHIN_S):
            while left_bytes > 0:
                async with asyncio.timeout(_PAUSE_S):
                    message = await anext(requests, None)
                if message is None:
                    return
                left_bytes -= len(message)
