"""The queue asks SQLite for milliseconds, which older ones do not know."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import create_engine, text

from service.jobs.old_sqlite import give_sqlite_milliseconds


def test_every_sqlite_tells_milliseconds_also_as_a_default() -> None:
    give_sqlite_milliseconds()
    give_sqlite_milliseconds()
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE jobs (id TEXT, at INTEGER NOT NULL DEFAULT (unixepoch('subsec') * 1000))"
            )
        )
        connection.execute(text("INSERT INTO jobs (id) VALUES ('a')"))
        (told_ms,) = connection.execute(text("SELECT at FROM jobs")).one()
    engine.dispose()

    assert told_ms == pytest.approx(1000 * time.time(), abs=5000)
