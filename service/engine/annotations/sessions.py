"""Annotations that were lately used, in bounded memory: a cache of what their records say."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from petrography.errors import AuditUnavailableError, InputError, NotReadyError
from service.engine.annotations.session import Session

__all__ = ["Key", "Sessions"]

# After these the session is as the record says.
_REFUSALS = (InputError, NotReadyError, AuditUnavailableError, CancelledError)
# Owner and id.
Key: TypeAlias = tuple[str, str]


@dataclass
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    session: Session | None = None


class Sessions:
    """The annotations that one process holds; those that were not used for the longest go first.

    Parameters
    ----------
    max_bytes : int
        What they may take together; the one that was used last is held in any case.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._places: OrderedDict[Key, _Place] = OrderedDict()

    @contextmanager
    def opened(self, key: Key, begin: Callable[[], Session]) -> Iterator[Session]:
        """Have an annotation for the length of the block; others who want it wait.

        Parameters
        ----------
        key : tuple of str
            Owner and id.
        begin : callable
            Makes the session where none is held.

        Raises
        ------
        BaseException
            What `begin` and the block raise. After what is no refusal the session is begun anew
            the next time: who knows in which state it is.
        """
        place = self._place(key)
        with place.lock:
            try:
                if place.session is None:
                    place.session = begin()
                yield place.session
            except _REFUSALS:
                raise
            except BaseException:
                place.session = None
                raise
            finally:
                self._make_room(key, place)

    def _place(self, key: Key) -> _Place:
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            return place

    def _make_room(self, used: Key, place: _Place) -> None:
        """Let go what is beyond the limit; whoever works on it goes on with what is let go."""
        with self._lock:
            if place.session is None and self._places.get(used) is place:
                del self._places[used]
            held = {key: one.session.size_bytes for key, one in self._places.items() if one.session}
            taken_bytes = sum(held.values())
            for key, size_bytes in held.items():
                if taken_bytes <= self._max_bytes:
                    return
                if key != used:
                    del self._places[key]
                    taken_bytes -= size_bytes
