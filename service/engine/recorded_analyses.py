"""Analyses that are recorded while a client waits for them, and asked for once under one key."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias, TypeVar

from pydantic import BaseModel

from petrography.errors import (
    AnalysisNotFoundError,
    BucketUnavailableError,
    DatabaseUnavailableError,
)
from petrography.pipeline import AnalysisRequest
from service.catalogue import LEASE_S, AnalysisRecord, Begun, Catalogue, NewAnalysis
from service.engine.analysing import Finished
from service.engine.artefact_store import ArtefactStore
from service.engine.catching_up import open_recorded_version
from service.engine.course import LAST_STAGE, AnalysisEvent
from service.engine.kinds import ANALYSES
from service.engine.open_artefact import OpenArtefact
from service.engine.source_files import NamedFile, Placed
from service.engine.unfinished import unfinished_told
from service.engine.versions import open_version
from service.engine.while_wanted import require_wanted, while_wanted
from service.repository import LoadedModel
from service.runtime import Priority
from service.status import problem_members

__all__ = ["OnEvent", "RecordedAnalyses", "asked_analysis", "digest_of_upload"]

T = TypeVar("T")
OnEvent: TypeAlias = Callable[[AnalysisEvent], None]
_BEAT_S = LEASE_S / 4
# Often enough for people who look; a tile takes longer on the CPU and is far shorter on a GPU.
_NOTE_S = 1.0
_PIECE_BYTES = 4 * 1024 * 1024
_log = logging.getLogger("petroserve.analyses")


def digest_of_upload(files: Mapping[str, Sequence[NamedFile]], request: BaseModel) -> str:
    """Make the digest that tells whether two requests ask for the same.

    It covers the content of every part under its name, in order, and the request after defaults:
    neither file names nor the boundary or the spelling of the JSON.

    Parameters
    ----------
    files : mapping of str to sequence of NamedFile
        The files of every part.
    request : pydantic model
        What is wanted.

    Returns
    -------
    str
        SHA-256 in hexadecimal digits.
    """
    whole = hashlib.sha256(request.model_dump_json().encode())
    for name in sorted(files):
        for file in files[name]:
            # Digests have one length, so the next name begins where nothing else can.
            whole.update(b"\0" + name.encode() + b"\0" + _digest_of(file))
    return whole.hexdigest()


def _digest_of(file: NamedFile) -> bytes:
    if not isinstance(file, Placed):
        return hashlib.sha256(file.read()).digest()
    descriptor, begin, size_bytes = file.place()
    digest = hashlib.sha256()
    for start in range(0, size_bytes, _PIECE_BYTES):
        piece = min(_PIECE_BYTES, size_bytes - start)
        digest.update(os.pread(descriptor, piece, begin + start))
    return digest.digest()


def asked_analysis(
    request: AnalysisRequest,
    model: LoadedModel,
    *,
    owner: str,
    key: str | None,
    body_sha256: str,
    priority: Priority,
    asynchronous: bool = False,
) -> NewAnalysis:
    """Describe an analysis that is asked for, to record it.

    Parameters
    ----------
    request : AnalysisRequest
        What is wanted.
    model : LoadedModel
        Its model.
    owner : str
        The tenant that asks; empty without API keys.
    key : str or None
        Its idempotency key.
    body_sha256 : str
        See `digest_of_upload`; may be empty where there is no key.
    priority : {"interactive", "bulk"}
        Of its tiles.
    asynchronous : bool
        Whether it goes on without its client.
    """
    return NewAnalysis(
        owner=owner,
        sample_id=None if request.sample is None else request.sample.id,
        idempotency_key=key,
        body_sha256=body_sha256,
        model=model.card.full_name,
        priority=priority,
        asynchronous=asynchronous,
        request_json=request.model_dump_json(),
    )


class RecordedAnalyses:
    """Analyses of one process with their records.

    Parameters
    ----------
    catalogue : Catalogue
        Where they are recorded.
    store : ArtefactStore
        Where finished ones are kept.

    Attributes
    ----------
    catalogue, store
        As given.
    """

    def __init__(self, catalogue: Catalogue, store: ArtefactStore) -> None:
        self.catalogue = catalogue
        self.store = store
        # Of which this process is about to keep the result.
        self._claimed: set[str] = set()

    async def analyse(
        self, new: NewAnalysis, work: Callable[[str, OnEvent], Awaitable[Finished]]
    ) -> Finished | AnalysisRecord:
        """Make an analysis and record what becomes of it, or find the one of an earlier request.

        Parameters
        ----------
        new : NewAnalysis
            What is asked for.
        work : callable
            From the id and what is to be told of the progress to the analysis that is kept. Not
            called where an earlier request under the same key did or does it.

        Returns
        -------
        Finished or AnalysisRecord
            The result, of this or of the earlier request; the record where there is no result.

        Raises
        ------
        IdempotencyConflictError
            If the key was used for something else.
        DatabaseUnavailableError
            If the database does not answer; nothing was begun then.
        AnalysisCancelledError
            If it was cancelled while it was made, in whichever process.
        BaseException
            What `work` raises; it is recorded.
        """
        begun = await self._begun(new)
        if not begun.fresh:
            return await asyncio.to_thread(self._earlier, new.owner, begun.analysis_id)
        async with self._recorded(new.owner, begun.analysis_id):
            finished = None
            if begun.taken_over:
                finished = await asyncio.to_thread(self._left, new.owner, begun.analysis_id)
            if finished is None:
                noting = self._noting(new.owner, begun.analysis_id)
                finished = await work(begun.analysis_id, noting)
            return finished

    def document(
        self, analysis_id: str, owner: str = "", version: int | None = None
    ) -> OpenArtefact | AnalysisRecord:
        """Open the document of an analysis, or tell how it stands where it has none.

        Parameters
        ----------
        analysis_id, owner : str
            Which, and the tenant that asks.
        version : int or None
            Which version of the document; None is the newest.

        Returns
        -------
        OpenArtefact or AnalysisRecord
            The document; the record only where the newest version is asked for.

        Raises
        ------
        AnalysisNotFoundError
            If there is no such analysis, no such version of it, or it is not kept any more.
        ConflictError, AnalysisCancelledError
            If a version is asked for of an analysis without a result.
        DamagedResultError
            If the file is not what was kept.
        """
        if version is not None:
            with unfinished_told(self.catalogue, self.store, analysis_id, owner):
                return self._opened(analysis_id, owner, version)
        try:
            return self._opened(analysis_id, owner)
        except AnalysisNotFoundError:
            record = self.catalogue.get(owner, analysis_id)
            if record.state != "done":
                return record
        # It may have been kept between the two looks; else it is not kept any more.
        return self._opened(analysis_id, owner)

    def _opened(self, analysis_id: str, owner: str, version: int | None = None) -> OpenArtefact:
        return open_recorded_version(self.catalogue, self.store, analysis_id, owner, version)

    async def make(self, new: NewAnalysis, work: Callable[[str, OnEvent], Awaitable[T]]) -> T:
        """Do work of which an analysis is a part, and record what becomes of the analysis.

        Parameters
        ----------
        new : NewAnalysis
            What is asked for; without a key.
        work : callable
            From the id of the analysis, and what is to be told of its progress, to what is made.

        Raises
        ------
        DatabaseUnavailableError
            If the database does not answer; nothing was begun then.
        AnalysisCancelledError
            If it was cancelled while it was made, in whichever process.
        BaseException
            What `work` raises; it is recorded.
        """
        begun = await self._begun(new)
        async with self._recorded(new.owner, begun.analysis_id):
            return await work(begun.analysis_id, self._noting(new.owner, begun.analysis_id))

    async def _begun(self, new: NewAnalysis) -> Begun:
        """Begin; who goes meanwhile leaves nothing behind that seems to wait."""
        beginning = asyncio.ensure_future(asyncio.to_thread(self.catalogue.begin, new))
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            await asyncio.wait([beginning])
            if beginning.exception() is None and beginning.result().fresh:
                analysis_id = beginning.result().analysis_id
                await self._end(lambda: self.catalogue.note(analysis_id, state="cancelled"))
            raise

    def _earlier(self, owner: str, analysis_id: str) -> Finished | AnalysisRecord:
        record = self.catalogue.get(owner, analysis_id)
        if record.state != "done":
            return record
        finished = self._kept(owner, analysis_id)
        if finished is None:
            raise self.store.not_found(ANALYSES, analysis_id, ANALYSES.document)
        return finished

    def _left(self, owner: str, analysis_id: str) -> Finished | None:
        """Find what a process kept that died before it could record it.

        Where a bucket does not answer there is none: the analysis is made again, and of two results
        under one id the first stays.
        """
        try:
            return self._kept(owner, analysis_id)
        except BucketUnavailableError as error:
            _log.warning("analysis %s is made again: %s", analysis_id, error)
            return None

    def _kept(self, owner: str, analysis_id: str) -> Finished | None:
        try:
            opened = open_version(self.store, analysis_id, owner, version=1)
        except AnalysisNotFoundError:
            return None
        with opened.file as file:
            return Finished(analysis_id, file.read())

    @asynccontextmanager
    async def _recorded(self, owner: str, analysis_id: str) -> AsyncIterator[None]:
        """Record how a block ends, and that its process lives until then."""
        beating = asyncio.ensure_future(self._beat(analysis_id))
        try:
            async with while_wanted(self.catalogue, owner, analysis_id):
                yield
        except asyncio.CancelledError:
            claimed = analysis_id in self._claimed
            await self._end(lambda: self._note_left(owner, analysis_id, claimed=claimed))
            raise
        except Exception as error:
            problem = problem_members(error)
            await self._end(lambda: self._note_failed(owner, analysis_id, problem))
            raise
        else:
            await self._end(lambda: self._note_done(analysis_id))
        finally:
            beating.cancel()
            self._claimed.discard(analysis_id)

    def _note_done(self, analysis_id: str) -> bool:
        return self.catalogue.note(
            analysis_id, state="done", stage=LAST_STAGE, status="preliminary", version=1
        )

    def _note_failed(self, owner: str, analysis_id: str, problem: Mapping[str, str | int]) -> bool:
        """Note a failure, which may be of what was to follow when the result was kept already."""
        if self._is_here(owner, analysis_id):
            return self._note_done(analysis_id)
        return self.catalogue.note(analysis_id, state="failed", problem=problem)

    def _note_left(self, owner: str, analysis_id: str, *, claimed: bool) -> bool:
        """Note that the client has gone, maybe when the result was kept already."""
        if self._is_here(owner, analysis_id):
            return self._note_done(analysis_id)
        if claimed:
            # It went when the result was about to be kept, and nobody keeps it now.
            self.catalogue.release(analysis_id)
        return self.catalogue.note(analysis_id, state="cancelled")

    def _is_here(self, owner: str, analysis_id: str) -> bool:
        """Whether the result was kept a moment ago: no bucket is asked."""
        kept = self.store.possible_folder(ANALYSES, analysis_id, owner)
        return kept is not None and kept.is_dir()

    async def _end(self, note: Callable[[], bool]) -> None:
        """Record an end whatever happens to the request meanwhile."""

        def noted() -> None:
            try:
                note()
            except DatabaseUnavailableError as error:
                # The answer is right all the same; the record says later that nobody ended it.
                _log.error("the end of an analysis is not recorded: %s", error)

        await asyncio.shield(asyncio.to_thread(noted))

    async def _beat(self, analysis_id: str) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            try:
                await asyncio.to_thread(self.catalogue.beat, analysis_id)
            except DatabaseUnavailableError as error:
                _log.warning("%s", error)

    def _claim(self, analysis_id: str) -> bool:
        claimed = self.catalogue.claim(analysis_id)
        if claimed:
            self._claimed.add(analysis_id)
        return claimed

    def _noting(self, owner: str, analysis_id: str) -> OnEvent:
        """Make what records the progress, now and then, and ends what was cancelled meanwhile."""
        next_s = 0.0

        def note(event: AnalysisEvent) -> None:
            nonlocal next_s
            now_s = time.monotonic()
            last = event.stage == LAST_STAGE
            if now_s < next_s and not last:
                return
            next_s = now_s + _NOTE_S
            # Only tiles are counted; other stages tell that they ended.
            fraction = event.done / event.total if event.total > 1 else None
            try:
                # The last moment: what comes after it is published, and no longer cancelled.
                noted = (last and self._claim(analysis_id)) or self.catalogue.note(
                    analysis_id, state="running", stage=event.stage, progress_fraction=fraction
                )
            except DatabaseUnavailableError as error:
                _log.warning("%s", error)
                return
            if not noted:
                require_wanted(self.catalogue, owner, analysis_id)

        return note
