"""A bridge for systems that know only files: dropped in one folder, answered in another.

::

    INBOX/NAME.png, NAME.csv        dropped; the CSV names the sample and comes first
    INBOX/done, INBOX/failed        where they go; a failure has its reason beside it
    OUTBOX/results/NAME-DIGEST/     everything there is, renamed into place as a whole
    OUTBOX/senaite/ID_N.csv         the CSV for SENAITE, by id of the analysis and a free number
    OUTBOX/edd/NAME-DIGEST.csv      the long CSV, for other systems

NAME-DIGEST holds the digest of the dropped bytes and of the CSV, so a file is answered once, and
again when its CSV says something else. The renaming of the result is what counts: killed before
it, the file is analysed again; killed after it, the answer that is there is handed out, byte by
byte the same.
"""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from petrography.errors import (
    BodyTooLargeError,
    ConfigurationError,
    InvalidParameterError,
    PetroserveError,
)
from service.disk import ASIDE, put_whole
from service.lims.import_names import require_file_stem, write_for_import
from service.lims.plain_text import on_one_line
from service.lims.sidecar import SIDECAR_SUFFIX, Sidecar, name_part, read_sidecar

__all__ = ["Dropped", "Handled", "Handler", "WatchedFolder"]

State = Literal["done", "failed", "later"]

_PART = ".part-"
# The file of a result that is handed out, by the folder of the outbox.
_HANDED_OUT = {"senaite": "senaite.csv", "edd": "edd-long.csv"}


@dataclass(frozen=True)
class Dropped:
    """A file that was dropped.

    Attributes
    ----------
    path : Path
        The file; it stays the same while it is handled, or the answer is thrown away.
    stated : dict of str to str
        What its CSV states: one header line, one line of values; empty without a CSV.
    """

    path: Path
    stated: dict[str, str]


@dataclass(frozen=True)
class Handled:
    """What became of a file.

    Attributes
    ----------
    name : str
        Of the file.
    state : str
        done; failed (it is in ``failed`` with its reason); later (it will be tried again).
    why : str
        The reason, or where the result is.
    """

    name: str
    state: State
    why: str


# From what was dropped and an empty folder to the files of the answer in that folder.
Handler: TypeAlias = Callable[[Dropped, Path], None]


@dataclass(frozen=True)
class _Look:
    """Size and time of a file, and since when they have been so."""

    size_bytes: int
    changed_ns: int
    since_s: float


