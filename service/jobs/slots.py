"""Which process of a service is which: numbered slots that a living process holds.

Jobs that were begun belong to the slot that began them. The lock of a slot ends with its process,
however that ends: the next process takes the lowest free slot and goes on with its jobs, and a slot
that nobody takes again can be seen to be free. Processes of one machine lock files; those that share
a PostgreSQL lock there.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeAlias

from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.engine import make_url

from petrography.errors import ConfigurationError

__all__ = ["FileSlots", "HeldSlot", "PostgresSlots", "Slots", "held_slot"]

_PREFIX = "slot-"
_MOST = 1000
# The first of two numbers of an advisory lock, so that no other use of the database meets ours.
_LOCK_CLASS = 1_346_720_339

Release: TypeAlias = Callable[[], None]


class Slots(Protocol):
    """Locks by number."""

    def take(self, number: int) -> Release | None:
        """Take a lock without waiting; None where somebody has it."""


class HeldSlot:
    """A slot for the life of a process.

    Parameters
    ----------
    slots : Slots
        Where it is.
    number : int
        Which.
    release : callable
        Gives it back.
    """

    def __init__(self, slots: Slots, number: int, release: Release) -> None:
        self._slots = slots
        self._release = release
        self.name = f"{_PREFIX}{number}"

    def release(self) -> None:
        """Give the slot back."""
        self._release()

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
        release = self._slots.take(int(number))
        if release is None:
            return False
        try:
            work()
        finally:
            release()
        return True


def held_slot(slots: Slots) -> HeldSlot:
    """Take the lowest free slot.

    Raises
    ------
    ConfigurationError
        If there is none: a thousand processes share one folder.
    """
    for number in range(1, _MOST + 1):
        release = slots.take(number)
        if release is not None:
            return HeldSlot(slots, number, release)
    msg = f"all {_MOST} slots for processes that work on jobs are taken; wanted fewer processes"
    raise ConfigurationError(msg)


class FileSlots:
    """Locks on files, for the processes of one machine.

    Parameters
    ----------
    folder : Path
        Made when it is not there; on a local disk.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, number: int) -> Release | None:
        """Take a lock without waiting; None where somebody has it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{number}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return lambda: os.close(descriptor)


class PostgresSlots:
    """Advisory locks of a PostgreSQL, for processes of any machine.

    Parameters
    ----------
    url : str
        Of the database.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url).set(drivername="postgresql+psycopg")
        # A lock belongs to its connection, so none is shared.
        self._engine: Engine = create_engine(
            parsed,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            # A machine that vanishes is noticed within a minute.
            connect_args={"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3},
        )

    def take(self, number: int) -> Release | None:
        """Take a lock without waiting; None where somebody has it."""
        connection = self._engine.connect()
        keys = {"ours": _LOCK_CLASS, "number": number}
        if connection.scalar(text("SELECT pg_try_advisory_lock(:ours, :number)"), keys):

            def release() -> None:
                # A server that is gone has given the lock back already.
                with suppress(Exception):
                    connection.close()

            return release
        connection.close()
        return None
