"""Which results of a local folder are not in the bucket yet, across processes and their ends."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from service.disk import changed_s, put_whole, sync_folder

__all__ = ["Outbox"]

_FOLDER = ".outbox"


class Outbox:
    """A list of results on disk.

    Parameters
    ----------
    folder : Path
        Where the results lie.
    """

    def __init__(self, folder: Path) -> None:
        self._results, self._folder = folder, folder / _FOLDER

    def open(self) -> None:
        """Make the folder of the list."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def note(self, path: Path) -> None:
        """Put a result on the list, before it is there.

        Raises
        ------
        OSError
            If the disk is full or gone; the list is as it was then.
        """
        put_whole(self._note_of(path), path.relative_to(self._results).as_posix().encode())
        sync_folder(self._folder)

    def put_off(self, path: Path) -> None:
        """Let a result come after all others; what is not on the list stays off it."""
        # Said in full: the time a file system gives by itself stands still for milliseconds, and
        # what was put off could stay first.
        now_ns = time.time_ns()
        with suppress(FileNotFoundError):
            os.utime(self._note_of(path), ns=(now_ns, now_ns))

    def strike(self, path: Path) -> None:
        """Take a result off the list."""
        self._note_of(path).unlink(missing_ok=True)

    def holds(self, path: Path) -> bool:
        """Whether a result is on the list."""
        return self._note_of(path).is_file()

    def age_s(self, path: Path) -> float:
        """Seconds for which a result is on the list; for ever where it is not."""
        return time.time() - changed_s(self._note_of(path))

    def paths(self, *, older_than_s: float = 0.0) -> list[Path]:
        """Give what is on the list for so many seconds, the oldest first."""
        latest = time.time() - older_than_s
        found = []
        for note in sorted(self._folder.glob("*.note"), key=changed_s):
            if changed_s(note) > latest:
                continue
            path = self._noted(note)
            if path is not None:
                found.append(path)
        return found

    def size_bytes(self) -> int:
        """Add up what waits."""
        total = 0
        for path in self.paths():
            with suppress(FileNotFoundError):
                total += sum(file.stat().st_size for file in path.iterdir())
        return total

    def _noted(self, note: Path) -> Path | None:
        """Read which result a note is of; None if it tells of none, or of another."""
        try:
            path = self._results / note.read_bytes().decode()
            return path if self._note_of(path) == note else None
        except (FileNotFoundError, ValueError):
            return None

    def _note_of(self, path: Path) -> Path:
        relative = path.relative_to(self._results).as_posix()
        return self._folder / f"{hashlib.sha256(relative.encode()).hexdigest()}.note"
