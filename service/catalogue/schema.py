"""How the catalogue lies in a database: its tables and their version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    select,
)

from petrography.errors import ConfigurationError

__all__ = ["ANALYSES", "SCHEMA_VERSION", "prepare_schema"]

SCHEMA_VERSION = 1
# Processes that start together prepare a PostgreSQL one after the other: any number of our own.
_LOCK = 7_405_606_172_034

_METADATA = MetaData()
_SCHEMA = Table(
    "petroserve_schema",
    _METADATA,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)
# Times are whole microseconds since 1970 UTC: equal in every database, and sorted as numbers.
ANALYSES = Table(
    "petroserve_analyses",
    _METADATA,
    Column("analysis_id", String(36), primary_key=True),
    # The column is called as versions up to 0.1 called it: whose the analysis is.
    Column("tenant", String(64), key="owner", nullable=False),
    Column("sample_id", String(256)),
    Column("idempotency_key", String(255)),
    Column("body_sha256", String(64), nullable=False),
    Column("model", String(256), nullable=False),
    Column("priority", String(16), nullable=False),
    Column("asynchronous", Boolean, nullable=False),
    Column("request_json", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("status", String(16)),
    Column("version", Integer, nullable=False),
    Column("progress_fraction", Float),
    Column("stage", String(64)),
    Column("problem", Text),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    # When the process at work last said that it lives.
    Column("alive_us", BigInteger, nullable=False),
    # Several NULLs are no conflict in either database: without a key nothing is compared.
    UniqueConstraint("owner", "idempotency_key", name="petroserve_analyses_key"),
    Index("petroserve_analyses_by_creation", "owner", "created_us", "analysis_id"),
    Index("petroserve_analyses_by_sample", "owner", "sample_id"),
    Index("petroserve_analyses_by_state", "state", "updated_us"),
)


def prepare_schema(connection: Connection) -> None:
    """Make the tables where they are not there, and check that this version knows them.

    Parameters
    ----------
    connection : Connection
        Committing by itself.

    Raises
    ------
    ConfigurationError
        If a newer version of this software made the tables.
    """
    with _alone(connection):
        found = _version(connection)
        if found is None:
            _METADATA.create_all(connection)
            connection.execute(_SCHEMA.insert().values(one=1, version=SCHEMA_VERSION))
            found = SCHEMA_VERSION
    if found != SCHEMA_VERSION:
        msg = (
            f"the database of PETROSERVE_DATABASE_URL has tables of version {found}; this software "
            f"knows version {SCHEMA_VERSION}; take the newer software, or another database"
        )
        raise ConfigurationError(msg)


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(_SCHEMA.name):
        return None
    return connection.scalar(select(_SCHEMA.c.version))


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keep other processes from preparing the same database; they wait."""
    if connection.dialect.name == "postgresql":
        begin, end = f"SELECT pg_advisory_lock({_LOCK})", f"SELECT pg_advisory_unlock({_LOCK})"
    else:
        begin, end = "BEGIN IMMEDIATE", "COMMIT"
    connection.exec_driver_sql(begin)
    try:
        yield
    finally:
        connection.exec_driver_sql(end)
