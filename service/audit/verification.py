"""Finding the first line of an audit log that is not as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from petrography.errors import InvalidParameterError
from service.audit.entry import GENESIS, MAX_LINE_BYTES, Anchor, AuditEntry, parse_line
from service.audit.log import segment_name, segments

__all__ = ["Verdict", "entries_of", "verify"]


@dataclass(frozen=True)
class Verdict:
    """What the verification of a log found.

    Attributes
    ----------
    entries : int
        That were verified, up to the first problem.
    head : Anchor
        Of the last of them.
    problem : str or None
        The first line that is not as it was written, with its file, its number and why; None where
        there is none.
    """

    entries: int
    head: Anchor
    problem: str | None = None


@dataclass(frozen=True)
class _Line:
    path: Path
    number: int
    content: bytes

    @property
    def place(self) -> str:
        return f"{self.path.name}:{self.number}"


class _Checked:
    """How far a log was checked, line by line."""

    def __init__(self, after: Anchor, wanted: Iterable[Anchor]) -> None:
        self.head, self.count = after, 0
        self._after = after
        self._wanted: dict[int, set[str]] = {}
        for anchor in wanted:
            self._wanted.setdefault(anchor.seq, set()).add(anchor.sha256)
        # Number of the last entry before the begin; 0 where the log holds none of those.
        self._passed = 0
        self._is_begun = after == GENESIS

    def problem_of(self, line: _Line) -> str | None:
        """Take the next line; tell why it cannot stand there, None where it can."""
        try:
            entry = parse_line(line.content)
        except InvalidParameterError as error:
            return str(error)
        if self._is_begun:
            return self._problem_after_begin(entry, line)
        if entry.seq < self._after.seq:
            self._passed = entry.seq
            return None
        self._is_begun = True
        problem = _unlike_begin(entry, self._after, self._passed)
        if problem is not None or entry.seq == self._after.seq:
            return problem
        return self._problem_after_begin(entry, line)

    def problem_of_the_end(self) -> str | None:
        """Tell what the log should still hold; None where it is all there."""
        if not self._is_begun:
            ends = f"ends with entry {self._passed}" if self._passed else "holds no entry"
            return f"the log {ends}; wanted entry {self._after.seq}, after which this begins"
        if self._wanted:
            wanted = max(self._wanted)
            return f"the log ends with entry {self.head.seq}, its tail was cut off: wanted {wanted}"
        return None

    def _problem_after_begin(self, entry: AuditEntry, line: _Line) -> str | None:
        problem = _misfit(entry, self.head, line)
        if problem is None and self._wanted.pop(entry.seq, {entry.sha256}) != {entry.sha256}:
            problem = f"entry {entry.seq} is not that of the anchor"
        if problem is None:
            self.head, self.count = entry.anchor, self.count + 1
        return problem


def verify(folder: Path, *, after: Anchor = GENESIS, anchors: Iterable[Anchor] = ()) -> Verdict:
    """Verify a log line by line.

    A changed, removed, added or reordered line breaks the chain at the next one. Two things no
    chain can show by itself: that its tail was cut off at the end of a line, and that all of it was
    written anew. Anchors that were kept somewhere else show both.

    Parameters
    ----------
    folder : Path
        Of the log.
    after : Anchor
        Where to begin; older entries are passed over, or may have been moved away. Where the log
        still holds this entry, it must be that; where it does not, the first one must follow it.
    anchors : iterable of Anchor
        Entries that must be there.

    Returns
    -------
    Verdict
        How far the log is whole.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    kept = list(anchors)
    problem = _before_the_begin(kept, after)
    if problem is not None:
        return Verdict(0, after, problem)
    checked = _Checked(after, (anchor for anchor in kept if anchor != after))
    for line in _lines(folder):
        problem = checked.problem_of(line)
        if problem is not None:
            return Verdict(checked.count, checked.head, f"{line.place}: {problem}")
    return Verdict(checked.count, checked.head, checked.problem_of_the_end())


def entries_of(folder: Path) -> Iterator[AuditEntry]:
    """Read the entries, each by itself; lines that are none are passed over.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    for line in _lines(folder):
        try:
            yield parse_line(line.content)
        except InvalidParameterError:
            continue


def _before_the_begin(anchors: Iterable[Anchor], after: Anchor) -> str | None:
    """Tell which anchor cannot be looked for behind where this begins."""
    for anchor in sorted(anchors, key=lambda one: one.seq):
        if anchor.seq < after.seq:
            return f"the anchor of entry {anchor.seq} is not after entry {after.seq}, where this begins"
        if anchor.seq == after.seq and anchor != after:
            return f"the anchor of entry {anchor.seq} is not the entry after which this begins"
    return None


def _unlike_begin(entry: AuditEntry, after: Anchor, passed: int) -> str | None:
    """Tell why the first entry that was not passed over shows another begin than the one given."""
    if entry.seq == after.seq:
        is_other = entry.sha256 != after.sha256
        found = f"entry {entry.seq} has SHA-256 {entry.sha256}"
    elif passed:
        is_other, found = True, f"entry {entry.seq} follows entry {passed}"
    else:
        is_other = (entry.seq, entry.previous) != (after.seq + 1, after.sha256)
        found = f"the log begins with entry {entry.seq}, which follows {entry.previous}"
    return f"{found}; this was to begin after {after}" if is_other else None


def _misfit(entry: AuditEntry, last: Anchor, line: _Line) -> str | None:
    """Tell why an entry cannot follow the last one; None where it does."""
    if entry.seq != last.seq + 1:
        return f"entry {entry.seq} follows entry {last.seq}"
    if entry.previous != last.sha256:
        return f"it does not follow the entry {last.seq} that is there"
    if line.number == 1 and line.path.name != segment_name(entry.seq):
        return f"the file is named after another entry than {entry.seq}"
    return None


def _lines(folder: Path) -> Iterator[_Line]:
    for path in segments(folder):
        with path.open("rb") as file:
            number = 0
            while content := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                yield _Line(path, number, content)
