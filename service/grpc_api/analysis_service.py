"""``petroserve.v1.AnalysisService``."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partial

from petrography.pipeline import AnalysisRequest
from service.engine import ANALYSES, AnalysisEvent, Engine, Finished
from service.grpc_api.access import CALLER
from service.grpc_api.model_messages import listed_models
from service.grpc_api.progress import Progress
from service.grpc_api.refusing import Context
from service.grpc_api.running import RunningAnalyses
from service.grpc_api.uploading import ReceivedUpload, receive_upload
from service.proto import analysis_pb2 as messages
from service.proto.analysis_pb2_grpc import AnalysisServiceServicer
from service.uploads import ANALYSIS

__all__ = ["AnalysisService"]

# Where HTTP shows analyses: a result names its files there, whichever protocol made it.
_HREF_ROOT = f"/v1/{ANALYSES.folder}"
_CHUNK_BYTES = 1024 * 1024


class AnalysisService(AnalysisServiceServicer):
    """Analyses of images as streams.

    Parameters
    ----------
    engine : Engine
        What works.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._running = RunningAnalyses()

    async def Analyse(
        self, request_iterator: AsyncIterator[messages.UploadChunk], _context: Context
    ) -> AsyncIterator[messages.AnalysisEvent]:
        """Receive an upload, and tell how far its analysis is and what it found."""
        engine = self._engine
        engine.require_ready()
        with engine.admission.place():
            async with receive_upload(request_iterator, ANALYSIS, engine.settings) as received:
                analysis_id = str(uuid.uuid4())
                accepted = messages.Accepted(analysis_id=analysis_id)
                yield messages.AnalysisEvent(accepted=accepted)
                progress = Progress()
                work = self._analysed(received, analysis_id, progress)
                tenant = CALLER.get().tenant
                async with self._running.task(analysis_id, tenant, work) as working:
                    async for event in progress.until_done(working):
                        yield _progress_message(event)
                    finished = working.result()
        yield messages.AnalysisEvent(finished=_analysis(finished.result_id, finished.document))

    async def GetAnalysis(
        self, request: messages.GetAnalysisRequest, _context: Context
    ) -> messages.Analysis:
        """Give a finished analysis."""
        read = partial(self._document, request.analysis_id)
        return _analysis(request.analysis_id, await asyncio.to_thread(read))

    async def GetArtefact(
        self, request: messages.GetArtefactRequest, _context: Context
    ) -> AsyncIterator[messages.ArtefactChunk]:
        """Give one file of a finished analysis: what it is, then its bytes."""
        artefact = await asyncio.to_thread(
            self._engine.store.open, ANALYSES, request.analysis_id, request.name
        )
        with closing(artefact.file):
            described = messages.Artefact(
                media_type=artefact.media_type, size_bytes=artefact.size_bytes, etag=artefact.etag
            )
            yield messages.ArtefactChunk(artefact=described)
            while data := await asyncio.to_thread(artefact.file.read, _CHUNK_BYTES):
                yield messages.ArtefactChunk(data=data)

    async def CancelAnalysis(
        self, request: messages.CancelAnalysisRequest, _context: Context
    ) -> messages.CancelAnalysisResponse:
        """Give up an analysis that is under way."""
        await self._running.cancel(CALLER.get().tenant, request.analysis_id)
        return messages.CancelAnalysisResponse()

    async def ListModels(
        self, _request: messages.ListModelsRequest, _context: Context
    ) -> messages.ListModelsResponse:
        """Give the models that are served."""
        return listed_models(self._engine.repository)

    async def _analysed(
        self, received: ReceivedUpload[AnalysisRequest], analysis_id: str, progress: Progress
    ) -> Finished:
        upload = received.upload
        (image,) = upload.files["image"]
        return await self._engine.analyse(
            image,
            upload.request,
            views={view.part: upload.files[view.part][0] for view in upload.request.views},
            href_root=_HREF_ROOT,
            priority="bulk" if received.can_wait else None,
            tenant=CALLER.get().tenant,
            analysis_id=analysis_id,
            on_event=progress.tell,
        )

    def _document(self, analysis_id: str) -> bytes:
        with self._engine.store.open(ANALYSES, analysis_id, ANALYSES.document).file as file:
            return file.read()


def _analysis(analysis_id: str, document: bytes) -> messages.Analysis:
    return messages.Analysis(analysis_id=analysis_id, result_json=document)


def _progress_message(event: AnalysisEvent) -> messages.AnalysisEvent:
    progress = messages.Progress(stage=event.stage, done=event.done, total=event.total)
    return messages.AnalysisEvent(progress=progress)
