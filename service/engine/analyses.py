"""The engine: everything that the service does, for every protocol.

It knows no protocol. HTTP (and whatever comes beside it) translates a request into `analyse` and
an error into a status.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from petrography.errors import InputError, NotReadyError
from petrography.pipeline import AnalysisRequest
from service.engine.admission import Admission
from service.engine.artefact_store import ArtefactStore
from service.engine.one_image import analyse_image, software_versions
from service.repository import LoadedModel, Repository, open_repository
from service.settings import Settings
from service.telemetry import Telemetry

__all__ = ["Engine", "FinishedAnalysis"]

_log = logging.getLogger("petroserve.engine")


@dataclass(frozen=True)
class FinishedAnalysis:
    """An analysis that is kept: its id and the content of its ``result.json``."""

    analysis_id: str
    result_json: bytes


@dataclass(frozen=True, eq=False)
class _Task:
    """One analysis on its way through the thread."""

    image: BinaryIO
    request: AnalysisRequest
    model: LoadedModel
    href_root: str
    stop: threading.Event = field(default_factory=threading.Event)

    def stop_if_wanted(self) -> None:
        """Leave the work when its awaiting task was cancelled."""
        if self.stop.is_set():
            msg = "nobody waits for this analysis any more"
            raise CancelledError(msg)


class Engine:
    """Models, admission and artefacts of one service process.

    Parameters
    ----------
    settings : Settings
        Everything that can be set.
    telemetry : Telemetry
        Told what happens.

    Attributes
    ----------
    admission : Admission
        A protocol takes a place there before it reads an image; `analyse` waits for its turn.
    store : ArtefactStore
        The finished analyses.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self.settings = settings
        self.telemetry = telemetry
        self.store = ArtefactStore(
            settings.artefacts_folder,
            max_count=settings.artefacts_max_count,
            max_bytes=settings.artefacts_max_bytes,
        )
        self.admission = Admission(
            concurrent=settings.concurrent_analyses,
            queue_length=settings.queue_length,
            telemetry=telemetry,
        )
        self._threads = ThreadPoolExecutor(
            max_workers=settings.concurrent_analyses, thread_name_prefix="analysis"
        )
        self._repository: Repository | None = None
        self._not_ready = "the models are being loaded"
        self._alive = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the models, warm them in the background, and serve for the length of the block.

        Raises
        ------
        ConfigurationError, ModelCardError
            If a model folder is broken or the hardware is not there: nothing is served then.
        """
        self.store.open_folder()
        repository = await asyncio.to_thread(
            open_repository, self.settings, self.telemetry.observe_tile_batch
        )
        warming = asyncio.create_task(self._warm_up(repository))
        warming.add_done_callback(self._end_of_warm_up)
        try:
            yield
        finally:
            self._not_ready = "the service is stopping"
            self._repository = None
            await asyncio.wait([warming])
            self._threads.shutdown()
            self.telemetry.close()

    async def _warm_up(self, repository: Repository) -> None:
        self._not_ready = "the models are being warmed up"
        for model in repository:
            await asyncio.to_thread(self._warm_up_model, model)
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
        name, version = card.name, str(card.version)
        self.telemetry.model_info.labels(
            name, version, card.onnx_sha256, model.opened.provider
        ).set(1)
        self.telemetry.model_load_seconds.labels(name, version).set(model.load_seconds + seconds)
        _log.info("%s:%s is warm on %s", name, version, model.opened.provider)

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
        """Check that analyses can be taken.

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

    @property
    def version(self) -> str:
        """Version of this software."""
        return software_versions().get("petroserve", "not installed")

    async def analyse(
        self, image: BinaryIO, request: AnalysisRequest, *, href_root: str = ""
    ) -> FinishedAnalysis:
        """Analyse one image and keep the result.

        Cancelling the awaiting task stops the work at the next tile; the call returns only when
        its thread has stopped, so that a cancelled analysis never runs beside the next.

        Parameters
        ----------
        image : binary file
            The encoded image; read when its turn has come.
        request : AnalysisRequest
            What is wanted.
        href_root : str
            Where the protocol shows analyses; the result names its files below it.

        Raises
        ------
        InputError
            If image or request cannot be analysed.
        NotReadyError
            If the service is starting or stopping.
        """
        model = self.repository.get(request.model)
        outcome = "failed"
        try:
            async with self.admission.turn():
                finished = await self._in_thread(_Task(image, request, model, href_root))
            outcome = "done"
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except InputError:
            # The fault of the client: nothing that an operator has to look after.
            outcome = "refused"
            raise
        finally:
            name = f"{model.card.name}:{model.card.version}"
            self.telemetry.analyses.labels(name, outcome).inc()
        return finished

    async def _in_thread(self, task: _Task) -> FinishedAnalysis:
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, self._analyse_and_keep, task
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            task.stop.set()
            await asyncio.wait([work])
            raise

    def _analyse_and_keep(self, task: _Task) -> FinishedAnalysis:
        analysis_id = str(uuid.uuid4())
        analysis = analyse_image(
            task.image.read(),
            task.request,
            task.model,
            settings=self.settings,
            analysis_id=analysis_id,
            href_prefix=f"{task.href_root}/{analysis_id}/",
            on_stage=lambda stage, seconds: self._on_stage(task, stage, seconds),
            on_progress=lambda _done, _total: task.stop_if_wanted(),
        )
        task.stop_if_wanted()
        self.store.publish(analysis_id, analysis.artefacts)
        return FinishedAnalysis(analysis_id, analysis.artefacts["result.json"])

    def _on_stage(self, task: _Task, stage: str, seconds: float) -> None:
        self.telemetry.observe_stage(stage, seconds)
        task.stop_if_wanted()
