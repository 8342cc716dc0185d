"""Adding to the audit log: one chain for all processes of a folder.

::

    <folder>/audit-000000000000000001.jsonl     named after its first entry
    <folder>/audit-000000000000004711.jsonl     the newest; entries are added to its end
    <folder>/.lock                              held while an entry is added

Nothing is remembered between two entries: whoever holds the lock reads the last line and chains
its own to it. So worker processes, the command line and a second service on the same folder make
one chain, and a process that is killed leaves at most one unfinished line, which nobody was told of.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from petrography.errors import (
    AuditUnavailableError,
    ConfigurationError,
    InvalidParameterError,
)
from service.audit.entry import (
    GENESIS,
    MAX_LINE_BYTES,
    Anchor,
    AuditEntry,
    Event,
    Who,
    parse_line,
    sealed,
)
from service.disk import sync_folder

__all__ = ["AuditLog", "read_head", "segments"]

_log = logging.getLogger("petroserve.audit")
_SEGMENT = re.compile(r"audit-([0-9]{18})\.jsonl", re.ASCII)
_NOBODY = Who()
_NO_FACTS: dict[str, JsonValue] = {}


def segments(folder: Path) -> list[Path]:
    """Find the files of the log, the oldest first."""
    return sorted(path for path in folder.glob("audit-*.jsonl") if _SEGMENT.fullmatch(path.name))


def segment_name(seq: int) -> str:
    """Name the file whose first entry has this number."""
    return f"audit-{seq:018d}.jsonl"


def _utc_now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


class AuditLog:
    """Adds entries to the log of a folder.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    fsync : bool
        Whether an entry is on the disk, not only with the operating system, before it counts.
    max_file_bytes : int
        A file as large as this is followed by another one.
    on_failure : {"refuse", "continue"}
        What becomes of work whose entry cannot be written: it is refused, or it goes on, the
        service's own log says so, and the next entry that can be written tells how many are
        missing.
    now : callable
        Gives the time as ISO 8601, in UTC.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fsync: bool = True,
        max_file_bytes: int = 64 * 1024**2,
        on_failure: Literal["refuse", "continue"] = "refuse",
        now: Callable[[], str] = _utc_now,
    ) -> None:
        self.folder = folder
        self._fsync = fsync
        self._max_file_bytes = max_file_bytes
        self._on_failure = on_failure
        self._now = now
        self._missing = 0
        self._counting = threading.Lock()

    def record(
        self,
        event: Event,
        *,
        subject: str,
        who: Who = _NOBODY,
        facts: Mapping[str, JsonValue] = _NO_FACTS,
    ) -> Anchor | None:
        """Add an entry.

        Parameters
        ----------
        event, subject, who, facts
            See `AuditEntry`.

        Returns
        -------
        Anchor or None
            Of the entry; None where it could not be written and work goes on all the same.

        Raises
        ------
        AuditUnavailableError
            If it cannot be written and work is to be refused then.
        """
        try:
            return self._append(event, subject, who, facts).anchor
        except (OSError, InvalidParameterError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            # Clients read it: no path of this machine.
            msg = f"the audit log takes no entry: {reason or error}"
            if self._on_failure == "refuse":
                raise AuditUnavailableError(msg) from error
        with self._counting:
            self._missing += 1
        _log.error("%s of %s is not in %s: %s", event, subject, self.folder, msg)
        return None

    def require_usable(self) -> None:
        """Check that entries can be added.

        Raises
        ------
        ConfigurationError
            If the folder cannot be written, or its last line is no entry.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _locked(self.folder):
                read_head(self.folder)
        except (OSError, InvalidParameterError) as error:
            msg = (
                f"the audit log {self.folder} cannot be added to: {error}; wanted a folder that can "
                "be written (PETROSERVE_AUDIT_FOLDER), or PETROSERVE_AUDIT=false"
            )
            raise ConfigurationError(msg) from None

    def _append(
        self, event: Event, subject: str, who: Who, facts: Mapping[str, JsonValue]
    ) -> AuditEntry:
        self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.folder), self._counting:
            last, torn = _cut_to_whole_lines(self.folder)
            told = dict(facts) | torn | ({"missing_before": self._missing} if self._missing else {})
            entry = sealed(last, utc=self._now(), event=event, who=who, subject=subject, facts=told)
            _write(self._file_for(entry.seq), entry.line(), fsync=self._fsync)
            self._missing = 0
        return entry

    def _file_for(self, seq: int) -> Path:
        newest = segments(self.folder)[-1:]
        for path in newest:
            if path.stat().st_size < self._max_file_bytes:
                return path
        return self.folder / segment_name(seq)


def read_head(folder: Path) -> Anchor:
    """Tell where the chain is, by its last whole line; `GENESIS` before the first entry.

    Raises
    ------
    InvalidParameterError
        If the last line is no entry.
    OSError
        If the log cannot be read.
    """
    return _tail(folder)[0]


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for other threads and processes; the system lets go when a process dies."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _tail(folder: Path) -> tuple[Anchor, Path | None, int]:
    """The last entry, the newest file, and how many bytes of it are whole lines."""
    files = segments(folder)
    newest = files[-1] if files else None
    newest_bytes = 0
    for path in reversed(files):
        whole, before_bytes = _last_lines(path)
        if path is newest and whole:
            newest_bytes = before_bytes + len(whole)
        # A file without a whole line is one whose process was killed at the first.
        if whole:
            line = whole[:-1].rpartition(b"\n")[2] + b"\n"
            return parse_line(line).anchor, newest, newest_bytes
    return GENESIS, newest, newest_bytes


def _last_lines(path: Path) -> tuple[bytes, int]:
    """The whole lines at the end of a file, and how many bytes lie before them."""
    with path.open("rb") as file:
        before_bytes = max(0, path.stat().st_size - 2 * MAX_LINE_BYTES)
        file.seek(before_bytes)
        read = file.read()
    lines, end, _ = read.rpartition(b"\n")
    if before_bytes and not end:
        msg = f"{path.name} ends with something that is no line"
        raise InvalidParameterError(msg)
    return lines + end, before_bytes


def _cut_to_whole_lines(folder: Path) -> tuple[Anchor, dict[str, JsonValue]]:
    """Take away an unfinished line; the next entry tells of it."""
    last, path, whole_bytes = _tail(folder)
    if path is None or path.stat().st_size == whole_bytes:
        return last, {}
    with path.open("r+b") as file:
        file.seek(whole_bytes)
        torn = file.read()
        file.truncate(whole_bytes)
    return last, {
        "unfinished_line": {"bytes": len(torn), "sha256": hashlib.sha256(torn).hexdigest()}
    }


def _write(path: Path, line: bytes, *, fsync: bool) -> None:
    """Add a line as a whole or not at all."""
    is_new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        before_bytes = os.fstat(handle).st_size
        try:
            written = os.write(handle, line)
            if written < len(line):
                _raise_no_room(path)
            if fsync:
                os.fsync(handle)
        except OSError:
            os.ftruncate(handle, before_bytes)
            raise
    finally:
        os.close(handle)
    if is_new and fsync:
        sync_folder(path.parent)


def _raise_no_room(path: Path) -> None:
    msg = "no room for a whole line"
    raise OSError(28, msg, str(path))
