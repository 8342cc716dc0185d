"""From what lies under one name of the models folder to the table in which it is served."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from petrography.errors import ConfigurationError, ModelCardError
from petrography.minisign import PublicKey
from service.repository.loaded_model import LoadedModel
from service.repository.model_folders import read_card, read_graph
from service.repository.served_models import Repository
from service.repository.traffic import Traffic, read_traffic

__all__ = ["NameChange", "NotServed", "change_of"]


@dataclass(frozen=True)
class NotServed:
    """Something of the models folder that is not, not yet or no longer served.

    Attributes
    ----------
    name : str
        The model.
    version : str or None
        Its folder; None where it is about all versions.
    state : {"loading", "refused", "draining"}
        Loading: found and not served yet. Refused: cannot be served as it is. Draining: was taken
        out, and requests that began before still use it.
    reason : str
        Why.
    """

    name: str
    version: str | None
    state: Literal["loading", "refused", "draining"]
    reason: str


@dataclass
class NameChange:
    """What became of one name.

    Attributes
    ----------
    repository : Repository
        The table to serve.
    models : Path
        The models folder, which reasons leave out: clients read them.
    loaded : list of (LoadedModel, float)
        What is new in it, and the seconds of warming it up.
    refused : list of NotServed
        What could not be taken over.
    may_pass : bool
        Whether a reason was of this machine, such as too many open files, and not of the model.
    """

    repository: Repository
    models: Path
    loaded: list[tuple[LoadedModel, float]] = field(default_factory=list)
    refused: list[NotServed] = field(default_factory=list)
    may_pass: bool = False

    def refuse(self, name: str, version: str | None, error: BaseException) -> None:
        """Take note of a reason."""
        reason = str(error).replace(f"{self.models}{os.sep}", "")
        self.refused.append(NotServed(name, version, "refused", reason))
        self.may_pass = self.may_pass or isinstance(error, OSError | MemoryError)


def change_of(
    repository: Repository,
    folder: Path,
    versions: Iterable[str],
    public_key: PublicKey | None,
    open_version: Callable[[Path], LoadedModel],
) -> NameChange:
    """Load, verify and warm what is new under a name, and make the table with it.

    A version never changes: one that is served and lies there with another card or graph is
    refused, and what is served stays. What cannot be taken over is left out, as little as
    possible of it, so that every table holds together.

    Parameters
    ----------
    repository : Repository
        What is served now.
    folder : Path
        ``models/<name>``.
    versions : iterable of str
        Names of the folders in it.
    public_key : PublicKey or None
        What everything must be signed with.
    open_version : callable
        Verifies and opens the model of one folder.
    """
    name = folder.name
    served = repository.versions(name)
    change = NameChange(repository, folder.parent)
    found: dict[int, LoadedModel] = {}
    for version in sorted(versions):
        try:
            model = _unchanged(served, folder / version, public_key)
            if model is None:
                model = open_version(folder / version)
                change.loaded.append((model, model.warm_up()))
        except Exception as error:  # noqa: BLE001 - a broken folder must not end what is served
            change.refuse(name, version, error)
            model = next((one for one in served.values() if str(one.card.version) == version), None)
        if model is not None:
            found[model.card.version] = model
    traffic = repository.traffic_of(name)
    try:
        stated = read_traffic(folder)
    except ConfigurationError as error:
        change.refuse(name, None, error)
        stated = traffic
    _take_over(change, name, found, stated)
    return change


def _unchanged(
    served: Mapping[int, LoadedModel], path: Path, public_key: PublicKey | None
) -> LoadedModel | None:
    """Find the model that is served from a folder; None if it is a new one."""
    card = read_card(path, public_key)
    model = served.get(card.version)
    if model is None:
        return None
    if model.card != card:
        msg = (
            f"{path} was altered while it is served, and a version never changes; wanted what was "
            "there, or a new version beside it"
        )
        raise ModelCardError(msg)
    read_graph(path, card, public_key)
    return model


def _take_over(
    change: NameChange, name: str, found: Mapping[int, LoadedModel], stated: Traffic | None
) -> None:
    """Make the table with as much of the change as holds together."""
    served, traffic = change.repository.versions(name), change.repository.traffic_of(name)
    reason: ConfigurationError | None = None
    for models, weights in (
        (found, stated),
        (found, traffic),
        ({**served, **found}, traffic),
    ):
        try:
            change.repository = change.repository.replaced(name, models.values(), weights)
        except ConfigurationError as error:
            reason = reason or error
        else:
            break
    else:
        change.loaded.clear()
    if reason is not None:
        change.refuse(name, None, reason)
