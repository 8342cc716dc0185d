"""The TOML of a run on its way to a model card and back: single lines are put in or taken out.

The text is what the card shows and what a model is reopened by, so the rest of it stays as it was
written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from petrography.errors import ConfigurationError
from petrography.model_card import ModelCard
from training.config import NetworkConfig, TrainingConfig, read_config

__all__ = ["config_of_card", "with_guided_filter", "without_folders"]

_GUIDED = "guided_filter = true              # set at the export; trained without"


def config_of_card(card: ModelCard, data_root: Path | None = None) -> TrainingConfig:
    """Read the configuration of the training that a card tells of.

    Parameters
    ----------
    card : ModelCard
        Of a model that was trained or made from one that was.
    data_root : Path, optional
        Where the images lie now; the card leaves out where they lay.

    Raises
    ------
    ConfigurationError
        If it is none of this version, or has no line ``[data]`` to put the folder under.
    """
    text = card.training.config_toml
    source = f"the training configuration on the card of {card.full_name}"
    if data_root is not None:
        line = f"root = {json.dumps(str(data_root.resolve()))}"
        text = _with_line(text, "data", line, source=source)
    return read_config(text, source=source)


def with_guided_filter(config_toml: str) -> str:
    """Ask for a guided filter in the configuration of a run that had none.

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
    refused = _without_fields(config_toml, ["guided_filter"])
    changed = _with_line(refused, "network", _GUIDED, source=f"{source},")
    read_config(changed, source=source)
    return changed


def without_folders(config_toml: str) -> str:
    """Drop where the data and the output lay: it concerns one machine and nobody else."""
    return _without_fields(config_toml, ("root", "output", *NetworkConfig.STARTS))


def _with_line(text: str, section: str, line: str, *, source: str) -> str:
    header = re.compile(rf"(?m)^[ \t]*\[[ \t]*{section}[ \t]*\][ \t]*(?:#.*)?$")
    changed, found = header.subn(lambda header: f"{header[0]}\n{line}", text, count=1)
    if not found:
        msg = f"{source} has no line [{section}]; wanted one, to put {line.split(maxsplit=1)[0]} under it"
        raise ConfigurationError(msg)
    return changed


def _without_fields(text: str, fields: Iterable[str]) -> str:
    return re.sub(rf"(?m)^[ \t]*(?:{'|'.join(fields)})[ \t]*=.*(?:\n|\Z)", "", text)
