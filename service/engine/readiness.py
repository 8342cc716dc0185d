"""The models of a process from loading to stopping, and whether work can be taken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from petrography.errors import NotReadyError
from service.engine.auditing import Auditing
from service.repository import LoadedModel, Repository, open_repository
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
        self._repository: Repository | None = None
        self._not_ready = "the models are being loaded"
        self._alive = True

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Load the models and warm them in the background; let them go after the block.

        Raises
        ------
        ConfigurationError, ModelCardError
            If a model folder is broken or the hardware is not there.
        """
        repository = await asyncio.to_thread(
            open_repository, self._settings, self._telemetry.observe_tile_batch
        )
        warming = asyncio.create_task(self._warm_up(repository))
        warming.add_done_callback(self._end_of_warm_up)
        try:
            yield
        finally:
            self._not_ready = "the service is stopping"
            self._repository = None
            await asyncio.wait([warming])

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
        if any(model.opened.provider != "cpu" for model in repository):
            self._scheduler.prepare_ahead()
        self._repository = repository

    def _end_of_warm_up(self, warming: asyncio.Task[None]) -> None:
        if error := warming.exception():
            # The process is of no use, and its supervisor learns it from liveness.
            self._alive = False
            self._not_ready = "a model could not be warmed up; the log says why"
            _log.error("warm-up failed", exc_info=error)

    def _warm_up_model(self, model: LoadedModel) -> None:
        seconds = model.warm_up()
        card = model.card
        self._audit.model_loaded(card, model.card_sha256, model.opened.provider)
        name, version = card.name, str(card.version)
        self._telemetry.model_info.labels(
            name, version, card.onnx_sha256, model.opened.provider
        ).set(1)
        self._telemetry.model_load_seconds.labels(name, version).set(model.load_seconds + seconds)
        _log.info("%s:%s is warm on %s", name, version, model.opened.provider)
