"""SQLite before 3.42 has no fractions of a second.

DBOS asks for them from Python 3.12 on, with which newer ones are usual but not certain: a Python of
one's own on Debian 12, or that of RHEL 9, has an older one. Every row of a queue would lack its time.
"""

from __future__ import annotations

import sqlite3
import time

from sqlalchemy import Engine, event

__all__ = ["give_sqlite_milliseconds"]

# https://www.sqlite.org/releaselog/3_42_0.html: the modifier "subsec".
_SINCE = (3, 42)


def give_sqlite_milliseconds() -> None:
    """Let connections that are made from now on know ``unixepoch('subsec')``; newer ones do."""
    if sqlite3.sqlite_version_info < _SINCE and not event.contains(Engine, "connect", _extend):
        event.listen(Engine, "connect", _extend)


def _extend(connection: object, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(how: object) -> float | None:
    """Answer the one question that DBOS has."""
    return round(time.time(), 3) if how == "subsec" else None
