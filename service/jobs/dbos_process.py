"""DBOS as this service sets it up, in a process that works and in one that asks."""

from __future__ import annotations

import json
import logging
from typing import Any

from dbos import DBOSClient, DBOSConfig, Serializer

from service.jobs.job_database import JobDatabase
from service.jobs.old_sqlite import give_sqlite_milliseconds

__all__ = ["NAME", "SCHEMA", "VERSION", "client_of", "configuration", "prepare_process"]

NAME = "petroserve"
# What a workflow of this version recorded, a later one with the same version can go on with: to be
# counted up when the steps of the workflow change.
VERSION = "1"
# A transaction takes milliseconds. The server ends the session of a process that stands still in
# the middle of one (stopped, or on a paused machine), so that its locks hold up the others no longer.
_IDLE_TRANSACTION_S = 10.0
SCHEMA = "petroserve_jobs"
_log = logging.getLogger("petroserve.jobs")


class _Json(Serializer):
    """Workflows hold JSON: nothing that is read back can run code, as a pickle could."""

    def serialize(self, data: Any) -> str:
        return json.dumps(data, default=repr)

    def deserialize(cls, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "json"


class _Forward(logging.Handler):
    """DBOS's warnings in the log of the service."""

    def emit(self, record: logging.LogRecord) -> None:
        _log.handle(record)


def prepare_process() -> None:
    """Let DBOS speak through our log, and count milliseconds where SQLite cannot."""
    _log_through_ours()
    give_sqlite_milliseconds()


def client_of(database: JobDatabase) -> DBOSClient:
    """Connect somebody who asks; he closes it."""
    return DBOSClient(
        system_database_url=database.url,
        dbos_system_schema=SCHEMA,
        serializer=_Json(),
        application_name=NAME,
        # Who asks is told that the database does not answer, and does not hang.
        retry_connection_errors=False,
        sys_db_idle_transaction_timeout_sec=_IDLE_TRANSACTION_S,
    )


def configuration(url: str, slot: str) -> DBOSConfig:
    """Describe DBOS for a process that works in the name of a slot.

    Parameters
    ----------
    url : str
        Of the database.
    slot : str
        `HeldSlot.name`.
    """
    return {
        "name": NAME,
        "system_database_url": url,
        "sys_db_idle_transaction_timeout_sec": _IDLE_TRANSACTION_S,
        "dbos_system_schema": SCHEMA,
        "executor_id": slot,
        "application_version": VERSION,
        "serializer": _Json(),
        "log_level": "WARNING",
        "enable_otlp": False,
    }


def _log_through_ours() -> None:
    """DBOS writes to the console only where nobody listens to its logger."""
    logger = logging.getLogger("dbos")
    if not any(isinstance(one, _Forward) for one in logger.handlers):
        logger.addHandler(_Forward())
        logger.propagate = False
        logger.setLevel(logging.WARNING)
