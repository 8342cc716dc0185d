"""The models of a process from loading to stopping, and whether work can be taken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from petrography.errors import NotReadyError
from service.engine.auditing import Auditing
from service.engine.reloading import Reloading
from service.repository import Changes, FolderWatch, LoadedModel, NotServed, Repository
from service.runtime import TileScheduler
from service.settings import Settings
from service.telemetry import Telemetry

__all__ = ["Readiness"]

_log = logging.getLogger("petroserve.engine")


class Readiness:
    """Loads and warms the models, and says how far that is.

    Parameters
    ----------
    settings : Settings
        Where the models are and where they run.
    telemetry : Telemetry
        Told about the models.
    scheduler : TileScheduler
        Told where they run.
    audit : Auditing
        Puts on record which are served.
    """

    def __init__(
        self,
        settings: Settings,
        telemetry: Telemetry,
        scheduler: TileScheduler,
        audit: Auditing,
    ) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._scheduler = scheduler
        self._audit = audit
        self._watch = FolderWatch(settings, telemetry.observe_tile_batch)
        self._reloading = Reloading(self._watch, settings.models_reload_s, self._take_over)
        self._repository: Repository | None = None
        self._not_ready = "the models are being loaded"
        self._alive, self._stopping, self._told_to_stop = True, False, False

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Load the models, warm them in the background, and then follow the models folder.

        After the block they are let go.

        Raises
        ------
        ConfigurationError, ModelCardError
            If a model folder is broken or the hardware is not there.
        """
        repository = await asyncio.to_thread(self._watch.open)
        warming = asyncio.create_task(self._warm_up(repository))
        del repository
        warming.add_done_callback(self._end_of_warm_up)
        try:
            yield
        finally:
            self._not_ready = "the service is stopping"
            self._repository, self._stopping = None, True
            await asyncio.wait([warming])
            await self._reloading.end()

    def reload(self) -> None:
        """Look at the models folder soon, and take what is there as complete."""
        self._reloading.ask()

    def tell_to_stop(self) -> None:
        """Let go of those who wait for what need not happen in this process: the server waits."""
        self._told_to_stop = True

    @property
    def is_told_to_stop(self) -> bool:
        """Whether the process ends as soon as what is being answered is finished."""
        return self._told_to_stop

    @property
    def not_served(self) -> tuple[NotServed, ...]:
        """What of the models folder is not, not yet or no longer served."""
        return self._watch.not_served()

    @property
    def models_problem(self) -> str | None:
        """Why the models folder cannot be followed."""
        return self._watch.problem or self._reloading.problem

    @property
    def repository(self) -> Repository:
        """The models.

        Raises
        ------
        NotReadyError
            Until every model is warm, and while stopping.
        """
        if self._repository is None:
            raise NotReadyError(self._not_ready)
        return self._repository

    def require_ready(self) -> None:
        """Check that work can be taken.

        Raises
        ------
        NotReadyError
            Until every model is warm, and while stopping.
        """
        if self._repository is None:
            raise NotReadyError(self._not_ready)

    def require_alive(self) -> None:
        """Check that the process can still become, or stay, ready.

        Raises
        ------
        NotReadyError
            If it must be started anew.
        """
        if not self._alive:
            raise NotReadyError(self._not_ready)

    async def _warm_up(self, repository: Repository) -> None:
        self._not_ready = "the models are being warmed up"
        for model in repository:
            await asyncio.to_thread(self._warm_up_model, model)
            if self._stopping:
                return
        if any(model.opened.provider != "cpu" for model in repository):
            self._scheduler.prepare_ahead()
        self._repository = repository
        self._reloading.begin()

    async def _take_over(self, changes: Changes) -> None:
        """Let requests from now on find what a look at the folder made.

        Raises
        ------
        AuditUnavailableError
            If it cannot be put on record; it is not done then, and may be asked for again.
        """
        await asyncio.to_thread(self._record, changes)
        if self._stopping:
            return
        self._repository = changes.repository
        self._telemetry.models_refused.set(
            sum(one.state == "refused" for one in self._watch.not_served())
        )
        for outcome, count in (
            ("loaded", len(changes.loaded)),
            ("removed", len(changes.removed)),
            ("refused", changes.refused),
        ):
            self._telemetry.model_changes.labels(outcome).inc(count)
        for model, seconds in changes.loaded:
            self._tell_warm(model, seconds)
        for card, provider in changes.removed:
            name, version = card.name, str(card.version)
            self._telemetry.model_info.labels(name, version, card.onnx_sha256, provider).set(0)
            _log.info("%s:%s is no longer served", name, version)

    def _record(self, changes: Changes) -> None:
        for model, _ in changes.loaded:
            self._audit.model_loaded(model.card, model.card_sha256, model.opened.provider)
        for card, provider in changes.removed:
            self._audit.model_removed(card, provider)

    def _end_of_warm_up(self, warming: asyncio.Task[None]) -> None:
        if error := warming.exception():
            # The process is of no use, and its supervisor learns it from liveness.
            self._alive = False
            self._not_ready = "a model could not be warmed up; the log says why"
            _log.error("warm-up failed", exc_info=error)

    def _warm_up_model(self, model: LoadedModel) -> None:
        seconds = model.warm_up()
        self._audit.model_loaded(model.card, model.card_sha256, model.opened.provider)
        self._tell_warm(model, seconds)

    def _tell_warm(self, model: LoadedModel, seconds: float) -> None:
        card = model.card
        name, version = card.name, str(card.version)
        self._telemetry.model_info.labels(
            name, version, card.onnx_sha256, model.opened.provider
        ).set(1)
        self._telemetry.model_load_seconds.labels(name, version).set(model.load_seconds + seconds)
        _log.info("%s:%s is warm on %s", name, version, model.opened.provider)
