"""With which status a command ends, and the one line on stderr that says why."""

from __future__ import annotations

import sys

__all__ = ["AT_FAULT", "DONE", "FAILED_VERIFICATION", "INTERRUPTED", "complain"]

# Those of a terminal: file names, which messages tell, may hold any.
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), "\N{REPLACEMENT CHARACTER}")

# What was checked is not right; the input, the settings or the installation is at fault; 130 is
# what a shell makes of an interrupt.
DONE, FAILED_VERIFICATION, AT_FAULT, INTERRUPTED = 0, 1, 2, 130


def complain(message: str, status: int = AT_FAULT) -> int:
    """Say on one line of stderr what is at fault; returns the exit status."""
    on_one_line = " ".join(message.split())
    print(f"petroserve: {on_one_line.translate(_CONTROLS)}", file=sys.stderr)
    return status
