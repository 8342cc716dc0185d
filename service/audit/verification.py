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
        Where to begin; older entries are passed over, or may have been moved away.
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
    wanted = {anchor.seq: anchor.sha256 for anchor in anchors if anchor != after}
    early = [seq for seq in sorted(wanted) if seq <= after.seq]
    if early:
        msg = f"the anchor of entry {early[0]} is not after entry {after.seq}, where this begins"
        return Verdict(0, after, msg)
    head, count = after, 0
    for line in _lines(folder):
        try:
            entry = parse_line(line.content)
        except InvalidParameterError as error:
            return Verdict(count, head, f"{line.place}: {error}")
        if count == 0 and entry.seq <= after.seq:
            continue
        problem = _misfit(entry, head, line)
        if problem is None and wanted.pop(entry.seq, entry.sha256) != entry.sha256:
            problem = f"entry {entry.seq} is not that of the anchor"
        if problem is not None:
            return Verdict(count, head, f"{line.place}: {problem}")
        head, count = entry.anchor, count + 1
    if wanted:
        msg = f"the log ends with entry {head.seq}, its tail was cut off: wanted {max(wanted)}"
        return Verdict(count, head, msg)
    return Verdict(count, head)


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
