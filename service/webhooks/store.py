"""Messages that are on their way, in one SQLite file that several processes share.

A message is there before anybody is told that it will be sent, and is taken for a stated time:
what a killed process had taken comes back. So a message arrives at least once; receivers know a
repetition by its id.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from petrography.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    InvalidParameterError,
    NotFoundError,
)
from service.webhooks.addresses import receiver_of

__all__ = ["DeliveryStore", "Message", "State"]

State = Literal["waiting", "delivered", "dead"]

_BUSY_S = 30.0
_GONE = "the receiver is gone (410)"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    body BLOB NOT NULL,
    created_s REAL NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    next_s REAL NOT NULL,
    status INTEGER,
    error TEXT NOT NULL,
    traceparent TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS message_due ON message (state, next_s);
CREATE TABLE IF NOT EXISTS closed (
    owner TEXT NOT NULL, url TEXT NOT NULL, closed_s REAL NOT NULL, PRIMARY KEY (owner, url)
) STRICT;
PRAGMA user_version = 3;
"""
_VERSION = 3
# From the version of the number to the next.
_UPGRADES = {
    1: ("ALTER TABLE message ADD COLUMN traceparent TEXT NOT NULL DEFAULT ''",),
    2: (
        "ALTER TABLE message ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
        # For whom a receiver was closed is not known; if it is gone, its next 410 closes it again.
        "DROP TABLE IF EXISTS closed",
    ),
}
_COLUMNS = "id, url, body, created_s, state, tries, next_s, status, error, traceparent, owner"


@dataclass(frozen=True)
class Message:
    """A message and what became of it.

    Attributes
    ----------
    id, url : str
        Which and where to.
    body : bytes
        What is sent, the same at every try.
    created_s, next_s : float
        Seconds since 1970: of its making, and of its next try.
    state : str
        waiting, delivered or dead.
    tries : int
        Tries so far.
    status : int or None
        HTTP status of the last answer.
    error : str
        Why the last try failed; empty where it did not.
    traceparent : str
        Of the work that it tells of; empty where there was none.
    owner : str
        The tenant whose receiver it is for; empty without API keys.
    """

    id: str
    url: str
    body: bytes
    created_s: float
    state: State
    tries: int
    next_s: float
    status: int | None
    error: str
    traceparent: str = ""
    owner: str = ""


