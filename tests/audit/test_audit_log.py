"""The audit log: one chain, whoever writes; rotation, unfinished lines, full disks."""

from __future__ import annotations

import json
import multiprocessing
import resource
import signal
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from petrography.errors import AuditUnavailableError, InvalidParameterError
from service.audit import AuditLog, Who, entries_of, parse_anchor, read_head, verify
from service.audit.log import segments


def log_in(folder: Path, **options: object) -> AuditLog:
    times = iter(f"2026-01-01T00:00:{second:02d}.000+00:00" for second in range(60))
    return AuditLog(folder, fsync=False, now=times.__next__, **options)  # type: ignore[arg-type]


def test_an_entry_tells_who_did_what_and_follows_the_one_before(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    first = log.record("service.started", subject="petroserve", facts={"version": "1"})
    second = log.record("analysis.made", subject="a1", who=Who("lab", "0123"), facts={"n": [1, 2]})

    assert first is not None
    assert second is not None
    begun, made = entries_of(tmp_path)
    assert (begun.seq, begun.previous) == (1, "0" * 64)
    assert (made.seq, made.previous) == (2, begun.sha256)
    assert (made.tenant, made.key_id, made.event) == ("lab", "0123", "analysis.made")
    assert made.facts == {"n": [1, 2]}
    assert read_head(tmp_path) == second == parse_anchor(f"{second}\n")
    assert verify(tmp_path).entries == 2


def test_files_follow_each_other_in_one_chain(tmp_path: Path) -> None:
    log = log_in(tmp_path, max_file_bytes=700)
    for number in range(9):
        log.record("analysis.made", subject=f"a{number}")

    files = segments(tmp_path)
    assert len(files) > 2
    assert [entry.subject for entry in entries_of(tmp_path)] == [f"a{k}" for k in range(9)]
    assert verify(tmp_path).entries == 9

    kept = next(entry for entry in entries_of(tmp_path) if entry.line() in files[0].read_bytes())
    last_of_first = [
        entry for entry in entries_of(tmp_path) if entry.line() in files[0].read_bytes()
    ][-1]
    files[0].unlink()
    assert kept.seq == 1
    assert "follows entry 0" in str(verify(tmp_path).problem)
    moved = verify(tmp_path, after=last_of_first.anchor)
    assert (moved.problem, moved.entries) == (None, 9 - last_of_first.seq)


def test_threads_make_one_chain(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, fsync=False)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: log.record("analysis.made", subject=str(k)), range(64)))

    assert verify(tmp_path).entries == 64
    assert {entry.subject for entry in entries_of(tmp_path)} == {str(k) for k in range(64)}


def add_some(folder: Path, name: str) -> None:
    log = AuditLog(folder, fsync=False, max_file_bytes=2000)
    for number in range(15):
        log.record("analysis.made", subject=f"{name}-{number}")


def test_processes_make_one_chain(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(add_some, [tmp_path] * 2, "ab"))

    assert verify(tmp_path).entries == 30
    assert len({entry.subject for entry in entries_of(tmp_path)}) == 30


@pytest.mark.parametrize("kept_bytes", [0, 1, 40])
def test_an_unfinished_line_is_taken_away_and_told_of(tmp_path: Path, kept_bytes: int) -> None:
    log = log_in(tmp_path)
    log.record("analysis.made", subject="a1")
    (file,) = segments(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:kept_bytes])
    assert (verify(tmp_path).problem is None) == (kept_bytes == 0)

    log.record("analysis.made", subject="a2")

    assert verify(tmp_path).entries == 2
    told = list(entries_of(tmp_path))[-1].facts
    assert told.get("unfinished_line", {"bytes": 0})["bytes"] == kept_bytes  # type: ignore[index,call-overload]


def test_a_file_that_was_begun_and_never_written_is_used(tmp_path: Path) -> None:
    log = log_in(tmp_path, max_file_bytes=1)
    log.record("analysis.made", subject="a1")
    (tmp_path / "audit-000000000000000002.jsonl").write_bytes(b'{"event"')

    log.record("analysis.made", subject="a2")
    assert verify(tmp_path).entries == 2


def without_room(folder: Path, on_failure: str) -> list[str]:
    """Write with a limit on the size of files, which gives short writes and then errors."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    (file,) = segments(folder)
    limit = file.stat().st_size + 50
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    log = log_in(folder, on_failure=on_failure)
    outcomes = []
    try:
        outcomes.append(str(log.record("analysis.made", subject="refused")))
    except AuditUnavailableError as error:
        outcomes.append(f"{type(error).__name__}: {error}")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    log.record("analysis.made", subject="after")
    return outcomes


@pytest.mark.parametrize("on_failure", ["refuse", "continue"])
def test_a_full_disk_refuses_or_is_told_of(tmp_path: Path, on_failure: str) -> None:
    log_in(tmp_path).record("analysis.made", subject="before")

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        (outcome,) = pool.submit(without_room, tmp_path, on_failure).result()

    assert verify(tmp_path).entries == 2
    before, after = entries_of(tmp_path)
    assert (before.subject, after.subject) == ("before", "after")
    if on_failure == "refuse":
        assert outcome.startswith("AuditUnavailableError: the audit log takes no entry")
        assert str(tmp_path) not in outcome
        assert after.facts == {}
    else:
        assert outcome == "None"
        assert after.facts == {"missing_before": 1}


def test_a_log_that_ends_with_something_else_takes_no_entry(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.record("analysis.made", subject="a1")
    (file,) = segments(tmp_path)
    file.write_bytes(file.read_bytes() + b"{}\n")

    with pytest.raises(AuditUnavailableError, match="it is no entry"):
        log.record("analysis.made", subject="a2")


def test_an_entry_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditUnavailableError, match="at most 65536"):
        log_in(tmp_path).record("analysis.made", subject="x" * 70_000)
    assert segments(tmp_path) == []


@pytest.mark.parametrize(
    "text", ["", "0:" + "0" * 64, "1:abc", "1", "x:" + "0" * 64, "1:" + "0" * 65]
)
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="no anchor"):
        parse_anchor(text)


def test_lines_are_plain_json(tmp_path: Path) -> None:
    log_in(tmp_path).record("analysis.made", subject="Проба № 7 \ud800")
    (file,) = segments(tmp_path)

    assert json.loads(file.read_text(encoding="ascii"))["subject"] == "Проба № 7 \ud800"
    assert verify(tmp_path).entries == 1
