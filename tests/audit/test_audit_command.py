"""`petroserve audit verify|head|show` beside a log that was cut, emptied or begins elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.audit import AuditEntry, AuditLog, entries_of
from service.audit.log import segment_name, segments
from tests.command_runs import Run

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a log of four entries."""
    log = AuditLog(tmp_path / "audit", fsync=False)
    for number in range(4):
        log.record("analysis.made", subject=f"a{number + 1}")
    return log.folder


def keep(folder: Path, entries: list[AuditEntry]) -> None:
    """Leave only these in the log."""
    for path in segments(folder):
        path.unlink()
    path = folder / segment_name(entries[0].seq)
    path.write_bytes(b"".join(entry.line() for entry in entries))


def test_a_begin_that_is_there_or_was_moved_away_is_gone_on_from(run: Run, folder: Path) -> None:
    entries = list(entries_of(folder))
    second = str(entries[1].anchor)
    given = ("audit", "verify", "--folder", folder, "--from", second, "--anchor", second)
    whole = (0, f"2 entries are whole; the last is {entries[3].anchor}\n", "")

    assert run(*given) == whole
    keep(folder, entries[2:])
    assert run(*given) == whole
    keep(folder, entries[:2])
    assert run(*given) == (0, f"0 entries are whole; the last is {second}\n", "")


@pytest.mark.parametrize(
    ("kept", "begin", "said"),
    [
        ([1], 2, "the log ends with entry 1; wanted entry 2"),
        ([1, 3, 4], 2, "entry 3 follows entry 1"),
        ([4], 2, "begins with entry 4"),
    ],
)
def test_a_log_that_does_not_reach_or_follow_its_begin_is_broken(
    run: Run, folder: Path, kept: list[int], begin: int, said: str
) -> None:
    entries = list(entries_of(folder))
    anchor = entries[begin - 1].anchor
    keep(folder, [entries[seq - 1] for seq in kept])

    given = ("audit", "verify", "--folder", folder, "--from", anchor, "--anchor", anchor)
    status, told, _ = run(*given)
    assert (status, said in told) == (1, True), told


@pytest.mark.parametrize("kept", [[1, 2, 3, 4], [3, 4]])
def test_another_digest_of_the_begin_is_found(run: Run, folder: Path, kept: list[int]) -> None:
    entries = list(entries_of(folder))
    keep(folder, [entries[seq - 1] for seq in kept])

    status, told, _ = run("audit", "verify", "--folder", folder, "--from", "2:" + "0" * 64)
    assert (status, "to begin after 2:0000" in told) == (1, True), told
    second = entries[1].anchor
    status, told, _ = run(
        "audit", "verify", "--folder", folder, "--from", second, "--anchor", "2:" + "0" * 64
    )
    assert (status, "anchor of entry 2 is not" in told) == (1, True), told


def test_a_begin_far_behind_the_end_is_found(run: Run, folder: Path) -> None:
    status, told, _ = run("audit", "verify", "--folder", folder, "--from", "99999:" + "0" * 64)
    assert (status, "ends with entry 4; wanted entry 99999" in told) == (1, True), told


def test_no_anchor_hides_another_one_of_the_same_entry(run: Run, folder: Path) -> None:
    right = list(entries_of(folder))[2].anchor
    anchors = ("--anchor", "3:" + "0" * 64, "--anchor", right)
    status, told, _ = run("audit", "verify", "--folder", folder, *anchors)
    assert (status, "entry 3 is not that of the anchor" in told) == (1, True), told


@pytest.mark.parametrize("has_file", [False, True])
def test_a_log_without_an_entry_is_not_called_whole(
    run: Run, tmp_path: Path, has_file: bool
) -> None:
    if has_file:
        (tmp_path / segment_name(1)).touch()

    for command in ("verify", "head"):
        status, told, complaint = run("audit", command, "--folder", tmp_path)
        assert (status, told, "no entry was found" in complaint) == (2, "", True)
    begin = "2:" + "0" * 64
    status, told, _ = run("audit", "verify", "--folder", tmp_path, "--from", begin)
    assert (status, "holds no entry; wanted entry 2" in told) == (1, True)


def test_an_event_that_there_is_not_is_refused_with_those_there_are(run: Run, folder: Path) -> None:
    status, told, complaint = run("audit", "show", "--folder", folder, "--event", "bogus")
    assert (status, told) == (2, "")
    assert "--event is 'bogus'; wanted one of service.started, " in complaint
    assert "key.revoked" in complaint


@pytest.mark.parametrize(
    "wanted", [("--event", "key.revoked"), ("--analysis", "nope"), ("--tenant", "nobody")]
)
def test_that_nothing_was_found_is_said_beside_the_entries(
    run: Run, folder: Path, wanted: tuple[str, str]
) -> None:
    status, told, complaint = run("audit", "show", "--folder", folder, *wanted)
    assert (status, told, complaint) == (0, "", "petroserve: no such entry was found\n")

    status, told, complaint = run("audit", "show", "--folder", folder, "--analysis", "a2")
    assert (status, told.count("\n"), complaint) == (0, 1, "")
