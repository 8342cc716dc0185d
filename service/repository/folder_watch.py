"""The models folder while it is served: what changed is loaded, warmed, and then switched in.

One look after the other compares the folder with what is served. A name is taken up when two looks
found the same files under it, so that nothing is loaded that is still being copied; whatever it is,
it is verified as at the start. Requests keep the model that they began with: one that was taken
out is freed with its last request.
"""

from __future__ import annotations

import logging
import weakref
from dataclasses import dataclass
from pathlib import Path

from petrography.errors import ConfigurationError
from petrography.model_card import ModelCard
from service.repository.fingerprints import Fingerprint, fingerprints
from service.repository.loaded_model import LoadedModel, ObserveModel
from service.repository.model_folders import open_model, read_card
from service.repository.name_change import NameChange, NotServed, change_of
from service.repository.opening import follow_bucket, mirror_of, open_models
from service.repository.served_models import Repository
from service.repository.traffic import TRAFFIC_FILE
from service.settings import Settings
from service.signed_files import read_public_key

__all__ = ["Changes", "FolderWatch"]

_log = logging.getLogger("petroserve.models")


@dataclass(frozen=True)
class Changes:
    """What a look changed.

    Attributes
    ----------
    repository : Repository
        The table to serve from now on.
    loaded : tuple of (LoadedModel, float)
        What is new, and the seconds of warming it up.
    removed : tuple of (ModelCard, str)
        What is no longer served, and where it ran; the models themselves are not held.
    refused : int
        What was refused in this look.
    """

    repository: Repository
    loaded: tuple[tuple[LoadedModel, float], ...]
    removed: tuple[tuple[ModelCard, str], ...]
    refused: int


class FolderWatch:
    """A models folder that is looked at again and again, by one thread at a time.

    Parameters
    ----------
    settings : Settings
        As for `open_repository`.
    observe : callable, optional
        Told provider, number of tiles, seconds and model of every run of a network.
    """

    def __init__(self, settings: Settings, observe: ObserveModel | None = None) -> None:
        self._settings, self._observe = settings, observe
        self._mirror = mirror_of(settings)
        self._repository: Repository | None = None
        self._settled: dict[str, Fingerprint] = {}
        self._seen: dict[str, Fingerprint] = {}
        self._loading: tuple[NotServed, ...] = ()
        self._refused: dict[str, tuple[NotServed, ...]] = {}
        self._leaving: tuple[tuple[ModelCard, weakref.ref[LoadedModel]], ...] = ()
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why the folder as a whole cannot be looked at; what was loaded is served on."""
        return self._problem

    def open(self) -> Repository:
        """Verify and open everything, as at the start.

        Raises
        ------
        ConfigurationError, ModelCardError
            See `open_repository`.
        """
        if self._mirror is not None:
            self._problem = follow_bucket(self._mirror, self._settings)
        folder = self._settings.served_models_folder
        # Before anything is read: what is written meanwhile is then seen as a change.
        settled = fingerprints(folder) if folder.is_dir() else {}
        self._repository = open_models(self._settings, self._observe)
        self._settled = self._seen = settled
        return self._repository

    def look(self, *, at_once: bool = False) -> Changes | None:
        """Compare the folder with what is served, and load what is new.

        Parameters
        ----------
        at_once : bool
            Somebody says that everything is complete: do not wait for a second look, and try
            again what was refused.

        Returns
        -------
        Changes or None
            None if everything is served as before; what was refused is in `not_served`.
        """
        before = self._repository or self.open()
        now = self._found()
        if now is None:
            return None
        loaded: list[tuple[LoadedModel, float]] = []
        refused = 0
        for name in self._ready_names(now, at_once=at_once):
            change = self._take_up(name, now.get(name, {}))
            self._repository = change.repository
            loaded += change.loaded
            refused += len(change.refused)
        self._seen = now
        after = self._repository or before
        if after is before and not refused:
            return None
        return Changes(after, tuple(loaded), self._let_go(before, after), refused)

    def _found(self) -> dict[str, Fingerprint] | None:
        """Follow the bucket, where there is one, and tell what lies in the folder."""
        problem = None
        try:
            if self._mirror is not None:
                problem = follow_bucket(self._mirror, self._settings)
            now = fingerprints(self._settings.served_models_folder)
        except (OSError, ConfigurationError) as error:
            self._tell_problem(f"the models folder cannot be read: {error}")
            return None
        self._tell_problem(problem)
        return now

    def not_served(self) -> tuple[NotServed, ...]:
        """Tell what is not, not yet or no longer served; may be asked by any thread."""
        draining = tuple(
            NotServed(card.name, str(card.version), "draining", "requests that began before use it")
            for card, model in self._leaving
            if model() is not None
        )
        refused = (one for of_name in tuple(self._refused.values()) for one in of_name)
        left_out = () if self._mirror is None else self._mirror.refused
        return (*self._loading, *refused, *left_out, *draining)

    def _ready_names(self, now: dict[str, Fingerprint], *, at_once: bool) -> list[str]:
        """Choose the names that changed, and have not changed since the look before."""
        changed = [
            name
            for name in sorted({*now, *self._settled})
            if now.get(name, {}) != self._settled.get(name, {})
            or (at_once and name in self._refused)
        ]
        ready = [name for name in changed if at_once or now.get(name) == self._seen.get(name)]
        self._loading = tuple(
            NotServed(name, version, "loading", _why_loading(waits=name not in ready))
            for name in changed
            for version, found in now.get(name, {}).items()
            if version != TRAFFIC_FILE and found != self._settled.get(name, {}).get(version)
        )
        return ready

    def _take_up(self, name: str, found: Fingerprint) -> NameChange:
        repository = self._repository or self.open()
        key = read_public_key(self._settings.models_public_key)

        def open_version(path: Path) -> LoadedModel:
            return open_model(path, read_card(path, key), self._settings, self._observe, key)

        change = change_of(
            repository,
            self._settings.served_models_folder / name,
            [version for version in found if version != TRAFFIC_FILE],
            key,
            open_version,
        )
        if not change.may_pass:
            # Otherwise the next look tries again.
            self._settled = {**self._settled, name: found}
        self._loading = tuple(one for one in self._loading if one.name != name)
        self._refused = {other: why for other, why in self._refused.items() if other != name}
        if change.refused:
            self._refused = {**self._refused, name: tuple(change.refused)}
        for one in change.refused:
            _log.error("%s:%s is refused: %s", one.name, one.version or "*", one.reason)
        return change

    def _let_go(self, before: Repository, after: Repository) -> tuple[tuple[ModelCard, str], ...]:
        """Remember what was taken out for as long as somebody uses it."""
        kept = {id(model) for model in after}
        gone = [model for model in before if id(model) not in kept]
        still = tuple(one for one in self._leaving if one[1]() is not None)
        self._leaving = (*still, *((model.card, weakref.ref(model)) for model in gone))
        for model in gone:
            name = model.card.full_name
            # Not at the end of the process, when nothing is drained any more.
            weakref.finalize(model, _log.info, "%s is drained", name).atexit = False
        return tuple((model.card, model.opened.provider) for model in gone)

    def _tell_problem(self, problem: str | None) -> None:
        if problem is not None and problem != self._problem:
            _log.error("%s; what was loaded is served on", problem)
        self._problem = problem


def _why_loading(*, waits: bool) -> str:
    if waits:
        return "found; taken up when the next look finds the same files"
    return "being verified and warmed up"
