"""A guided filter for a network that was trained without one."""

from __future__ import annotations

import re

from petrography.errors import ConfigurationError
from training.config import read_config

__all__ = ["with_guided_filter"]

_HEADER = re.compile(r"(?m)^\[network\][ \t]*(?:#.*)?$")
_REFUSED = re.compile(r"(?m)^guided_filter[ \t]*=[ \t]*false.*\n")
_LINE = "guided_filter = true              # set at the export; trained without"


def with_guided_filter(config_toml: str) -> str:
    """Ask for a guided filter in the configuration of a run that had none.

    The text is what the card shows and what a model is reopened by, so it stays as it was written
    but for one line.

    Parameters
    ----------
    config_toml : str
        TOML of the run.

    Returns
    -------
    str
        The same with ``guided_filter = true`` under ``[network]``; unchanged where it has that.

    Raises
    ------
    ConfigurationError
        If the network cannot have one, or the text has no line ``[network]`` to put it under.
    """
    source = "the configuration of the checkpoint, with guided_filter"
    if read_config(config_toml, source=source).network.guided_filter:
        return config_toml
    config_toml = _REFUSED.sub("", config_toml)
    changed, found = _HEADER.subn(lambda header: f"{header[0]}\n{_LINE}", config_toml, count=1)
    if not found:
        msg = f"{source}, has no line [network]; wanted one, to ask for the filter under it"
        raise ConfigurationError(msg)
    read_config(changed, source=source)
    return changed
