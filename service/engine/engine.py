"""The engine: everything that the service does, for every protocol.

It knows no protocol. HTTP (and whatever comes beside it) translates a request into a call here
and an error into a status.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

from petrography.calibration import Corrections
from petrography.errors import InputError
from petrography.image_codec import ImageLimits
from petrography.pipeline import AnalysisRequest, InParts, ViewReaders, require_possible
from petrography.stitching import Matcher
from service.engine.admission import Admission
from service.engine.artefact_store import ArtefactStore
from service.engine.calibrating import CalibrationRequest, calibrate
from service.engine.course import Course
from service.engine.documents import document_bytes
from service.engine.kept_analysis import MapImage, analyse_and_keep
from service.engine.kinds import CALIBRATIONS, PANORAMAS, REGISTRATIONS, Kind
from service.engine.one_image import software_versions
from service.engine.readiness import Readiness
from service.engine.registering import RegistrationRequest, register_files
from service.engine.scratch_files import ScratchFiles
from service.engine.source_files import NamedFile, Readable, encoded_in
from service.engine.stitching import PANORAMA_FILE, PanoramaRequest, stitch_panorama
from service.engine.stored_corrections import stored_corrections, stored_optics
from service.repository import Repository
from service.runtime import open_matcher
from service.settings import Settings
from service.telemetry import Telemetry

__all__ = ["Engine", "Finished"]

T = TypeVar("T")
# From what maps an encoded image, the course of the work, the most bytes of the image, None for one of our
# own making, and what joins its map from parts, to the analysis that is kept.
_Analyse: TypeAlias = Callable[[MapImage, Course, int | None, InParts | None], "Finished"]


@dataclass(frozen=True)
class Finished:
    """A result that is kept: its id and the content of its document."""

    result_id: str
    document: bytes


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
        A protocol takes a place there before it reads a body; `carry_out` waits for its turn.
    store : ArtefactStore
        The finished results.
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
            max_workers=settings.concurrent_analyses, thread_name_prefix="work"
        )
        self._readiness = Readiness(settings, telemetry)
        self._matcher: Matcher | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the models, warm them in the background, and serve for the length of the block.

        Raises
        ------
        ConfigurationError, ModelCardError
            If a model folder or the matcher is broken or the hardware is not there: nothing is
            served then.
        """
        self.store.open_folder()
        if self.settings.panorama_matcher is not None:
            self._matcher = open_matcher(self.settings.panorama_matcher, self.settings)
        try:
            async with self._readiness.held():
                yield
        finally:
            self._threads.shutdown()
            self.telemetry.close()

    @property
    def repository(self) -> Repository:
        """The models.

        Raises
        ------
        NotReadyError
            Until every model is warm, and while stopping.
        """
        return self._readiness.repository

    def require_ready(self) -> None:
        """Check that work can be taken.

        Raises
        ------
        NotReadyError
            Until every model is warm, and while stopping.
        """
        self._readiness.require_ready()

    def require_alive(self) -> None:
        """Check that the process can still become, or stay, ready.

        Raises
        ------
        NotReadyError
            If it must be started anew.
        """
        self._readiness.require_alive()

    @property
    def version(self) -> str:
        """Version of this software."""
        return software_versions().get("petroserve", "not installed")

    @property
    def limits(self) -> ImageLimits:
        """Limits of every image."""
        return ImageLimits(
            max_bytes=self.settings.max_image_bytes, max_pixels=self.settings.max_image_pixels
        )

    async def analyse(
        self,
        image: Readable,
        request: AnalysisRequest,
        *,
        views: Mapping[str, Readable] | None = None,
        href_root: str = "",
    ) -> Finished:
        """Analyse one image and keep the result.

        Parameters
        ----------
        image : Readable
            The encoded image; read when its turn has come.
        request : AnalysisRequest
            What is wanted.
        views : mapping of str to Readable, optional
            Those that the request describes, by their parts.
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
        readers = {part: view.read for part, view in (views or {}).items()}
        analyse = await self._prepared(request, href_root, readers)

        def work(course: Course) -> Finished:
            mapped = partial(encoded_in, file=image)
            return analyse(mapped, course, self.settings.max_image_bytes, None)

        name = f"{model.card.name}:{model.card.version}"
        return await self.carry_out(
            work, count=lambda outcome: self.telemetry.analyses.labels(name, outcome).inc()
        )

    async def calibrate(
        self,
        images: Sequence[NamedFile],
        labels: Sequence[NamedFile],
        request: CalibrationRequest,
        *,
        dark: Sequence[NamedFile] = (),
    ) -> Finished:
        """Fit a calibration and keep it under the digest of its content.

        Parameters
        ----------
        images, labels, dark : sequence of NamedFile
            See `service.engine.calibrating.calibrate`.
        request : CalibrationRequest
            What is wanted.

        Raises
        ------
        InputError
            If images, labels or request cannot be used.
        NotReadyError
            If the service is starting or stopping.
        """

        def work(course: Course) -> Finished:
            calibration_id, files = calibrate(
                images, labels, dark, request, limits=self.limits, course=course
            )
            course.go_on()
            self.store.keep(CALIBRATIONS, calibration_id, files)
            return Finished(calibration_id, files[CALIBRATIONS.document])

        return await self._image(CALIBRATIONS, work)

    async def register(
        self,
        reference: NamedFile,
        views: Sequence[NamedFile],
        request: RegistrationRequest,
    ) -> Finished:
        """Lay views over a reference and keep them.

        Parameters
        ----------
        reference : NamedFile
            What the views are laid over.
        views : sequence of NamedFile
            Photographs of the same place, each with a name of its own.
        request : RegistrationRequest
            What is known of the views.

        Raises
        ------
        InputError
            If an image or the request cannot be used, or a view does not fit with certainty.
        NotReadyError
            If the service is starting or stopping.
        """

        def work(course: Course) -> Finished:
            with self.store.draft(REGISTRATIONS) as draft:
                registration = register_files(
                    reference,
                    views,
                    request,
                    draft,
                    str(uuid.uuid4()),
                    limits=self.limits,
                    course=course,
                )
                document = document_bytes(registration)
                draft.write(REGISTRATIONS.document, document)
                course.go_on()
                self.store.publish(REGISTRATIONS, registration.id, draft)
            return Finished(registration.id, document)

        return await self._image(REGISTRATIONS, work)

    async def stitch(
        self,
        fields: Sequence[NamedFile],
        flat_field: NamedFile | None,
        request: PanoramaRequest,
        *,
        href_root: str = "",
    ) -> Finished:
        """Join fields to a panorama and keep it; analyse it if that is wanted.

        Parameters
        ----------
        fields : sequence of NamedFile
            Overlapping photographs of a section, each with a name of its own.
        flat_field : NamedFile or None
            A measured flat field.
        request : PanoramaRequest
            What is wanted.
        href_root : str
            Where the protocol shows analyses.

        Raises
        ------
        InputError
            If fields or request cannot be used, or nothing fits together with certainty.
        NotReadyError
            If the service is starting or stopping.
        """
        analyse: _Analyse | None = None
        if request.analysis is not None:
            analyse = await self._prepared(request.analysis, href_root)
        ids = request.optics_ids()
        stored = Corrections()
        if any(ids):
            stored = await asyncio.to_thread(stored_optics, self.store, *ids)

        def work(course: Course) -> Finished:
            with self.store.draft(PANORAMAS) as draft:
                made = stitch_panorama(
                    fields,
                    flat_field,
                    request,
                    stored,
                    draft,
                    limits=self.limits,
                    max_px=self.settings.max_panorama_pixels,
                    matcher=self._matcher,
                    course=course,
                )
                analysis_id = None
                if analyse is not None:
                    drawn = partial(ScratchFiles.view, path=draft.path(PANORAMA_FILE))
                    parts = made.in_parts(request)
                    analysis_id = analyse(drawn, course, None, parts).result_id
                panorama_id = str(uuid.uuid4())
                document = made.document(panorama_id, analysis_id)
                draft.write(PANORAMAS.document, document)
                course.go_on()
                self.store.publish(PANORAMAS, panorama_id, draft)
            return Finished(panorama_id, document)

        return await self._image(PANORAMAS, work)

    async def carry_out(self, work: Callable[[Course], T], *, count: Callable[[str], object]) -> T:
        """Wait for a turn, work in a thread, and count how it ended.

        Cancelling the awaiting task stops the work at its next step; the call returns only when
        its thread has stopped, so that cancelled work never runs beside the next.

        Parameters
        ----------
        work : callable
            Given its course; called in a thread.
        count : callable
            Told the outcome: done, cancelled, refused or failed.

        Raises
        ------
        BaseException
            What `work` raises.
        """
        outcome = "failed"
        try:
            async with self.admission.turn():
                done = await self._in_thread(work)
            outcome = "done"
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except InputError:
            # The fault of the client: nothing that an operator has to look after.
            outcome = "refused"
            raise
        finally:
            count(outcome)
        return done

    async def _in_thread(self, work: Callable[[Course], T]) -> T:
        course = Course(self.telemetry)
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, course)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            course.stop()
            await asyncio.wait([future])
            raise

    async def _image(self, kind: Kind, work: Callable[[Course], T]) -> T:
        """Carry out work that needs no model."""
        self.require_ready()
        return await self.carry_out(
            work, count=lambda outcome: self.telemetry.imaging.labels(kind.folder, outcome).inc()
        )

    async def _prepared(
        self, request: AnalysisRequest, href_root: str, views: ViewReaders | None = None
    ) -> _Analyse:
        """Find what a request names, so that an image, or a panorama (no views), is analysed."""
        model = self.repository.get(request.model)
        require_possible(request, model.card, panorama=views is None)
        corrections = Corrections()
        if request.calibration or request.flat_field or request.lens:
            corrections = await asyncio.to_thread(stored_corrections, self.store, request)

        def analyse(
            image: MapImage, course: Course, max_bytes: int | None, in_parts: InParts | None
        ) -> Finished:
            kept = analyse_and_keep(
                self.store,
                image,
                request,
                model,
                settings=self.settings,
                max_bytes=max_bytes,
                href_root=href_root,
                course=course,
                corrections=corrections,
                views=views,
                in_parts=in_parts,
            )
            return Finished(*kept)

        return analyse
