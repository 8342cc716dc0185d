"""The engine: everything that the service does, for every protocol.

It knows no protocol: each translates a request into a call here and an error into a status.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from petrography.image_codec import ImageLimits
from petrography.pipeline import AnalysisRequest, require_possible
from petrography.version import installed_version
from service.catalogue import Catalogue, database_url
from service.engine.analysing import Analyses, Finished
from service.engine.annotations import Annotations
from service.engine.auditing import Auditing
from service.engine.barcodes import read_barcode_patterns
from service.engine.carrying_out import Workers, counted
from service.engine.course import AnalysisEvent, Course
from service.engine.dividing import model_for
from service.engine.estimating import Estimate, EstimateRequest, estimate
from service.engine.image_priority import priority_of, required_size, size_if_known, with_scale_of
from service.engine.imaging import Imaging
from service.engine.imaging_work import ImagingWork
from service.engine.observing import count_degradations
from service.engine.one_image import image_limits
from service.engine.opening_store import open_store
from service.engine.readiness import Readiness
from service.engine.recorded_analyses import RecordedAnalyses
from service.engine.source_files import Readable, encoded_in
from service.repository import LoadedModel, Repository
from service.runtime import Priority, TileScheduler
from service.settings import Settings
from service.telemetry import Telemetry

__all__ = ["Engine", "Finished"]


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
        A protocol takes a place there before it reads a body; work waits for its turn.
    store : ArtefactStore
        The finished results.
    readiness : Readiness
        The models, and how their folder is followed.
    imaging : Imaging
        Calibrations, registrations, panoramas and evaluations.
    annotations : Annotations
        Strokes on photographs.
    recorded : RecordedAnalyses
        Who asked for which analysis, and what became of it.
    scheduler : TileScheduler
        Orders the tiles of all requests.
    barcodes : BarcodePatterns
        What barcodes of samples look like.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self.settings = settings
        self.telemetry = telemetry
        count_degradations(telemetry)
        self.audit = Auditing(settings)
        self.store = open_store(settings, self.audit.removed)
        self.recorded = RecordedAnalyses(Catalogue(database_url(settings)), self.store)
        self.workers = Workers(settings, telemetry)
        self.admission = self.workers.admission
        self.scheduler = TileScheduler(telemetry)
        self.barcodes = read_barcode_patterns(settings)
        self._analyses = Analyses(settings, self.store, self.scheduler, self.audit, self.barcodes)
        self.readiness = Readiness(settings, telemetry, self.scheduler, self.audit)
        work = ImagingWork(
            settings, telemetry, self.recorded, self.audit, self.workers, self.readiness
        )
        self.imaging = Imaging(work, self._analyses)
        self.annotations = Annotations(work, self.barcodes)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the models, warm them in the background, and serve for the length of the block.

        Raises
        ------
        ConfigurationError, ModelCardError
            If model folder or matcher is broken or hardware is missing: nothing is served then.
        """
        self.store.open_folder()
        self.audit.started(self.version)
        await asyncio.to_thread(self.recorded.catalogue.open)
        self.imaging.open_matcher()
        try:
            async with self.readiness.held():
                yield
        finally:
            self.workers.close()
            self.store.close()
            self.recorded.catalogue.close()
            self.scheduler.close()
            self.telemetry.close()
            self.audit.stopped()

    @property
    def repository(self) -> Repository:
        """The models.

        Raises
        ------
        NotReadyError
            Until every model is warm, and while stopping.
        """
        return self.readiness.repository

    def require_ready(self) -> None:
        """Check that work can be taken.

        Raises
        ------
        NotReadyError
            Until every model is warm, and while stopping.
        """
        self.readiness.require_ready()

    def require_alive(self) -> None:
        """Check that the process can still become, or stay, ready.

        Raises
        ------
        NotReadyError
            If it must be started anew.
        """
        self.readiness.require_alive()

    @property
    def version(self) -> str:
        """Version of this software."""
        return installed_version()

    @property
    def limits(self) -> ImageLimits:
        """Limits of every image."""
        return image_limits(self.settings)

    async def analyse(
        self,
        image: Readable,
        request: AnalysisRequest,
        *,
        parts: Mapping[str, Readable] | None = None,
        href_root: str = "",
        priority: Priority | None = None,
        tenant: str = "",
        owner: str = "",
        analysis_id: str | None = None,
        model: LoadedModel | None = None,
        model_version: str | None = None,
        on_event: Callable[[AnalysisEvent], object] | None = None,
    ) -> Finished:
        """Analyse one image and keep the result.

        Parameters
        ----------
        image : Readable
            The encoded image; read when its turn has come.
        request : AnalysisRequest
            What is wanted.
        parts : mapping of str to Readable, optional
            The files that the request names, views and region, by their parts.
        href_root : str
            Where the protocol shows analyses; the result names its files below it.
        priority : {"interactive", "bulk"}, optional
            Overrules what follows from the size of the image.
        tenant : str
            Whose request it is: turns are shared evenly between tenants.
        owner : str
            The tenant whose results this one may use and who will find it; empty without API keys.
        analysis_id : str, optional
            Under which it is kept; repeating an analysis under its id keeps the first.
        model : LoadedModel, optional
            That was chosen before; it may have been replaced meanwhile.
        model_version : str, optional
            NAME:VERSION that was chosen before. Without either: the model that the request means now.
        on_event : callable, optional
            Told how far the analysis is, in the thread of the analysis.

        Raises
        ------
        InputError
            If image or request cannot be analysed.
        NotReadyError
            If the service is starting or stopping.
        """
        if model is None:
            model = await model_for(self.repository, model_version or request.model, [image])
        self.require_ready()
        readers = {part: file.read for part, file in (parts or {}).items()}
        name = model.card.full_name
        with counted(lambda outcome: self.telemetry.analyses.labels(name, outcome).inc()):
            shape = await asyncio.to_thread(size_if_known, image)
            chosen = priority or priority_of(shape, self.settings)
            prepared = await self._analyses.prepared(
                request,
                model,
                href_root=href_root,
                parts=readers,
                priority=chosen,
                tenant=tenant,
                owner=owner,
                analysis_id=analysis_id,
            )
            expected_s = None
            if shape is not None:
                scaled = await asyncio.to_thread(with_scale_of, image, request)
                expected = await asyncio.to_thread(self._expected, shape, scaled, model)
                expected_s = expected.seconds

            def work(course: Course) -> Finished:
                limit = self.settings.max_image_bytes
                return prepared.run(partial(encoded_in, file=image), course, max_image_bytes=limit)

            carry_out = partial(self.workers.carry_out, priority=chosen, expected_s=expected_s)
            return await carry_out(work, tenant=tenant, on_event=on_event)

    async def estimate(self, request: EstimateRequest, image: Readable | None) -> Estimate:
        """Tell what an analysis would take.

        Parameters
        ----------
        request : EstimateRequest
            What would be asked.
        image : Readable or None
            The begin of the image; without it the request states its size.

        Raises
        ------
        InputError
            If the size is not stated, or image or request would be refused.
        NotReadyError
            If the service is starting or stopping.
        """
        model = self.repository.get(request.model)
        require_possible(request, model.card)
        shape = await asyncio.to_thread(required_size, request, image)
        scaled = await asyncio.to_thread(with_scale_of, image, request)
        return await asyncio.to_thread(self._expected, shape, scaled, model)

    def _expected(
        self, shape: tuple[int, int], request: AnalysisRequest, model: LoadedModel
    ) -> Estimate:
        wait_s = self.admission.expected_wait_s(priority_of(shape, self.settings))
        rate = self._analyses.other_rate
        return estimate(shape, request, model, self.settings, rate, queue_wait_s=wait_s)
