"""A worker that cannot start tells its supervisor why.

BentoML starts a worker that ended anew, for ever, while the socket accepts connections that nobody
answers. So a worker that fails before any has started leaves the reason in a folder that it shares
with its supervisor, and asks that to end.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from petrography.errors import ConfigurationError, PetroserveError

__all__ = ["FirstStart"]

_log = logging.getLogger("petroserve.start")


class FirstStart:
    """Whether a worker could start.

    Parameters
    ----------
    folder : Path or None
        Shared by the supervisor and its workers. None: nobody waits to be told, as where BentoML's
        own command started the worker.
    supervisor_pid : int, optional
        Who is asked to end; the parent when omitted.
    """

    def __init__(self, folder: Path | None, supervisor_pid: int | None = None) -> None:
        self._folder = folder
        self._supervisor_pid = supervisor_pid

    @contextmanager
    def watched(self) -> Iterator[None]:
        """End this process where the block fails; the supervisor ends, too, if none has started.

        Raises
        ------
        SystemExit
            If the block failed, or another worker has.
        """
        if self._folder is not None and self._reason.exists():
            raise SystemExit(1)
        try:
            yield
        except Exception as error:
            self.failed(error)
            if self._folder is None:
                raise
            raise SystemExit(1) from None

    def failed(self, error: Exception) -> None:
        """Tell the supervisor why this worker could not start."""
        if self._folder is None or self._started.exists():
            return
        # Of faults of our own the log has the place.
        text = str(error) if isinstance(error, PetroserveError) else f"{error!r}; see the log"
        if not isinstance(error, PetroserveError):
            _log.error("the worker could not start", exc_info=error)
        aside = self._reason.with_suffix(f".{os.getpid()}")
        aside.write_text(text, encoding="utf-8")
        aside.replace(self._reason)
        parent_pid = os.getppid()
        # An orphan has another parent, often the first process of the machine: not ours to end.
        if self._supervisor_pid in {None, parent_pid}:
            os.kill(parent_pid, signal.SIGTERM)

    def succeeded(self) -> None:
        """From now on a worker that fails is none of the first, and is started anew."""
        if self._folder is not None:
            self._started.touch()

    def require_succeeded(self) -> None:
        """Check, in the supervisor, that it did not end because of its workers.

        Raises
        ------
        ConfigurationError
            With what the worker said.
        """
        if self._folder is not None and self._reason.exists():
            raise ConfigurationError(self._reason.read_text(encoding="utf-8"))

    @property
    def _reason(self) -> Path:
        assert self._folder is not None
        return self._folder / "reason"

    @property
    def _started(self) -> Path:
        assert self._folder is not None
        return self._folder / "started"
