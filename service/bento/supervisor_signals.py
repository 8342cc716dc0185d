"""What the process that supervises the workers does when it is signalled."""

from __future__ import annotations

import signal
from typing import Any

import psutil
from circus.sighandler import SysHandler

__all__ = ["take_signals"]


def take_signals() -> None:
    """Change what the shell's supervisor, once it serves, does about a hangup and about a stop."""
    _hand_on_hangups()
    _close_the_port_at_a_stop()


def _hand_on_hangups() -> None:
    """Let SIGHUP reach the workers, which then look at the models folder.

    The shell would replace the workers by new ones, and so be without any while those load.
    """
    SysHandler.SIGNALS = [one for one in SysHandler.SIGNALS if one != signal.SIGHUP]

    def hand_on(_signal: int, _frame: object) -> None:
        for worker in psutil.Process().children():
            worker.send_signal(signal.SIGHUP)

    signal.signal(signal.SIGHUP, hand_on)


def _close_the_port_at_a_stop() -> None:
    """Let new connections be refused while the workers finish what they have begun.

    The workers stop listening at once, but the port stays open as long as the supervisor holds it:
    the system would accept for it, and nobody ever answer.
    """
    stop = SysHandler.quit

    def close_and_stop(handler: Any) -> None:
        handler.controller.arbiter.sockets.close_all()
        stop(handler)

    SysHandler.quit = close_and_stop
