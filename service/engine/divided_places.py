"""The places of one process, of which no tenant takes the last while others come as well."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable

__all__ = ["DividedPlaces"]

# Of all places, kept for tenants that hold fewer than as many.
_KEPT_FRACTION = 0.25
# How long a tenant counts as one that comes.
_REMEMBERED_S = 600.0
# Who came most lately: one of them is another than who asks.
_REMEMBERED_TENANTS = 2


class DividedPlaces:
    """Places that tenants hold, and the few that are kept for those who hold few.

    A tenant that comes alone may hold all. Once others came, a quarter of the places is for
    tenants that hold less than that: who sends a thousand requests is refused, and a neighbour
    with one is not.

    Parameters
    ----------
    count : int
        Places that may be held at the same time.
    now_s : callable
        Seconds of a clock that never goes back.
    """

    def __init__(self, count: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self.count = count
        self._now_s = now_s
        self._held: Counter[str] = Counter()
        self._came_at_s: OrderedDict[str, float] = OrderedDict()

    @property
    def taken(self) -> int:
        """Places that are held."""
        return self._held.total()

    def held_by(self, tenant: str) -> int:
        """Places that a tenant holds."""
        return self._held[tenant]

    def kept_from(self, tenant: str) -> int:
        """Places that are not for this tenant, free or taken."""
        kept = int(self.count * _KEPT_FRACTION)
        return kept if self._held[tenant] >= kept and self._others_come(tenant) else 0

    @property
    def free(self) -> int:
        """Places that are not held."""
        return self.count - self.taken

    def has_one_for(self, tenant: str) -> bool:
        """Tell whether a tenant that comes now may take a place; from now on it has come."""
        self._came_at_s[tenant] = self._now_s()
        self._came_at_s.move_to_end(tenant)
        if len(self._came_at_s) > _REMEMBERED_TENANTS:
            self._came_at_s.popitem(last=False)
        return self.free > self.kept_from(tenant)

    def take(self, tenant: str) -> None:
        """Count a place as held."""
        self._held[tenant] += 1

    def give_back(self, tenant: str) -> None:
        """Count a place as free again."""
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]

    def _others_come(self, tenant: str) -> bool:
        """Tell whether another holds a place or came not long ago."""
        if any(other != tenant for other in self._held):
            return True
        earliest_s = self._now_s() - _REMEMBERED_S
        return any(
            came_s >= earliest_s for other, came_s in self._came_at_s.items() if other != tenant
        )
