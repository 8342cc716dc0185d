"""Memory that runs out, told by the numbers that ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from petrography.errors import ConfigurationError

__all__ = ["memory_told"]


@contextmanager
def memory_told(what: str, device: torch.device, remedy: str) -> Iterator[None]:
    """Say what asks for more memory than there is, instead of how many bytes.

    Parameters
    ----------
    what : str
        What is computed, as the beginning of a sentence.
    device : torch.device
        Where.
    remedy : str
        What to lower.

    Raises
    ------
    ConfigurationError
        In place of whatever torch raises when memory runs out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # On a CPU torch has no kind of its own for it.
        if not isinstance(error, (torch.OutOfMemoryError, MemoryError)) and (
            "allocate memory" not in str(error)
        ):
            raise
        msg = f"{what} does not fit into the memory of {device}; lower {remedy}"
        raise ConfigurationError(msg) from error
