"""The work of one job: whatever happens in a step, it ends, and its end is told once."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from petrography.errors import AnalysisNotFoundError, AuditUnavailableError
from service.engine import AnalysisEvent, newest_version, open_version
from service.jobs.ends import is_transient
from service.jobs.job_files import JobFiles
from service.jobs.job_runner import JobRunner
from tests.jobs.one_job import OneJob, OnEvent, one_job


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneJob]:
    monkeypatch.setattr("service.jobs.job_runner._PATIENCE_S", 0.01)
    with one_job(tmp_path) as one:
        yield one


def test_a_job_is_done_told_once_and_leaves_no_files(job: OneJob) -> None:
    assert job.work() == "done"
    assert [message[:2] for message in job.told.messages] == [(job.analysis_id, "done")]
    assert job.files.kept() == {}


def test_an_order_that_cannot_be_read_fails_the_job_with_the_reason(
    job: OneJob, tmp_path: Path
) -> None:
    (tmp_path / "files" / job.analysis_id / "order.json").write_text('{"cut off')

    assert job.work() == "failed"
    assert job.record.problem is not None
    assert job.record.problem["type"].endswith("job-damaged")


def test_what_nobody_foresaw_fails_the_job(job: OneJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def strange(_files: JobFiles, _analysis_id: str) -> int:
        raise RuntimeError("strange")

    monkeypatch.setattr(JobFiles, "begun", strange)

    assert job.work() == "failed"
    assert job.record.problem is not None
    assert job.record.problem["status"] == 500
    assert [message[1] for message in job.told.messages] == ["failed"]


def test_an_audit_log_that_takes_nothing_for_a_while_is_waited_for(job: OneJob) -> None:
    troubles: list[Exception] = [AuditUnavailableError("full"), sqlite3.OperationalError("full")]

    def work(_on_event: OnEvent) -> None:
        if troubles:
            raise troubles.pop()

    job.engine.work = work

    assert is_transient(AuditUnavailableError("full"))
    assert job.work() == "done"


@pytest.mark.parametrize(
    "trouble",
    [sqlite3.OperationalError("database is locked"), OSError(errno.ENOSPC, "No space left")],
)
def test_a_callback_that_cannot_be_stored_at_once_is_stored_later(
    job: OneJob, trouble: Exception
) -> None:
    job.told.troubles.append(trouble)

    assert job.work() == "done"
    assert [message[1] for message in job.told.messages] == ["done"]


def test_a_callback_that_cannot_be_made_stops_nothing(job: OneJob) -> None:
    job.told.troubles.append(ValueError("strange"))

    assert job.work() == "done"
    assert job.files.kept() == {}


def test_the_end_of_the_work_does_not_take_the_place_of_a_review(job: OneJob) -> None:
    def reviewed_meanwhile(name: str, call: Any) -> Any:
        if name == "conclude":
            job.catalogue.note(job.analysis_id, state="done", status="final", version=2)
        return call()

    assert job.work(reviewed_meanwhile) == "done"
    assert (job.record.status, job.record.version) == ("final", 2)
    assert [message[1] for message in job.told.messages] == ["done"]


def test_who_reads_the_result_before_its_job_has_ended_takes_no_callback_away(
    job: OneJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = job.engine.keep

    def read_at_once(analysis_id: str) -> None:
        keep(analysis_id)
        read(job)
        # For so long the rest of it goes into a bucket; meanwhile the runner looks again.
        time.sleep(1.0)

    monkeypatch.setattr(job.engine, "keep", read_at_once)

    assert job.work() == "done"
    assert [message[1] for message in job.told.messages] == ["done"]
    assert job.files.kept() == {}


def test_who_reads_the_result_of_a_killed_process_takes_no_callback_away(job: OneJob) -> None:
    job.engine.keep(job.analysis_id)
    read(job)

    assert job.work() == "done"
    assert [message[1] for message in job.told.messages] == ["done"]
    assert job.files.kept() == {}


def test_a_job_that_somebody_has_given_up_meanwhile_is_left_alone(job: OneJob) -> None:
    def given_up(on_event: OnEvent) -> None:
        assert job.catalogue.note(job.analysis_id, state="dead")
        on_event(AnalysisEvent("tiles", 1, 2))

    job.engine.work = given_up

    assert job.work() == "dead"
    assert newest_version(job.engine.store, job.analysis_id) is None
    assert job.told.messages == []
    assert job.work() == "dead"


def read(job: OneJob) -> None:
    """What a reader leaves in the record (`service.engine.catching_up`)."""
    assert job.catalogue.note(job.analysis_id, state="done", stage="report", version=1)


def test_a_result_that_is_removed_while_its_versions_are_read_is_not_there(
    job: OneJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = job.engine.store
    # Another worker makes room between the look for the folder and the look into it.
    monkeypatch.setattr(store, "folder_of", lambda *_: tmp_path / "gone")

    assert newest_version(store, job.analysis_id) is None
    with pytest.raises(AnalysisNotFoundError):
        open_version(store, job.analysis_id)


def test_a_cancellation_before_the_claim_wins_and_after_it_loses(
    job: OneJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, cancelled = job.engine.keep, partial(job.catalogue.note, job.analysis_id)

    def late(analysis_id: str) -> None:
        assert not cancelled(state="cancelled")
        keep(analysis_id)

    monkeypatch.setattr(job.engine, "keep", late)
    assert job.work() == "done"
    assert job.record.stage == "report"


def test_a_cancellation_in_the_last_stage_leaves_no_result(job: OneJob) -> None:
    job.engine.work = lambda _on_event: job.catalogue.note(job.analysis_id, state="cancelled")

    assert job.work() == "cancelled"
    assert newest_version(job.engine.store, job.analysis_id) is None
    assert job.files.kept() == {}


def test_a_try_that_fails_after_its_claim_can_be_cancelled_again(job: OneJob) -> None:
    def full(_analysis_id: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def cancelled(_on_event: OnEvent) -> None:
        assert job.catalogue.note(job.analysis_id, state="cancelled")

    def first(_on_event: OnEvent) -> None:
        job.engine.work = cancelled

    job.engine.keep, job.engine.work = full, first  # type: ignore[method-assign] # a full disk

    assert job.work() == "cancelled"


def test_a_job_can_be_cancelled_while_it_waits_to_be_tried_again(
    job: OneJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_analysis_id: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    pauses: list[bool] = []

    def cancelled(_runner: JobRunner, _seconds: float) -> None:
        pauses.append(job.catalogue.note(job.analysis_id, state="cancelled"))

    monkeypatch.setattr(job.engine, "keep", full)
    monkeypatch.setattr(JobRunner, "_pause", cancelled)

    assert job.work() == "cancelled"
    assert pauses == [True]


def test_a_result_that_is_there_is_done_whatever_fails_behind_it(
    job: OneJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, tries = job.engine.keep, list[str]()

    def full_behind_it(analysis_id: str) -> None:
        tries.append(analysis_id)
        if len(tries) == 3:
            keep(analysis_id)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(job.engine, "keep", full_behind_it)

    # The last of its three tries.
    assert job.work() == "done"
    assert [message[1] for message in job.told.messages] == ["done"]


def test_an_end_that_was_not_recorded_takes_nothing_from_who_tries_the_job_again(
    job: OneJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    recorded: dict[str, Any] = {}

    def killed_at_the_end(name: str, call: Any) -> Any:
        given = call()
        if name == "conclude":
            raise Killed
        recorded[name] = given
        return given

    def full(_analysis_id: str) -> None:
        raise ValueError("strange")

    with monkeypatch.context() as broken:
        broken.setattr(job.engine, "keep", full)
        with pytest.raises(Killed):
            job.work(killed_at_the_end)
    assert job.record.state == "failed"
    # `petroserve jobs retry`, before the next process goes on with what the first one left.
    assert job.catalogue.note(job.analysis_id, state="queued")

    assert job.work(lambda name, call: recorded.get(name) or call()) == "queued"

    assert job.told.messages == []
    assert job.work() == "done"


def test_a_cancellation_is_told_once_by_whoever_finds_it(job: OneJob) -> None:
    job.catalogue.note(job.analysis_id, state="cancelled")
    at = job.record.updated_utc.timestamp()
    job.told.troubles.append(sqlite3.OperationalError("database is locked"))

    assert job.work() == "cancelled"
    assert job.told.messages == [(job.analysis_id, "cancelled", at)]
    assert job.files.kept() == {}
    assert job.work() == "cancelled"
    assert len(job.told.messages) == 1


def test_a_cancellation_while_the_end_is_taken_down_is_told(job: OneJob) -> None:
    def cancelled_meanwhile(name: str, call: Any) -> Any:
        if name == "conclude":
            job.catalogue.note(job.analysis_id, state="cancelled")
        return call()

    (job.files._folder / job.analysis_id / "0").write_bytes(b"x")

    assert job.work(cancelled_meanwhile) == "cancelled"
    assert [message[1] for message in job.told.messages] == ["cancelled"]
    assert job.files.kept() == {}
