"""A worker whose supervisor is gone ends as at SIGTERM.

A supervisor that is killed (`kill -9`, out of memory) stops nobody. Its workers would serve on and
hold its ports, and no service could be started in its place. So each looks once a second whether
its parent is still the one that started it. The system could send the signal by itself (on Linux,
``PR_SET_PDEATHSIG``), but that goes by the thread that started the worker, not by the process.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

__all__ = ["end_with_supervisor"]

_log = logging.getLogger("petroserve.start")
_LOOK_EVERY_S = 1.0


def end_with_supervisor(supervisor_pid: int | None) -> None:
    """Watch, beside everything else, over the process that started this one.

    Parameters
    ----------
    supervisor_pid : int or None
        Its number, which may be 1, as in a container. None: nobody told it, as where BentoML's own
        command started the worker; then it is the parent of this moment.
    """
    watched_pid = os.getppid() if supervisor_pid is None else supervisor_pid
    threading.Thread(
        target=_end_without, args=(watched_pid,), name="supervisor", daemon=True
    ).start()


def _end_without(supervisor_pid: int) -> None:
    # Whoever takes in an orphan has another number; the one that died may also be gone already.
    while os.getppid() == supervisor_pid:
        time.sleep(_LOOK_EVERY_S)
    _log.error("the supervisor (process %d) is gone: this worker ends", supervisor_pid)
    os.kill(os.getpid(), signal.SIGTERM)
