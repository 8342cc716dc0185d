"""Work on series of images: calibrations, registrations, panoramas and evaluations."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from functools import partial

from petrography.calibration import Corrections
from petrography.stitching import Matcher
from service.engine.analysing import Analyses, Finished, PreparedAnalysis
from service.engine.calibrating import CalibrationRequest, calibrate
from service.engine.course import Course
from service.engine.dividing import model_for
from service.engine.documents import document_bytes
from service.engine.evaluating import EvaluationRequest, evaluate_pairs, kept_labels, paired
from service.engine.imaging_work import ImagingWork, OnCourse
from service.engine.kinds import CALIBRATIONS, EVALUATIONS, PANORAMAS, REGISTRATIONS
from service.engine.registering import RegistrationRequest, register_files
from service.engine.scratch_files import ScratchFiles
from service.engine.source_files import NamedFile
from service.engine.stitching import PANORAMA_FILE, PanoramaRequest, stitch_panorama
from service.engine.stored_corrections import stored_optics
from service.repository import LoadedModel
from service.runtime import open_matcher

__all__ = ["Imaging"]


class Imaging:
    """Fits calibrations, lays views over one another, joins fields and judges label images.

    Parameters
    ----------
    work : ImagingWork
        Carries it out.
    analyses : Analyses
        Analyses panoramas.
    """

    def __init__(self, work: ImagingWork, analyses: Analyses) -> None:
        self._work = work
        self._settings = work.settings
        self._store = work.store
        self._keeping = work.keeping
        self._limits = work.limits
        self._analyses = analyses
        self._matcher: Matcher | None = None

    def open_matcher(self) -> None:
        """Open the matcher of panoramas, where one is set.

        Raises
        ------
        ConfigurationError
            If it cannot be used.
        """
        if self._settings.panorama_matcher is not None:
            self._matcher = open_matcher(self._settings.panorama_matcher, self._settings)

    async def calibrate(
        self,
        images: Sequence[NamedFile],
        labels: Sequence[NamedFile],
        request: CalibrationRequest,
        *,
        dark: Sequence[NamedFile] = (),
        tenant: str = "",
        owner: str = "",
    ) -> Finished:
        """Fit a calibration and keep it under the digest of its content.

        Parameters
        ----------
        images, labels, dark : sequence of NamedFile
            See `service.engine.calibrating.calibrate`.
        request : CalibrationRequest
            What is wanted.
        tenant, owner : str
            As for `Engine.analyse`.

        Raises
        ------
        InputError
            If images, labels or request cannot be used.
        NotReadyError
            If the service is starting or stopping.
        """

        def work(course: Course) -> Finished:
            calibration_id, files = calibrate(
                images, labels, dark, request, limits=self._limits, course=course
            )
            course.go_on()
            return self._keeping.keep(CALIBRATIONS, calibration_id, files, owner)

        return await self._work.carry_out(CALIBRATIONS, work, tenant=tenant)

    async def register(
        self,
        reference: NamedFile,
        views: Sequence[NamedFile],
        request: RegistrationRequest,
        *,
        tenant: str = "",
        owner: str = "",
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
        tenant, owner : str
            As for `Engine.analyse`.

        Raises
        ------
        InputError
            If an image or the request cannot be used, or a view does not fit with certainty.
        NotReadyError
            If the service is starting or stopping.
        """

        def work(course: Course) -> Finished:
            with self._store.draft(REGISTRATIONS, owner) as draft:
                registration = register_files(
                    reference,
                    views,
                    request,
                    draft,
                    str(uuid.uuid4()),
                    limits=self._limits,
                    course=course,
                )
                document = document_bytes(registration)
                course.go_on()
                return self._keeping.publish(REGISTRATIONS, registration.id, document, draft)

        return await self._work.carry_out(REGISTRATIONS, work, tenant=tenant)

    async def stitch(
        self,
        fields: Sequence[NamedFile],
        flat_field: NamedFile | None,
        request: PanoramaRequest,
        *,
        href_root: str = "",
        tenant: str = "",
        owner: str = "",
        analysis_id: str | None = None,
        model: LoadedModel | None = None,
        model_version: str | None = None,
        on_event: OnCourse | None = None,
    ) -> Finished:
        """Join fields to a panorama and keep it; analyse it if that is wanted, under the same id.

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
        tenant, owner, analysis_id, model, model_version, on_event
            As for `Engine.analyse`; the model is that of the analysis.

        Raises
        ------
        InputError
            If fields or request cannot be used, or nothing fits together with certainty.
        NotReadyError
            If the service is starting or stopping.
        """
        prepared: PreparedAnalysis | None = None
        if request.analysis is not None:
            if model is None:
                wanted = model_version or request.analysis.model
                model = await model_for(self._work.readiness.repository, wanted, fields)
            prepared = await self._analyses.prepared(
                request.analysis,
                model,
                href_root=href_root,
                tenant=tenant,
                owner=owner,
                analysis_id=analysis_id,
            )
        ids = request.optics_ids()
        stored = Corrections()
        if any(ids):
            stored = await asyncio.to_thread(stored_optics, self._store, *ids, owner)

        def work(course: Course) -> Finished:
            with self._store.draft(PANORAMAS, owner) as draft:
                made = stitch_panorama(
                    fields,
                    flat_field,
                    request,
                    stored,
                    draft,
                    limits=self._limits,
                    max_px=self._settings.max_panorama_pixels,
                    matcher=self._matcher,
                    course=course,
                )
                course.go_on()
                name = str(uuid.uuid4()) if prepared is None else prepared.analysis_id
                document = made.document(name, None if prepared is None else name)
                keep = partial(self._keeping.publish, PANORAMAS, name, document, draft)
                if prepared is None:
                    return keep()
                drawn = partial(ScratchFiles.view, path=draft.path(PANORAMA_FILE))
                joined = made.joined(request, self._settings.scratch_folder)
                # Whoever finds the analysis is to find the panorama as well.
                prepared.run(drawn, course, joined=joined, before_keeping=keep)
                return Finished(name, document)

        return await self._work.carry_out(PANORAMAS, work, tenant=tenant, on_event=on_event)

    async def evaluate(
        self,
        truths: Sequence[NamedFile],
        predictions: Sequence[NamedFile],
        photographs: Sequence[NamedFile],
        request: EvaluationRequest,
        *,
        tenant: str = "",
        owner: str = "",
    ) -> Finished:
        """Judge label images against what an expert drew, and keep the evaluation.

        Parameters
        ----------
        truths, predictions, photographs : sequence of NamedFile
            See `service.engine.evaluating.paired`.
        request : EvaluationRequest
            What is wanted.
        tenant, owner : str
            As for `Engine.analyse`; the analyses that are judged are of the same owner.

        Raises
        ------
        InputError
            If files or request cannot be used.
        AnalysisNotFoundError, ConflictError
            If there is no such analysis, or it has no labels yet or never will.
        NotReadyError
            If the service is starting or stopping.
        """
        pairs = paired(truths, predictions, photographs, request)

        def work(course: Course) -> Finished:
            with self._store.draft(EVALUATIONS, owner) as draft:
                evaluation = evaluate_pairs(
                    pairs,
                    request,
                    draft,
                    str(uuid.uuid4()),
                    labels_of=partial(kept_labels, self._work.recorded, owner=owner),
                    limits=self._limits,
                    course=course,
                )
                document = document_bytes(evaluation)
                course.go_on()
                return self._keeping.publish(EVALUATIONS, evaluation.id, document, draft)

        return await self._work.carry_out(EVALUATIONS, work, tenant=tenant)
