"""One command of the command line, run in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

# From the words of a command to exit status, stdout and stderr.
Run: TypeAlias = Callable[..., tuple[int, str, str]]
