"""The database goes away in the middle of a job, and comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from petrography.errors import DatabaseUnavailableError
from tests.databases import fresh_postgresql
from tests.jobs.one_job import OneJob, OnEvent, one_job
from tests.jobs.running_jobs import WITHIN_S


def shut(name: str, administrator: str, *, out: bool) -> None:
    """Let nobody into a database, and end the connections there are; or let them in again."""
    with psycopg.connect(administrator, autocommit=True) as connection:
        allowed = "false" if out else "true"
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {allowed}'.encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
            " AND pid <> pg_backend_pid()",
            (name if out else "",),
        )


@pytest.mark.parametrize("when", ["at work", "at the last stage", "at the end"])
def test_a_job_waits_for_its_database_and_is_done_and_told_once(
    when: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.job_runner._PATIENCE_S", 0.05)
    server = request.getfixturevalue("postgresql")
    url = fresh_postgresql(server)
    name, administrator = str(make_url(url).database), server.get_uri()
    with one_job(tmp_path, url=url) as job:
        back = threading.Timer(0.6, shut, (name, administrator), {"out": False})

        def gone() -> None:
            shut(name, administrator, out=True)
            with pytest.raises(DatabaseUnavailableError):
                job.catalogue.get("", job.analysis_id)
            back.start()

        begin(job, when, gone, back)
        assert job.work() == "done"
        assert job.runner.stop() is None
    assert [message[1] for message in job.told.messages] == ["done"]


def begin(job: OneJob, when: str, gone: Callable[[], None], back: threading.Timer) -> None:
    """Let the database go at a moment of the work."""
    keep = job.engine.keep

    def work(_on_event: OnEvent) -> None:
        gone()
        if when == "at work":
            back.join(WITHIN_S)

    def kept(analysis_id: str) -> None:
        keep(analysis_id)
        gone()

    if when == "at the end":
        job.engine.keep = kept  # type: ignore[method-assign] # what a full engine does in its thread
    else:
        job.engine.work = work
