"""Durable analyses: taken in, worked on by whichever process lives, told, cancelled."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from petrography.errors import (
    AnalysisCancelledError,
    AnalysisEndedError,
    AuditUnavailableError,
    ConflictError,
    InvalidParameterError,
    NotReadyError,
    OverloadedError,
)
from petrography.pipeline import require_possible
from petrography.report import Result
from service.catalogue import KEEPING, AnalysisRecord, Begun, Catalogue
from service.engine import Engine, model_for, priority_of, size_if_known
from service.jobs.callbacks import Callbacks, open_callbacks
from service.jobs.cancelling import finish_cancelled
from service.jobs.ends import problem_of
from service.jobs.job_database import JobDatabase
from service.jobs.job_runner import JobRunner
from service.jobs.job_state import has_ended, state_of
from service.jobs.opening_files import open_job_files
from service.jobs.ordering import new_analysis, order_of
from service.jobs.record_expiry import RecordKeeping
from service.jobs.redelivery import CallbackState
from service.jobs.refusing import refuse, require_not_refused
from service.jobs.submission import Submission
from service.jobs.tidying import Tidying
from service.repository import LoadedModel
from service.runtime import Priority

if TYPE_CHECKING:
    from service.jobs.durable_queue import DurableQueue

__all__ = ["Jobs"]

_LOOK_S = 1.0
_START_WITHIN_S = 20.0
_FULL_RETRY_S = 30
_TROUBLES = (SQLAlchemyError, OSError, NotReadyError)
_log = logging.getLogger("petroserve.jobs")


class Jobs:
    """The jobs of one process.

    Parameters
    ----------
    engine : Engine
        Analyses.
    catalogue : Catalogue
        Knows how every analysis stands.
    """

    def __init__(self, engine: Engine, catalogue: Catalogue) -> None:
        settings = engine.settings
        self._engine = engine
        self._catalogue = catalogue
        self._database = JobDatabase.of(settings)
        self._files = open_job_files(settings)
        self._callbacks: Callbacks | None = None
        self._queue: DurableQueue | None = None
        self._runner: JobRunner | None = None
        self._wanted = asyncio.Event()
        self._started = asyncio.Event()
        self._changing = threading.Lock()
        self._closed = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work on jobs, those of the process before included, for the length of the block.

        Raises
        ------
        ConfigurationError
            If callbacks are set up wrongly.
        """
        telemetry = self._engine.telemetry
        telemetry.jobs.ask(self._catalogue.job_counts)
        telemetry.oldest_queued_job.ask(self._catalogue.oldest_queued_s)
        settings = self._engine.settings
        self._callbacks = await asyncio.to_thread(open_callbacks, settings, telemetry)
        records = RecordKeeping(self._catalogue, self._engine.store, settings.records_kept_days)
        keeping_records = asyncio.create_task(records.go_on())
        going_on = asyncio.create_task(self._go_on())
        try:
            yield
        finally:
            keeping_records.cancel()
            going_on.cancel()
            # However it ended: queue and callbacks are stopped all the same.
            await asyncio.wait([going_on])
            await asyncio.to_thread(self._stop)

    async def submit(self, submission: Submission) -> Begun:
        """Take an analysis that goes on without its client.

        When this returns, the analysis will be made whatever happens to this process.

        Parameters
        ----------
        submission : Submission
            What is wanted.

        Returns
        -------
        Begun
            The id of the analysis, and whether it is new.

        Raises
        ------
        InputError
            If the request cannot be met, or its key was used for another.
        OverloadedError
            If too many jobs of the tenant wait.
        NotReadyError
            If database or disk do not answer, or the service is starting or stopping.
        """
        request, panorama = submission.request, submission.panorama is not None
        model = await model_for(self._engine.repository, request.model, submission.photographs())
        require_possible(request, model.card, panorama=panorama)
        self._engine.barcodes.require(request.sample, submission.owner)
        await self._require_callback(submission.callback, submission.owner)
        queue = await self._ready_queue()
        await asyncio.to_thread(self._require_room, submission.owner)
        return await asyncio.to_thread(self._taken, submission, model, queue)

    async def record(self, owner: str, analysis_id: str) -> AnalysisRecord:
        """Tell how an analysis stands.

        Raises
        ------
        AnalysisNotFoundError
            If there is none of that id.
        """
        return await asyncio.to_thread(self._catalogue.get, owner, analysis_id)

    def record_now(self, owner: str, analysis_id: str) -> AnalysisRecord:
        """As `record`, for whoever has a thread of his own."""
        return self._catalogue.get(owner, analysis_id)

    async def cancel(self, owner: str, analysis_id: str) -> AnalysisRecord:
        """Cancel an analysis that waits, or runs in whichever process: within a batch of tiles.

        One whose client waits for it ends likewise, and its client is told.

        Parameters
        ----------
        owner, analysis_id : str
            Whose, and which.

        Returns
        -------
        AnalysisRecord
            As it stands from now on.

        Raises
        ------
        AnalysisNotFoundError
            If there is none of that id.
        AnalysisEndedError
            If it has ended, or its result is being kept.
        AuditUnavailableError
            If the cancellation cannot be put on record: it ends all the same, and who asks again
            puts it there.
        """
        record = await self.record(owner, analysis_id)
        return await asyncio.to_thread(self._cancelled, record)

    async def callbacks(self, owner: str, analysis_id: str) -> tuple[CallbackState, ...]:
        """Tell how the callbacks of an analysis stand, the latest first.

        Raises
        ------
        AnalysisNotFoundError
            If there is none of that id.
        """
        await self.record(owner, analysis_id)
        if self._callbacks is None:
            return ()
        return await asyncio.to_thread(self._callbacks.about, analysis_id)

    async def redeliver(self, owner: str, analysis_id: str) -> CallbackState:
        """Send the latest callback of an analysis again, whatever became of it.

        Raises
        ------
        AnalysisNotFoundError, NotFoundError
            If there is none of that id, or no callback of it.
        ConflictError
            If it has not ended, or the service has no secrets to sign callbacks with.
        """
        record = await self.record(owner, analysis_id)
        if not has_ended(record):
            msg = (
                f"analysis {analysis_id} is {record.state}; its callback is sent when it has ended"
            )
            raise ConflictError(msg)
        if self._callbacks is None:
            msg = "this service has no secrets to sign callbacks with and sends none at the moment"
            raise ConflictError(msg)
        return await asyncio.to_thread(self._callbacks.redeliver, analysis_id)

    async def tell_reviewed(self, owner: str, result: Result, href_root: str) -> None:
        """Tell the receiver of an analysis' callback of a review; the review stands in any case.

        Parameters
        ----------
        owner : str
            Whose analysis it is.
        result : Result
            The version that the review made.
        href_root : str
            Where the protocol shows analyses.
        """
        if self._callbacks is None:
            return
        try:
            record = await self.record(owner, result.id)
            state = state_of(record, href_root)
            await asyncio.to_thread(self._callbacks.send_reviewed, state, result)
        except Exception:  # noqa: BLE001 - whatever it was, the version is kept
            _log.warning("no callback of the review of %s", result.id, exc_info=True)

    async def _ready_queue(self) -> DurableQueue:
        self._wanted.set()
        try:
            async with asyncio.timeout(_START_WITHIN_S):
                await self._started.wait()
        except TimeoutError:
            pass
        if self._queue is None:
            msg = "jobs cannot be taken yet: their database does not answer; try again later"
            raise NotReadyError(msg)
        return self._queue

    async def _require_callback(self, url: str | None, owner: str) -> None:
        if url is None:
            return
        if self._callbacks is None:
            msg = (
                "callback is stated, but this service has no secrets to sign webhooks with; wanted "
                "no callback, or PETROSERVE_WEBHOOK_SECRETS_FILE set by the operator"
            )
            raise InvalidParameterError(msg)
        await asyncio.to_thread(self._callbacks.require_possible, url, owner)

    def _require_room(self, owner: str) -> None:
        waiting, most = self._catalogue.waiting_jobs(owner), self._engine.settings.jobs_queued
        if waiting >= most:
            msg = f"{waiting} jobs of this tenant wait; at most {most} may"
            raise OverloadedError(msg, retry_after_s=_FULL_RETRY_S)

    def _taken(self, submission: Submission, model: LoadedModel, queue: DurableQueue) -> Begun:
        priority = submission.priority or self._priority_of(submission)
        with self._files.received(submission.files) as (aside, parts):
            begun = self._catalogue.begin(new_analysis(submission, model, priority))
            try:
                record = self._catalogue.get(submission.owner, begun.analysis_id)
                if record.asynchronous and not has_ended(record):
                    # A process may have been killed between these lines, so that every repetition
                    # of a submission goes through them again; none of them does a thing twice.
                    self._files.keep(aside, order_of(submission, record, parts))
                    queue.enqueue(begun.analysis_id, priority, submission.tenant)
            except Exception as error:
                if begun.fresh:
                    refuse(
                        submission, begun.analysis_id, error, self._catalogue, self._files, queue
                    )
                raise
        if not begun.fresh:
            require_not_refused(submission, begun.analysis_id, self._catalogue)
        return begun

    def _priority_of(self, submission: Submission) -> Priority:
        (image,) = submission.photographs()
        return priority_of(size_if_known(image), self._engine.settings)

    def _cancelled(self, record: AnalysisRecord) -> AnalysisRecord:
        analysis_id = record.analysis_id
        error = AnalysisCancelledError(f"analysis {analysis_id} was cancelled by its client")
        problem = problem_of(error, analysis_id, analysis_id)
        # Whoever works on it, or takes it from the queue, finds that it is not to go on.
        # In one go with what is still to be done: a process may be killed at any of these lines.
        if not self._catalogue.note(
            analysis_id, state="cancelled", problem=problem, recorded=False
        ):
            return self._cancelled_before(record)
        try:
            finish_cancelled(analysis_id, self._catalogue, self._files, self._callbacks)
        except Exception:  # noqa: BLE001 - it is cancelled all the same, and told later
            _log.warning("the cancellation of job %s is told later", analysis_id, exc_info=True)
        self._put_on_record(analysis_id)
        return self._catalogue.get(record.owner, analysis_id)

    def _put_on_record(self, analysis_id: str) -> None:
        """Put a cancellation into the audit log, once."""
        if not self._catalogue.take_to_record(analysis_id):
            return
        try:
            self._engine.audit.cancelled(analysis_id)
        except AuditUnavailableError:
            self._catalogue.leave_unrecorded(analysis_id)
            raise

    def _cancelled_before(self, record: AnalysisRecord) -> AnalysisRecord:
        now = self._catalogue.get(record.owner, record.analysis_id)
        if now.state == "cancelled":
            self._put_on_record(record.analysis_id)
            return now
        how = "keeping its result" if now.stage == KEEPING and not has_ended(now) else now.state
        msg = (
            f"analysis {record.analysis_id} is {how}: only what waits or runs can be cancelled; a "
            "result that is kept can be rejected by a review"
        )
        raise AnalysisEndedError(msg)

    async def _go_on(self) -> None:
        """Start where there are jobs, then look after them."""
        while not (self._wanted.is_set() or self._may_hold_jobs()):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), _LOOK_S)
        await self._start_patiently()
        tidying = Tidying(self._engine.settings, self._catalogue, self._files, self._callbacks)
        while self._queue is not None:
            try:
                await asyncio.to_thread(tidying.look_after, self._queue)
            except Exception as error:  # noqa: BLE001 - one trouble must not end it for ever
                _tell_trouble("jobs cannot be looked after at the moment", error)
            await asyncio.sleep(_LOOK_S)

    def _may_hold_jobs(self) -> bool:
        try:
            return self._database.may_hold_jobs()
        except OSError:
            # The start finds out, and tells, what stands in the way.
            return True

    async def _start_patiently(self) -> None:
        loop, pause_s = asyncio.get_running_loop(), _LOOK_S
        while not self._started.is_set():
            try:
                await asyncio.to_thread(self._start, loop)
                self._started.set()
            except Exception as error:  # noqa: BLE001 - the next try may succeed, whatever it was
                _tell_trouble("jobs cannot be worked on yet", error)
                await asyncio.sleep(pause_s)
                pause_s = min(2.0 * pause_s, 30.0)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        # Loaded here, in a thread and only where there are jobs: it takes longer than all of ours.
        from service.jobs.durable_queue import DurableQueue

        settings = self._engine.settings
        large = settings.concurrent_analyses
        small = settings.concurrent_interactive or large
        with self._changing:
            if self._closed:
                return
            self._files.clear_leftovers()
            runner = JobRunner(self._engine, self._catalogue, self._files, self._callbacks, loop)
            # One more than have turns: one that waits for its model or a disk stops no other, and
            # the next has its files open when a turn ends.
            queue = DurableQueue(
                self._database, runner.work, concurrent=large + 1, interactive=small + 1
            )
            queue.start()
            self._runner, self._queue = runner, queue
            if self._callbacks is not None:
                self._callbacks.start()

    def _stop(self) -> None:
        with self._changing:
            self._closed = True
            if self._runner is not None and self._queue is not None:
                self._runner.stop()
                self._queue.stop()
            if self._callbacks is not None:
                self._callbacks.close()


def _tell_trouble(what: str, error: Exception) -> None:
    """Log what will be tried again: in one line what is known to happen, else with its place."""
    expected = isinstance(error, _TROUBLES)
    _log.warning("%s: %s", what, error, exc_info=None if expected else error)
