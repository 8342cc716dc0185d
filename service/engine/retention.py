"""Which results are removed to make room: the same in a folder and in a bucket."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from petrography.errors import StorageUnavailableError
from service.engine.kinds import Kind

__all__ = ["KeptResult", "OnRemoval", "Room", "superfluous", "untold"]

# Far more than people make, and yet a number: every result is looked at when room is made.
_TIMES_WORKED_ON = 10
# Told of kind, id and owner before a result is removed; where it raises, the result stays.
OnRemoval: TypeAlias = Callable[[Kind, str, str], object]


def untold(_kind: Kind, _result_id: str, _owner: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class KeptResult:
    """A result that is kept.

    Attributes
    ----------
    kind : Kind
        What it is.
    owner : str
        Whose; empty without API keys.
    result_id : str
        Its id.
    changed : float
        When it was kept or last used, in seconds since 1970.
    size_bytes : int
        Of all its files.
    for_good : bool
        Whether somebody vouches for it; it is never removed then.
    worked_on : bool
        Whether people have worked on it (`Kind.worked_on`).
    newest : bool
        Whether it was just made; it is not removed either.
    """

    kind: Kind
    owner: str
    result_id: str
    changed: float
    size_bytes: int
    for_good: bool = False
    worked_on: bool = False
    newest: bool = False

    @property
    def worth(self) -> tuple[bool, bool]:
        """What goes before what: the least first."""
        return self.worked_on, self.kind.lasting

    @property
    def place(self) -> tuple[str, str, str]:
        """Where it is kept: no other one is there."""
        return self.owner, self.kind.folder, self.result_id


@dataclass(frozen=True)
class Room:
    """How much is kept.

    Attributes
    ----------
    max_count : int
        Results of each kind and tenant; those that stay for good do not count, and of those that
        people have worked on ten times as many may be there beside the others.
    max_bytes : int
        Of all together.
    """

    max_count: int
    max_bytes: int

    def require(self, kept: Iterable[KeptResult]) -> None:
        """Check that there is room for another result.

        Raises
        ------
        StorageUnavailableError
            If what must not be removed takes all of it.
        """
        taken_bytes = _taken_for_good_bytes(kept)
        if taken_bytes >= self.max_bytes:
            msg = (
                f"reviewed results take {taken_bytes} bytes and are never removed; all results "
                f"together may take {self.max_bytes}, so that nothing new can be kept; an operator "
                "can raise PETROSERVE_ARTEFACTS_MAX_BYTES, or move reviewed results elsewhere"
            )
            raise StorageUnavailableError(msg)

    def is_left_by(self, kept: Iterable[KeptResult]) -> bool:
        """Tell whether there is room for another result."""
        return _taken_for_good_bytes(kept) < self.max_bytes


def _taken_for_good_bytes(kept: Iterable[KeptResult]) -> int:
    return sum(one.size_bytes for one in kept if one.for_good)


def superfluous(kept: Sequence[KeptResult], room: Room) -> list[KeptResult]:
    """Find what is to be removed, the least worth keeping first.

    Beyond the count the oldest of a kind and tenant go; of what people have worked on ten times as
    many are kept, for they cannot make it again. Beyond the bytes the tenant that holds the most gives its
    oldest, so that nobody pushes out the results of others; what other requests name
    (`Kind.lasting`) goes behind them, and what people have worked on last of all.

    Parameters
    ----------
    kept : sequence of KeptResult
        All that there is.
    room : Room
        How much may stay.
    """
    going = list(_beyond_count(kept, room.max_count))
    gone = {one.place for one in going}
    left = (one for one in kept if one.place not in gone)
    return going + list(_beyond_bytes(left, room.max_bytes))


def _beyond_count(kept: Iterable[KeptResult], max_count: int) -> Iterator[KeptResult]:
    places: dict[tuple[str, str, bool], list[KeptResult]] = defaultdict(list)
    for one in kept:
        if not one.for_good:
            places[one.owner, one.kind.folder, one.worked_on].append(one)
    for (_, _, worked_on), place in places.items():
        most = max_count * _TIMES_WORKED_ON if worked_on else max_count
        place.sort(key=lambda one: (one.newest, one.changed))
        yield from (one for one in place[: max(0, len(place) - most)] if not one.newest)


def _beyond_bytes(kept: Iterable[KeptResult], max_bytes: int) -> Iterator[KeptResult]:
    held_bytes: Counter[str] = Counter()
    removable: dict[str, list[KeptResult]] = defaultdict(list)
    for one in kept:
        held_bytes[one.owner] += one.size_bytes
        if not (one.for_good or one.newest):
            removable[one.owner].append(one)
    for mine in removable.values():
        # The last of a list is taken first.
        mine.sort(key=lambda one: (one.worth, one.changed), reverse=True)
    while removable and held_bytes.total() > max_bytes:
        owner = min(removable, key=lambda name: (removable[name][-1].worth, -held_bytes[name]))
        one = removable[owner].pop()
        held_bytes[owner] -= one.size_bytes
        if not removable[owner]:
            del removable[owner]
        yield one
