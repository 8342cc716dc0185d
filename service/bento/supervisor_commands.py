"""The process that supervises the workers takes signals only, no commands.

The library behind it listens on two ports of the loopback address, where it does whatever anybody
on the machine, or in the same pod, sends: stop a worker, or run a program as the user that the
service runs as. Ports that are found free and bound later may also be another's by then.
"""

from __future__ import annotations

from typing import Any

from circus.arbiter import Arbiter

__all__ = ["take_no_commands"]


def take_no_commands() -> None:
    """Let a supervisor that is made from now on listen within its own process, where nobody asks.

    One with plugins, which are processes that it does talk to, stays as it is: BentoML starts such
    a one to try a service out (`--reload`).
    """
    make = Arbiter.__init__

    def make_deaf(
        arbiter: Any, watchers: Any, endpoint: str, pubsub_endpoint: str, **how: Any
    ) -> None:
        if not how.get("plugins"):
            endpoint, pubsub_endpoint = "inproc://commands", "inproc://events"
        make(arbiter, watchers, endpoint, pubsub_endpoint, **how)

    Arbiter.__init__ = make_deaf
