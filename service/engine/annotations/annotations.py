"""Annotations of photographs: begun, drawn upon, read."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import Callable, Collection
from functools import partial
from typing import TypeVar

from petrography.annotation import propose
from petrography.image_codec import decode_labels
from petrography.images import Confidence
from service.engine.analysing import Finished
from service.engine.annotations.beginning import PHOTOGRAPH, begin_annotation
from service.engine.annotations.documents import (
    Proposals,
    ProposedRegion,
    Rectangle,
    StepList,
)
from service.engine.annotations.drawing import Drawing, Stepped
from service.engine.annotations.pictures import DRAWN_FILES, painted
from service.engine.annotations.requests import AnnotationRequest, StepRequest
from service.engine.annotations.session import Session
from service.engine.annotations.sessions import Key
from service.engine.annotations.state_tags import state_tag
from service.engine.barcodes import BarcodePatterns
from service.engine.course import Course
from service.engine.documents import document_bytes
from service.engine.evaluating import kept_file
from service.engine.image_priority import priority_of, size_if_known
from service.engine.imaging_work import ImagingWork
from service.engine.kinds import ANNOTATIONS
from service.engine.open_artefact import OpenArtefact
from service.engine.source_files import NamedFile

__all__ = ["Annotations"]

T = TypeVar("T")
_CONFIDENCE_FILE = "confidence.png"


class Annotations:
    """Begins annotations, draws on them, and tells of them.

    Parameters
    ----------
    work : ImagingWork
        Carries it out.
    barcodes : BarcodePatterns
        What those of samples must look like.
    """

    def __init__(self, work: ImagingWork, barcodes: BarcodePatterns) -> None:
        self._work = work
        self._store = work.store
        self._barcodes = barcodes
        memory_bytes = work.settings.annotations_memory_bytes
        self._drawing = Drawing(work.store, work.audit, memory_bytes=memory_bytes)

    async def begin(
        self, image: NamedFile, request: AnnotationRequest, *, tenant: str = "", owner: str = ""
    ) -> Finished:
        """Prepare a photograph and keep an annotation on which nothing is drawn.

        Parameters
        ----------
        image : NamedFile
            The photograph.
        request : AnnotationRequest
            What is wanted.
        tenant, owner : str
            As for `Engine.analyse`.

        Raises
        ------
        InputError
            If image or request cannot be used.
        NotReadyError
            If the service is starting or stopping.
        """
        self._work.readiness.require_ready()
        self._barcodes.require(request.sample, owner)

        def work(course: Course) -> Finished:
            with self._store.draft(ANNOTATIONS, owner) as draft:
                limits, name = self._work.limits, str(uuid.uuid4())
                begun = begin_annotation(image, request, draft, name, limits=limits, course=course)
                course.go_on()
                document = document_bytes(begun)
                made = self._work.keeping.publish(ANNOTATIONS, name, document, draft)
            # Read now, so that the first stroke need not wait for it.
            with self._drawing.current((owner, name), course):
                return made

        size = await asyncio.to_thread(size_if_known, image)
        priority = priority_of(size, self._work.settings)
        return await self._work.carry_out(ANNOTATIONS, work, tenant=tenant, priority=priority)

    async def step(
        self,
        annotation_id: str,
        request: StepRequest,
        *,
        if_match: Collection[str] | None = None,
        tenant: str = "",
        owner: str = "",
    ) -> Stepped:
        """Draw a step on an annotation.

        Parameters
        ----------
        annotation_id : str
            As a client sends it.
        request : StepRequest
            What is drawn.
        if_match : collection of str or None
            Entity tags of states: nothing is drawn in another one.
        tenant, owner : str
            As for `Engine.analyse`.

        Raises
        ------
        AnnotationNotFoundError
            If it is not kept.
        InvalidParameterError, OtherStateError, ConflictError
            As `Drawing.step`.
        OverloadedError
            If too many wait.
        """
        key = owner, annotation_id
        return await self._at_once(partial(self._drawing.step, key, request, if_match), key, tenant)

    async def take_back(
        self,
        annotation_id: str,
        number: int,
        *,
        if_match: Collection[str] | None = None,
        tenant: str = "",
        owner: str = "",
    ) -> Stepped:
        """Take the last step back; parameters and errors as for `step`.

        Parameters
        ----------
        number : int
            Of the last step that stands.
        """
        key = owner, annotation_id
        undo = partial(self._drawing.take_back, key, number, if_match)
        return await self._at_once(undo, key, tenant)

    async def open_document(
        self, annotation_id: str, *, tenant: str = "", owner: str = ""
    ) -> OpenArtefact:
        """Open the document of an annotation as it stands; parameters and errors as for `step`."""

        def write(session: Session) -> bytes:
            return document_bytes(session.begun.model_copy(update=dict(session.figures())))

        return await self._told(annotation_id, "", write, tenant, owner)

    async def open_steps(
        self, annotation_id: str, *, tenant: str = "", owner: str = ""
    ) -> OpenArtefact:
        """Open the record of an annotation; parameters and errors as for `step`."""

        def write(session: Session) -> bytes:
            listed = StepList(annotation=annotation_id, entries=tuple(session.entries))
            return listed.model_dump_json().encode()

        return await self._told(annotation_id, "steps", write, tenant, owner)

    async def open_proposals(
        self,
        annotation_id: str,
        *,
        budget_percent: float,
        analysis_id: str | None = None,
        tenant: str = "",
        owner: str = "",
    ) -> OpenArtefact:
        """Tell where to annotate next; parameters and errors as for `step`.

        Parameters
        ----------
        budget_percent : float
            Share of the photograph that the places may cover.
        analysis_id : str, optional
            A kept analysis of the same photograph, whose confidence leads: where its model doubts.

        Raises
        ------
        AnalysisNotFoundError, ConflictError
            If there is no such analysis, or it has no confidence.
        LabelImageError
            If its confidence has another size.
        """

        def write(session: Session) -> bytes:
            confidence = None if analysis_id is None else self._confidence(analysis_id, owner)
            found = propose(
                session.superpixels,
                session.drawn,
                budget_fraction=budget_percent / 100.0,
                confidence=confidence,
            )
            places = tuple(
                ProposedRegion(
                    region=Rectangle(**one.region._asdict()), centre=one.centre, score=one.score
                )
                for one in found
            )
            return Proposals(proposals=places).model_dump_json().encode()

        name = f"proposals-{budget_percent!r}-{analysis_id or ''}"
        return await self._told(annotation_id, name, write, tenant, owner)

    async def open_file(
        self, annotation_id: str, name: str, *, tenant: str = "", owner: str = ""
    ) -> OpenArtefact:
        """Open a file of an annotation by its name; parameters and errors as for `step`.

        Raises
        ------
        AnnotationNotFoundError
            If there is no such file either.
        """
        if name == ANNOTATIONS.document:
            return await self.open_document(annotation_id, tenant=tenant, owner=owner)
        photograph = partial(self._store.open, ANNOTATIONS, annotation_id, owner=owner)
        if name not in DRAWN_FILES:
            return await asyncio.to_thread(photograph, name)

        def read_photograph() -> bytes:
            with photograph(PHOTOGRAPH).file as file:
                return file.read()

        def write(session: Session) -> bytes:
            return painted(name, session.drawn, read_photograph)

        return await self._told(annotation_id, name, write, tenant, owner)

    def _confidence(self, analysis_id: str, owner: str) -> Confidence:
        content = kept_file(self._work.recorded, analysis_id, _CONFIDENCE_FILE, owner)
        name = f"{_CONFIDENCE_FILE} of {analysis_id}"
        return decode_labels(content, limits=self._work.limits, name=name)

    async def _told(
        self,
        annotation_id: str,
        name: str,
        write: Callable[[Session], bytes],
        tenant: str,
        owner: str,
    ) -> OpenArtefact:
        """Write something of an annotation as it stands."""

        key = owner, annotation_id

        def work(course: Course) -> OpenArtefact:
            with self._drawing.current(key, course) as session:
                content, tag = write(session), state_tag(annotation_id, session.state, name)
            media_type = ANNOTATIONS.media_type(name) or "application/json"
            return OpenArtefact(io.BytesIO(content), len(content), media_type, tag)

        return await self._at_once(work, key, tenant)

    async def _at_once(self, work: Callable[[Course], T], key: Key, tenant: str) -> T:
        self._work.readiness.require_ready()
        subject = ANNOTATIONS.folder, key
        return await self._work.workers.carry_out_at_once(work, subject, tenant=tenant)
