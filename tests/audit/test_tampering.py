"""Whatever is done to an audit log is found; what no chain can show, an anchor shows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given, settings

from service.audit import Anchor, AuditLog, entries_of, read_head, verify
from service.audit.log import segments

ENTRIES = 6


def written_lines() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        log = AuditLog(Path(folder), fsync=False, now=lambda: "2026-01-01T00:00:00.000+00:00")
        for number in range(ENTRIES):
            log.record("analysis.made", subject=f"a{number}", facts={"sample": "Ж"})
        return [entry.line() for entry in entries_of(Path(folder))]


LINES = written_lines()
WHOLE = b"".join(LINES)


@contextmanager
def log_of(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "audit-000000000000000001.jsonl").write_bytes(content)
        yield Path(folder)


def head() -> Anchor:
    with log_of(WHOLE) as folder:
        return read_head(folder)


def is_found(content: bytes, *anchors: Anchor) -> bool:
    with log_of(content) as folder:
        return verify(folder, anchors=anchors).problem is not None


def test_the_log_itself_is_whole() -> None:
    assert not is_found(WHOLE, head())


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_found(place: int, change: int) -> None:
    changed = bytearray(WHOLE)
    changed[place] ^= change
    assert is_found(bytes(changed))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(WHOLE)), st.binary(min_size=1, max_size=20))
def test_added_bytes_are_found(place: int, added: bytes) -> None:
    assert is_found(WHOLE[:place] + added + WHOLE[place:])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(WHOLE) - 2), st.integers(1, 400))
def test_removed_bytes_are_found(place: int, length: int) -> None:
    rest = WHOLE[:place] + WHOLE[place + length :]
    # Only a tail of whole lines leaves no trace in the chain; the anchor tells.
    is_tail = rest in {b"".join(LINES[:k]) for k in range(ENTRIES)}
    assert is_found(rest) != is_tail
    assert is_found(rest, head())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, ENTRIES - 1), max_size=ENTRIES + 2))
def test_removed_doubled_and_reordered_lines_are_found(order: list[int]) -> None:
    content = b"".join(LINES[k] for k in order)
    is_prefix = order == list(range(len(order)))
    assert is_found(content) != is_prefix
    assert is_found(content, head()) != (order == list(range(ENTRIES)))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, ENTRIES))
def test_a_log_that_was_written_anew_is_found_by_an_anchor(seq: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = AuditLog(folder, fsync=False, now=lambda: "2026-01-01T00:00:00.000+00:00")
        for number in range(ENTRIES):
            log.record("analysis.made", subject=f"a{number}", facts={"sample": "another"})
        with log_of(WHOLE) as original:
            anchor = list(entries_of(original))[seq - 1].anchor
        assert verify(folder).problem is None
        assert f"entry {seq} is not that of the anchor" in str(
            verify(folder, anchors=[anchor]).problem
        )


def test_the_first_broken_line_is_named() -> None:
    with log_of(WHOLE.replace(b'"a3"', b'"a9"')) as folder:
        verdict = verify(folder)
    assert verdict.entries == 3
    assert str(verdict.problem).startswith("audit-000000000000000001.jsonl:4: ")


def test_a_file_under_another_name_is_found() -> None:
    with log_of(WHOLE) as folder:
        (file,) = segments(folder)
        file.rename(folder / "audit-000000000000000002.jsonl")
        assert "named after another entry" in str(verify(folder).problem)


def test_an_anchor_before_the_begin_is_not_passed_over() -> None:
    with log_of(WHOLE) as folder:
        entries = list(entries_of(folder))
        after, early = entries[3].anchor, entries[1].anchor
        assert "is not after entry 4" in str(verify(folder, after=after, anchors=[early]).problem)
        assert verify(folder, after=after, anchors=[after, head()]).entries == ENTRIES - 4