class WatchedFolder:
    """Answers what is dropped into a folder.

    Parameters
    ----------
    inbox, outbox : Path
        Made when they are not there; neither inside the other.
    handlers : mapping of str to Handler
        By suffix in lower case, such as ``.png``. Other files are left alone, and so are links,
        folders, and names that begin with a dot or end with ``.tmp``.
    settle_s : float
        Time for which a file must have stayed the same before it is read.
    max_bytes : int
        Largest file.
    clock : callable
        Seconds that only grow.

    Raises
    ------
    ConfigurationError
        If the folders lie in each other.
    """

    def __init__(
        self,
        inbox: Path,
        outbox: Path,
        handlers: Mapping[str, Handler],
        *,
        settle_s: float = 5.0,
        max_bytes: int = 256 * 1024**2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        one, other = inbox.resolve(), outbox.resolve()
        if one == other or one in other.parents or other in one.parents:
            msg = f"{inbox} and {outbox} lie in each other; wanted two folders side by side"
            raise ConfigurationError(msg)
        self._inbox, self._outbox = inbox, outbox
        self._handlers = dict(handlers)
        self._settle_s, self._max_bytes = settle_s, max_bytes
        self._clock = clock
        self._looks: dict[str, _Look] = {}

    @contextmanager
    def opened(self) -> Iterator[WatchedFolder]:
        """Make the folders, keep other watchers out, and clear what a killed one left half done.

        Raises
        ------
        ConfigurationError
            If another process watches into this outbox.
        """
        for folder in ("results", *_HANDED_OUT):
            (self._outbox / folder).mkdir(parents=True, exist_ok=True)
        for folder in ("done", "failed"):
            (self._inbox / folder).mkdir(parents=True, exist_ok=True)
        # The system frees such a lock when its process ends, however it ends.
        with (self._outbox / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                msg = f"another process watches into {self._outbox}; wanted one at a time"
                raise ConfigurationError(msg) from None
            self._clear_half_written()
            self._clear_answered_sidecars()
            yield self

    def look(self) -> tuple[Handled, ...]:
        """Look once, and answer what has settled.

        Returns
        -------
        tuple of Handled
            In the order of names.
        """
        try:
            settled = list(self._settled())
        except OSError as error:
            return (Handled(self._inbox.name, "later", _why(error)),)
        return tuple(self._answered(path) for path in settled)

    @property
    def unsettled(self) -> int:
        """Files that are there and have not settled."""
        return len(self._looks)

    def _settled(self) -> Iterator[Path]:
        now_s, looks = self._clock(), {}
        for path in sorted(self._inbox.iterdir()):
            if not self._is_ours(path):
                continue
            state = path.stat()
            before = self._looks.get(path.name)
            same = before is not None and (before.size_bytes, before.changed_ns) == (
                state.st_size,
                state.st_mtime_ns,
            )
            since_s = before.since_s if same and before is not None else now_s
            if now_s - since_s >= self._settle_s:
                yield path
            else:
                looks[path.name] = _Look(state.st_size, state.st_mtime_ns, since_s)
        self._looks = looks

    def _is_ours(self, path: Path) -> bool:
        hidden = path.name.startswith(".") or path.name.endswith(".tmp")
        known = path.suffix.lower() in self._handlers
        return known and not hidden and path.is_file() and not path.is_symlink()

    def _answered(self, path: Path) -> Handled:
        try:
            return self._answer(path)
        except OSError as error:
            # A share that is away or a disk that is full: the file stays and is tried again.
            return Handled(path.name, "later", _why(error))

    def _answer(self, path: Path) -> Handled:
        sidecar = read_sidecar(path)
        key = sidecar.key(path)
        final = self._outbox / "results" / key
        try:
            _require_size(path, self._max_bytes)
            if not final.is_dir():
                self._make(final, Dropped(path, sidecar.stated()), sidecar)
        except (PetroserveError, MemoryError) as error:
            why = str(error) or "not enough memory"
            reason = f"{on_one_line(f'{path.name}: {why}')}\n".encode()
            put_whole(self._inbox / "failed" / f"{key}.reason.txt", reason)
            self._move_away(path, sidecar, "failed", key)
            return Handled(path.name, "failed", why)
        self._hand_out(final)
        self._move_away(path, sidecar, "done", key)
        return Handled(path.name, "done", str(final))

    def _make(self, final: Path, dropped: Dropped, sidecar: Sidecar) -> None:
        part = final.with_name(f"{_PART}{final.name}")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        before = _size_and_time(dropped.path)
        try:
            self._handlers[dropped.path.suffix.lower()](dropped, part)
            _require_same(dropped.path, before, sidecar)
            part.rename(final)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _hand_out(self, final: Path) -> None:
        table = final / _HANDED_OUT["senaite"]
        if table.is_file():
            write_for_import(self._outbox / "senaite", _analysis_id(final), table.read_bytes())
        table = final / _HANDED_OUT["edd"]
        if table.is_file():
            put_whole(self._outbox / "edd" / f"{final.name}.csv", table.read_bytes())

    def _move_away(self, path: Path, sidecar: Sidecar, folder: str, key: str) -> None:
        """Move a file that was answered; its CSV is copied before it and taken away after it.

        While the file is there it will be looked at again, and must find its CSV.
        """
        if sidecar.content is not None:
            put_whole(self._inbox / folder / f"{key}{SIDECAR_SUFFIX}", sidecar.content)
        path.replace(self._inbox / folder / f"{key}{path.suffix}")
        if sidecar.content is not None and not self._is_wanted(sidecar.path) and sidecar.is_same:
            sidecar.path.unlink()

    def _is_wanted(self, sidecar: Path) -> bool:
        """Whether a file that a CSV belongs to still waits."""
        waiting = (path for path in self._inbox.iterdir() if path.stem == sidecar.stem)
        return any(self._is_ours(path) for path in waiting)

    def _clear_half_written(self) -> None:
        """Take away what a killed watcher was writing."""
        for left in (self._outbox / "results").glob(f"{_PART}*"):
            shutil.rmtree(left)
        written = [self._outbox / folder for folder in _HANDED_OUT]
        for folder in (*written, self._inbox / "done", self._inbox / "failed"):
            for left in folder.glob(f"{ASIDE}*"):
                left.unlink()

    def _clear_answered_sidecars(self) -> None:
        """Take away the CSVs whose file was answered when the watcher was killed.

        The next image of that name would be taken for the old sample.
        """
        for path in self._inbox.glob(f"*{SIDECAR_SUFFIX}"):
            sidecar = read_sidecar(path)
            if sidecar.content is None or self._is_wanted(path):
                continue
            copies = (
                copy
                for folder in ("done", "failed")
                for copy in (self._inbox / folder).iterdir()
                if copy.name[: -len(f"-{'0' * 16}{SIDECAR_SUFFIX}")] == name_part(path.stem)
            )
            if any(_is_copied(path, copy, sidecar.content) for copy in copies):
                path.unlink()


def _is_copied(path: Path, copy: Path, content: bytes) -> bool:
    """Whether a CSV was there, as it is, when it was copied; a later drop has a later time."""
    is_older = path.stat().st_ctime_ns <= copy.stat().st_mtime_ns
    return is_older and copy.suffix == SIDECAR_SUFFIX and copy.read_bytes() == content


def _analysis_id(final: Path) -> str:
    """Id of the analysis of an answer; the name of the answer where its id can name no file."""
    try:
        return require_file_stem(str(json.loads((final / "result.json").read_bytes())["id"]))
    except (OSError, ValueError, LookupError, TypeError, InvalidParameterError):
        return final.name


def _why(error: OSError) -> str:
    return f"{error.filename or 'file'}: {error.strerror or error}"


def _require_size(path: Path, max_bytes: int) -> None:
    if path.stat().st_size > max_bytes:
        msg = f"{path.name} has more than {max_bytes} bytes, the largest file that is taken"
        raise BodyTooLargeError(msg)


def _size_and_time(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def _require_same(path: Path, before: tuple[int, int], sidecar: Sidecar) -> None:
    """Check that the answer is of the bytes that the digest stands for."""
    for changed, is_same in (
        (path, _size_and_time(path) == before),
        (sidecar.path, sidecar.is_same),
    ):
        if not is_same:
            raise OSError(errno.EBUSY, "changed while it was analysed", str(changed))
