"""How connections to a PostgreSQL notice that its machine has vanished without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from petrography.errors import DatabaseUnavailableError
from service.catalogue.database import connected, open_database
from service.jobs.job_database import JobDatabase
from service.jobs.slots import PostgresSlots
from service.settings import Settings

URL = "postgresql://ada:secret@db.example.org/petroserve"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """With what the driver was asked to connect; nothing is connected."""
    found: list[dict[str, Any]] = []

    def connect(*_: Any, **arguments: Any) -> None:
        found.append(arguments)
        msg = "nobody is there"
        raise psycopg.OperationalError(msg)

    monkeypatch.setattr(psycopg, "connect", connect)
    monkeypatch.setattr(psycopg.Connection, "connect", connect)
    return found


def connect_to_catalogue(url: str) -> None:
    with pytest.raises(DatabaseUnavailableError), connected(open_database(url)):
        pass


def test_the_catalogue_does_not_wait_for_a_server_that_has_vanished(
    asked: list[dict[str, Any]],
) -> None:
    connect_to_catalogue(URL)
    wanted = {
        "connect_timeout": 5,
        "keepalives_idle": 20,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
    assert asked[0].items() >= wanted.items()


def test_a_slot_is_held_for_as_long_as_the_server_keeps_its_lock(
    asked: list[dict[str, Any]],
) -> None:
    with pytest.raises(OperationalError):
        PostgresSlots(URL).take(1)
    told = asked[0]
    server_notices_s = (
        told["keepalives_idle"] + told["keepalives_interval"] * told["keepalives_count"]
    )
    assert told["tcp_user_timeout"] == 1000 * server_notices_s
    assert told["connect_timeout"] == 5


def test_what_the_operator_sets_in_the_url_stands(asked: list[dict[str, Any]]) -> None:
    connect_to_catalogue(f"{URL}?keepalives_idle=7&tcp_user_timeout=1234&options=-cwork_mem%3D8MB")
    told = asked[0]
    assert (told["keepalives_idle"], told["tcp_user_timeout"]) == ("7", "1234")
    assert (told["options"], told["keepalives_count"]) == ("-cwork_mem=8MB", 3)


def test_the_queue_asks_its_library_for_the_same(tmp_path: Path) -> None:
    settings = Settings(database_url=f"{URL}?keepalives_idle=7", artefacts_folder=tmp_path)
    url = make_url(JobDatabase.of(settings).url)
    assert (url.username, url.password, url.drivername) == ("ada", "secret", "postgresql")
    assert url.query == {
        "connect_timeout": "5",
        "keepalives_idle": "7",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "50000",
    }
