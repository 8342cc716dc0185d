"""A database by its URL, and its troubles as errors of ours."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from petrography.errors import ConfigurationError, DatabaseUnavailableError
from service.catalogue.answered_connection import AnsweredConnection
from service.settings import Settings

__all__ = ["connected", "database_url", "open_database", "postgresql_arguments"]

# A statement of ours takes a millisecond; who waits longer for its turn stands behind a copy of
# the file or a stuck process.
_BUSY_S = 10.0
_AGAIN_S = 0.01
# A server that vanishes without a word, or the way to it, is noticed within a minute: by itself a
# connection would wait for it for hours, or for a quarter of one where something is under way.
_NOTICE_SOON = {
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
}
# Somebody waits for the answer.
_UNANSWERED_MS = 20_000
_CONNECTIONS = 5
_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


def database_url(settings: Settings) -> str:
    """Find the URL of the catalogue's database: as it is set, or a file beside the results."""
    if settings.database_url is not None:
        return settings.database_url
    file = settings.artefacts_folder.absolute() / "catalogue.sqlite"
    return URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)


def open_database(url: str) -> Engine:
    """Open a database; nothing is connected yet.

    Every statement commits by itself: what belongs together is one statement, so nothing is ever
    half done and no lock outlives a statement.

    Parameters
    ----------
    url : str
        ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/DATABASE``.

    Raises
    ------
    ConfigurationError
        If it is no such URL. The message does not show it: it may hold a password.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    return _open_postgresql(parsed)


def _open_postgresql(url: URL) -> Engine:
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=_CONNECTIONS,
        pool_timeout=_BUSY_S,
        # A connection that a restart of the server has cut is noticed and made anew.
        pool_pre_ping=True,
        connect_args=postgresql_arguments(url, tcp_user_timeout=_UNANSWERED_MS),
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, texts: list[str], arguments: dict[str, Any]) -> Any:
        return AnsweredConnection.connect(*texts, **arguments)

    return engine


def postgresql_arguments(url: URL, **more: int) -> dict[str, int]:
    """List how a connection to a PostgreSQL notices that its server is gone.

    Parameters
    ----------
    url : URL
        Of the database; what it sets itself is left to it.
    **more : int
        By name, instead of the values that suit every connection.
    """
    wanted = _NOTICE_SOON | more
    return {name: value for name, value in wanted.items() if name not in url.query}


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    driver = None if parsed is None else _DRIVERS.get(parsed.drivername)
    if parsed is None or driver is None:
        msg = (
            "PETROSERVE_DATABASE_URL cannot be read; wanted sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/DATABASE"
        )
        raise ConfigurationError(msg)
    return parsed.set(drivername=driver)


def _open_sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        msg = "PETROSERVE_DATABASE_URL names no file; wanted sqlite:///FILE: processes share it"
        raise ConfigurationError(msg)
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=_CONNECTIONS,
        pool_timeout=_BUSY_S,
        connect_args={"timeout": _BUSY_S},
        hide_parameters=True,
    )
    folder = Path(url.database).parent

    @event.listens_for(engine, "do_connect")
    def make_folder(*_: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        # Readers do not wait for a writer, and what was answered outlives a loss of power too.
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=FULL")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log, once for a file.

    While other processes do the same SQLite says at once that the file is locked: unlike elsewhere
    it does not wait. A file system that cannot have such a log keeps the journal that it has.
    """
    give_up_s = time.monotonic() + _BUSY_S
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """Use a connection for the length of a block.

    Raises
    ------
    DatabaseUnavailableError
        If the database is locked, full, read-only, frozen or gone. Nothing is half done then; a
        statement that got no answer may have been carried out.
    """
    try:
        with engine.connect() as connection:
            yield connection
    except IntegrityError:
        raise
    except (OperationalError, InterfaceError, PoolTimeoutError, OSError) as error:
        raise DatabaseUnavailableError(_why(error)) from error
    except DBAPIError as error:
        # A server that shuts down says so with classes of its own.
        if not error.connection_invalidated:
            raise
        raise DatabaseUnavailableError(_why(error)) from error


def _why(error: Exception) -> str:
    # The driver's own words name hosts and files: for the log, where the cause stands.
    return (
        f"the database of the analyses does not answer ({type(error).__name__}); nothing is "
        "half done; the same request may succeed later"
    )
