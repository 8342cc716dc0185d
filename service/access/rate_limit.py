"""How often: a token bucket for every key."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from petrography.errors import RateLimitError

__all__ = ["RateLimit"]

_MINUTE_S = 60.0


class RateLimit:
    """Counts the requests of keys; a pause earns them back, up to those of one minute.

    Parameters
    ----------
    clock : callable
        Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def count(self, key_id: str, per_minute: int) -> None:
        """Count one request.

        Raises
        ------
        RateLimitError
            If the key has used its requests up.
        """
        with self._lock:
            now = self._clock()
            left, since = self._left.get(key_id, (float(per_minute), now))
            left = min(float(per_minute), left + (now - since) * per_minute / _MINUTE_S)
            enough = left >= 1.0
            self._left[key_id] = (left - 1.0 if enough else left, now)
        if not enough:
            msg = f"the key {key_id} is good for {per_minute} requests a minute"
            wait_s = math.ceil((1.0 - left) * _MINUTE_S / per_minute)
            raise RateLimitError(msg, retry_after_s=max(1, wait_s))
