"""Which process of a service is which: numbered slots that a living process holds.

Jobs that were begun belong to the slot that began them. The lock of a slot ends with its process,
however that ends: the next process takes the lowest free slot and goes on with its jobs, and a slot
that nobody takes again can be seen to be free. Processes of one machine lock files; those that share
a PostgreSQL lock there.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from petrography.errors import ConfigurationError
from service.catalogue import postgresql_arguments

__all__ = ["FileSlots", "HeldSlot", "Lock", "PostgresSlots", "Slots", "held_slot"]

_PREFIX = "slot-"
_MOST = 1000
# The first of two numbers of an advisory lock, so that no other use of the database meets ours.
_LOCK_CLASS = 1_346_720_339
# A machine that vanishes without a word: by itself its server keeps the lock for two hours.
_NOTICE_SOON = (
    "SELECT set_config('tcp_keepalives_idle', '20', false),"
    " set_config('tcp_keepalives_interval', '10', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)
# Another process holds a free slot for a moment only, to look after the jobs of its owner.
_TAKE_AGAIN_S, _LOOK_S = 5.0, 0.1
_log = logging.getLogger("petroserve.jobs")


class Lock(Protocol):
    """A slot that was taken."""

    def is_held(self) -> bool:
        """Tell whether it still is ours: a lock may end with its connection."""

    def release(self) -> None:
        """Give it back."""


class Slots(Protocol):
    """Locks by number.

    Attributes
    ----------
    grace_s : float
        How long a slot must have been seen free before its owner counts as gone: one that lives
        takes a lock again that it has lost.
    """

    @property
    def grace_s(self) -> float:
        """See above."""

    def take(self, number: int) -> Lock | None:
        """Take a lock without waiting; None where somebody has it."""


class HeldSlot:
    """A slot for the life of a process.

    Parameters
    ----------
    slots : Slots
        Where it is.
    number : int
        Which.
    lock : Lock
        It.
    """

    def __init__(self, slots: Slots, number: int, lock: Lock) -> None:
        self._slots = slots
        self._number = number
        self._lock = lock
        self._seen_free: dict[str, float] = {}
        self.name = f"{_PREFIX}{number}"

    def release(self) -> None:
        """Give the slot back."""
        self._lock.release()

    def is_kept(self) -> bool:
        """Tell whether the slot is ours, after taking a lock again that was lost.

        Returns
        -------
        bool
            False where another process has it by now.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the locks cannot be reached.
        """
        if self._lock.is_held():
            return True
        self._lock.release()
        # What others held while we held nothing says nothing about them.
        self._seen_free.clear()
        give_up_s = time.monotonic() + _TAKE_AGAIN_S
        while (lock := self._slots.take(self._number)) is None:
            if time.monotonic() > give_up_s:
                return False
            time.sleep(_LOOK_S)
        self._lock = lock
        _log.warning("the lock of %s was lost and is taken again", self.name)
        return True

    def while_abandoned(self, name: str, work: Callable[[], object]) -> bool:
        """As `while_free`, for a slot that was seen free for long enough."""
        now = time.monotonic()
        if not self.while_free(name, lambda: None):
            self._seen_free.pop(name, None)
            return False
        if now - self._seen_free.setdefault(name, now) < self._slots.grace_s:
            return False
        return self.while_free(name, work)

    def while_free(self, name: str, work: Callable[[], object]) -> bool:
        """Do something for a slot that no living process has, holding it meanwhile.

        Parameters
        ----------
        name : str
            `HeldSlot.name` of another process.
        work : callable
            Called if it is free.

        Returns
        -------
        bool
            Whether it was.
        """
        number = name.removeprefix(_PREFIX)
        if name == self.name or not number.isdecimal():
            return False
        lock = self._slots.take(int(number))
        if lock is None:
            return False
        try:
            work()
        finally:
            lock.release()
        return True


def held_slot(slots: Slots) -> HeldSlot:
    """Take the lowest free slot.

    Raises
    ------
    ConfigurationError
        If there is none: a thousand processes share one folder.
    """
    for number in range(1, _MOST + 1):
        lock = slots.take(number)
        if lock is not None:
            return HeldSlot(slots, number, lock)
    msg = f"all {_MOST} slots for processes that work on jobs are taken; wanted fewer processes"
    raise ConfigurationError(msg)


@dataclass(frozen=True)
class _FileLock:
    descriptor: int

    def is_held(self) -> bool:
        # The kernel keeps it as long as the file is open.
        return True

    def release(self) -> None:
        os.close(self.descriptor)


class FileSlots:
    """Locks on files, for the processes of one machine.

    Parameters
    ----------
    folder : Path
        Made when it is not there; on a local disk.
    """

    grace_s = 0.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, number: int) -> Lock | None:
        """Take a lock without waiting; None where somebody has it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{number}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return _FileLock(descriptor)


@dataclass(frozen=True)
class _PostgresLock:
    connection: Connection
    number: int

    def is_held(self) -> bool:
        # A connection that was cut is made anew by itself: that it answers says nothing.
        held = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2"
            " AND pid = pg_backend_pid() AND classid = :ours AND objid = :number"
        )
        try:
            return bool(self.connection.scalar(held, _keys(self.number)))
        except SQLAlchemyError:
            return False

    def release(self) -> None:
        # A server that is gone has given the lock back already. One that only loses the connection
        # gives it back when it notices, which is after this returns.
        with suppress(Exception):
            self.connection.scalar(
                text("SELECT pg_advisory_unlock(:ours, :number)"), _keys(self.number)
            )
        with suppress(Exception):
            self.connection.close()


def _keys(number: int) -> dict[str, int]:
    return {"ours": _LOCK_CLASS, "number": number}


class PostgresSlots:
    """Advisory locks of a PostgreSQL, for processes of any machine.

    Parameters
    ----------
    url : str
        Of the database.
    """

    # Every process looks at its own lock three times as often (`service.jobs.tidying`).
    grace_s = 15.0

    def __init__(self, url: str) -> None:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        # A lock belongs to its connection, so none is shared.
        self._engine: Engine = create_engine(
            parsed,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            # Not sooner than the server notices that we are gone: until then it keeps the lock.
            connect_args=postgresql_arguments(parsed),
        )

    def take(self, number: int) -> Lock | None:
        """Take a lock without waiting; None where somebody has it."""
        connection = self._engine.connect()
        taken = text("SELECT pg_try_advisory_lock(:ours, :number)")
        if connection.scalar(taken, _keys(number)):
            connection.execute(text(_NOTICE_SOON))
            return _PostgresLock(connection, number)
        connection.close()
        return None