class DeliveryStore:
    """The file of messages.

    Parameters
    ----------
    path : Path
        Made with its folder when it is not there.

    Raises
    ------
    ConfigurationError
        If the file is no store, or one of a later version.

    Notes
    -----
    Every method raises `DatabaseUnavailableError` where the file is locked, full or damaged; nothing
    is changed then.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._database.create_function("lane_of", 2, _lane_of, deterministic=True)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                msg = f"{path} is of version {version}; this Petroserve knows version {_VERSION}"
                raise ConfigurationError(msg)
            self._upgrade()
            self._database.executescript(_SCHEMA)
        except (sqlite3.DatabaseError, DatabaseUnavailableError) as error:
            msg = f"{path} cannot be used as the store of webhooks: {error}"
            raise ConfigurationError(msg) from None

    def _upgrade(self) -> None:
        """Bring the file of an earlier version up to date, one process at a time."""
        with self._changing() as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            # A new file has version 0, and its schema is made as a whole.
            for old in range(version or _VERSION, _VERSION):
                for statement in _UPGRADES.get(old, ()):
                    database.execute(statement)
            if version:
                database.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _answering():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                # Some troubles, such as a full disk, have rolled it back already.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def add(
        self,
        message_id: str,
        url: str,
        body: bytes,
        *,
        now_s: float,
        traceparent: str = "",
        owner: str = "",
    ) -> bool:
        """Keep a message; returns whether it is new.

        One for a receiver that is closed for its owner is a dead letter at once.

        Raises
        ------
        InvalidParameterError
            If a message of this id has another address or another body.
        """
        with self._changing() as database:
            found = database.execute(
                "SELECT url, body FROM message WHERE id = ?", (message_id,)
            ).fetchone()
            if found is None:
                closed = _closed_s(database, owner, url) is not None
                state, error = ("dead", _GONE) if closed else ("waiting", "")
                told = (message_id, url, body, now_s, state, 0, now_s, None, error)
                values = (*told, traceparent, owner)
                places = ", ".join("?" * len(values))
                database.execute(f"INSERT INTO message ({_COLUMNS}) VALUES ({places})", values)
                return True
        if found != (url, body):
            msg = f"webhook {message_id} is there with another address or body; use another id"
            raise InvalidParameterError(msg)
        return False

    def take_due(
        self, *, now_s: float, lease_s: float, under_way: Collection[Message] = (), free: int = 1
    ) -> Message | None:
        """Take a message that is due, for `lease_s` seconds; nobody else gets it.

        It is of the owner with the fewest under way, and of that owner's due the longest.

        Parameters
        ----------
        now_s : float
            Seconds since 1970.
        lease_s : float
            After which it is due again, unless it was settled.
        under_way : collection of Message
            Those that are being delivered: no owner's receiver gets a second one beside them.
        free : int
            Places that are left. An owner takes another one only if more are left than it holds,
            so that none has more than half of what the others leave.
        """
        lanes = [_lane_of(one.owner, one.url) for one in under_way]
        owners = json.dumps([one.owner for one in under_way])
        query = (
            "UPDATE message SET next_s = ? WHERE id IN (SELECT id FROM (SELECT *, "
            "(SELECT count(*) FROM json_each(?) WHERE value = message.owner) AS held "
            "FROM message WHERE state = 'waiting' AND next_s <= ?) "
            f"WHERE held < ? AND lane_of(owner, url) NOT IN ({', '.join('?' * len(lanes))}) "
            f"ORDER BY held, next_s, created_s, id LIMIT 1) RETURNING {_COLUMNS}"
        )
        values = (now_s + lease_s, owners, now_s, free, *lanes)
        with self._changing() as database:
            row = database.execute(query, values).fetchone()
        return None if row is None else Message(*row)

    def settle(
        self, message: Message, *, state: State, next_s: float, status: int | None, error: str
    ) -> None:
        """Write down what became of a try, unless the message was taken or sent anew meanwhile.

        A try that began before a redelivery was asked for says nothing of that, and one that
        outlasted its lease nothing of the next. What arrived has arrived all the same.
        """
        with self._changing() as database:
            database.execute(
                "UPDATE message SET state = ?, tries = tries + 1, next_s = ?, status = ?, "
                # A message that another process delivered meanwhile stays delivered.
                "error = ? WHERE id = ? AND state <> 'delivered' AND tries = ? "
                "AND (next_s = ? OR ? = 'delivered')",
                (state, next_s, status, error, message.id, message.tries, message.next_s, state),
            )

    def close_receiver(self, message: Message, *, now_s: float) -> int:
        """Give up the receiver of a message, which is gone, for its owner.

        Returns
        -------
        int
            How many messages became dead letters by it.
        """
        with self._changing() as database:
            database.execute(
                "INSERT OR REPLACE INTO closed VALUES (?, ?, ?)",
                (message.owner, message.url, now_s),
            )
            done = database.execute(
                "UPDATE message SET state = 'dead', error = ? "
                "WHERE url = ? AND owner = ? AND state = 'waiting'",
                (_GONE, message.url, message.owner),
            )
            return done.rowcount

    def closed_s(self, url: str, owner: str) -> float | None:
        """Tell when a receiver was closed for an owner, in s since 1970; None where it is open."""
        with self._lock, _answering():
            return _closed_s(self._database, owner, url)

    def redeliver(self, message_id: str, *, now_s: float) -> None:
        """Send a message again, whatever became of it, with all its tries; opens its receiver.

        Raises
        ------
        NotFoundError
            If there is no such message.
        """
        with self._changing() as database:
            database.execute(
                "DELETE FROM closed WHERE (owner, url) IN "
                "(SELECT owner, url FROM message WHERE id = ?)",
                (message_id,),
            )
            done = database.execute(
                "UPDATE message SET state = 'waiting', tries = 0, next_s = ? WHERE id = ?",
                (now_s, message_id),
            )
            if done.rowcount == 0:
                msg = f"no webhook has the id {message_id[:80]!r}"
                raise NotFoundError(msg)

    def message(self, message_id: str) -> Message:
        """Read one message.

        Raises
        ------
        NotFoundError
            If there is no such message.
        """
        for one in self._read("WHERE id = ?", (message_id,)):
            return one
        msg = f"no webhook has the id {message_id[:80]!r}"
        raise NotFoundError(msg)

    def listed(self, states: Collection[State], *, limit: int = 1000) -> tuple[Message, ...]:
        """List messages of some states, the latest first."""
        places = ", ".join("?" * len(states))
        condition = f"WHERE state IN ({places}) ORDER BY created_s DESC, id LIMIT ?"
        return self._read(condition, (*states, limit))

    def about(self, subject: str) -> tuple[Message, ...]:
        """List the messages whose id begins with a subject and a dot, the latest first."""
        # "/" follows "." in ASCII.
        condition = "WHERE id > ? AND id < ? ORDER BY created_s DESC, id"
        return self._read(condition, (f"{subject}.", f"{subject}/"))

    def waiting(self) -> int:
        """Number of messages on their way."""
        return len(self._read("WHERE state = 'waiting'", ()))

    def counts(self) -> dict[str, int]:
        """Count the messages by state."""
        with self._lock, _answering():
            query = "SELECT state, count(*) FROM message GROUP BY state"
            return dict(self._database.execute(query).fetchall())

    def forget(self, *, before_s: float) -> int:
        """Remove delivered messages made before a time; returns how many."""
        with self._changing() as database:
            query = "DELETE FROM message WHERE state = 'delivered' AND created_s < ?"
            return database.execute(query, (before_s,)).rowcount

    def _read(self, condition: str, values: tuple[str | int, ...]) -> tuple[Message, ...]:
        with self._lock, _answering():
            rows = self._database.execute(
                f"SELECT {_COLUMNS} FROM message {condition}", values
            ).fetchall()
        return tuple(Message(*row) for row in rows)


@contextmanager
def _answering() -> Iterator[None]:
    """Say in words of ours that the file does not answer."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        msg = f"the store of callbacks does not answer ({error}); nothing was changed"
        raise DatabaseUnavailableError(msg) from error


def _lane_of(owner: str, url: str) -> str:
    """Name what gets one message at a time: a receiver, for each of its owners."""
    # No address has a space in it.
    return f"{owner} {receiver_of(url)}"


def _closed_s(database: sqlite3.Connection, owner: str, url: str) -> float | None:
    found = database.execute(
        "SELECT closed_s FROM closed WHERE owner = ? AND url = ?", (owner, url)
    ).fetchone()
    return None if found is None else float(found[0])
