"""``petroserve.v1.AnalysisService``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import closing
from typing import Any

from petrography.pipeline import AnalysisRequest
from service.catalogue import AnalysisRecord
from service.engine import ANALYSES, Engine, Finished, analyse_upload
from service.engine.derived_files import open_file
from service.grpc_api.access import CALLER, Caller, stated_key
from service.grpc_api.analysis_messages import (
    end_message,
    event_message,
    record_message,
    result_message,
)
from service.grpc_api.model_messages import listed_models
from service.grpc_api.progress import Progress
from service.grpc_api.refusing import Context
from service.grpc_api.running import RunningAnalyses
from service.grpc_api.uploading import ReceivedUpload, receive_upload
from service.jobs import Jobs
from service.proto import analysis_pb2 as messages
from service.proto.analysis_pb2_grpc import AnalysisServiceServicer
from service.uploads import ANALYSIS

__all__ = ["AnalysisService"]

_CHUNK_BYTES = 1024 * 1024


class AnalysisService(AnalysisServiceServicer):
    """Analyses of images as streams.

    Parameters
    ----------
    engine : Engine
        What works.
    jobs : Jobs
        Cancels analyses, also those of other processes and those whose clients wait.
    """

    def __init__(self, engine: Engine, jobs: Jobs) -> None:
        self._engine = engine
        self._jobs = jobs
        self._running = RunningAnalyses()

    async def Analyse(
        self, request_iterator: AsyncIterator[messages.UploadChunk], _context: Context
    ) -> AsyncIterator[messages.AnalysisEvent]:
        """Receive an upload, and tell how far its analysis is and what it found."""
        engine, caller = self._engine, CALLER.get()
        key = stated_key(caller)
        engine.require_ready()
        with engine.admission.place(caller.tenant):
            async with receive_upload(request_iterator, ANALYSIS, engine.settings) as received:
                progress = Progress()
                work = self._analysed(received, caller, key, progress)
                async with self._running.run(caller.owner, work) as run:
                    async for event in progress.until_done(run.task):
                        if isinstance(event, str):
                            run.analysis_id = event
                        yield event_message(event)
                    made = run.task.result()
        yield end_message(made)

    async def GetAnalysis(
        self, request: messages.GetAnalysisRequest, _context: Context
    ) -> messages.Analysis:
        """Give an analysis: its result, or how it stands."""
        owner = CALLER.get().owner
        return await asyncio.to_thread(self._kept, owner, request.analysis_id, request.version)

    async def GetArtefact(
        self, request: messages.GetArtefactRequest, _context: Context
    ) -> AsyncIterator[messages.ArtefactChunk]:
        """Give one file of an analysis, as HTTP has it: what it is, then its bytes."""
        artefact = await asyncio.to_thread(
            open_file,
            self._engine.recorded,
            request.analysis_id,
            request.name,
            CALLER.get().owner,
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
        owner = CALLER.get().owner
        await self._jobs.cancel(owner, request.analysis_id)
        # One of this process need not wait until it looks at its record.
        await self._running.cancel(owner, request.analysis_id)
        return messages.CancelAnalysisResponse()

    async def ListModels(
        self, _request: messages.ListModelsRequest, _context: Context
    ) -> messages.ListModelsResponse:
        """Give the models that are served, and what is not served."""
        return listed_models(self._engine.readiness)

    def _analysed(
        self,
        received: ReceivedUpload[AnalysisRequest],
        caller: Caller,
        key: str | None,
        progress: Progress,
    ) -> Coroutine[Any, Any, Finished | AnalysisRecord]:
        return analyse_upload(
            self._engine,
            received.upload,
            href_root=ANALYSES.href_root,
            tenant=caller.tenant,
            owner=caller.owner,
            key=key,
            priority="bulk" if received.can_wait else None,
            on_begun=progress.accept,
            on_event=progress.tell,
        )

    def _kept(self, owner: str, analysis_id: str, version: int) -> messages.Analysis:
        found = self._engine.recorded.document(analysis_id, owner, version or None)
        if isinstance(found, AnalysisRecord):
            return record_message(found)
        with found.file as file:
            return result_message(analysis_id, file.read())
