"""The work of one job, in a thread of the queue: from its files to a published result."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import sqlite3
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

from pydantic import JsonValue

from petrography.errors import (
    AnalysisNotFoundError,
    BucketUnavailableError,
    DatabaseUnavailableError,
    JobAbandonedError,
    JobError,
    ModelNotFoundError,
    NotReadyError,
    StorageUnavailableError,
)
from service.audit import Who, asked_by
from service.catalogue import ENDED, Catalogue, State
from service.engine import ANALYSES, LAST_STAGE, AnalysisEvent, Engine, newest_version
from service.jobs.callbacks import Callbacks
from service.jobs.cancelling import finish_cancelled
from service.jobs.ends import End, StoppingError, is_transient, problem_of
from service.jobs.job_files import JobFiles, JobOrder, OpenJob
from service.jobs.job_state import JobState, state_of
from service.jobs.job_work import work_of
from service.jobs.progress import Progress
from service.logs import bound
from service.tracing import continued

__all__ = ["JobRunner", "Step"]

# From a name and work to what the work gave when it was first done, as JSON.
Step: TypeAlias = Callable[[str, Callable[[], Any]], Any]

# How often progress is written down and a cancellation by another process is noticed.
_LOOK_S = 0.2
_LONGEST_PAUSE_S = 300.0
_PATIENCE_S = 1.0
_LONGEST_STOP_S = 30.0
# A job whose work kills the process must not do so for ever; stops that are meant do not count.
_MOST_BEGINNINGS = 20
# Processes load a new version one after the other: for so long after a submission another one may be
# ahead of this one.
_OTHERS_LOAD_S = 120.0
# What passes by itself when an end is taken down or told: disk, bucket or database do not answer.
_PASSING = (
    BucketUnavailableError,
    DatabaseUnavailableError,
    StorageUnavailableError,
    OSError,
    sqlite3.Error,
)
_log = logging.getLogger("petroserve.jobs")


class JobRunner:
    """Works on jobs.

    Parameters
    ----------
    engine : Engine
        Analyses.
    catalogue : Catalogue
        Told how jobs stand.
    files : JobFiles
        Their files.
    callbacks : Callbacks or None
        Told how they end.
    loop : event loop
        Of the engine.
    """

    def __init__(
        self,
        engine: Engine,
        catalogue: Catalogue,
        files: JobFiles,
        callbacks: Callbacks | None,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._files = files
        self._callbacks = callbacks
        self._loop = loop
        self._stopping = threading.Event()
        self._running = 0
        self._changed = threading.Condition()

    def stop(self) -> None:
        """Leave what runs at its next tile, for the next process; returns when it is left."""
        self._stopping.set()
        with self._changed:
            # Who waits for a database that is gone is left behind: the process ends all the same.
            self._changed.wait_for(lambda: self._running == 0, timeout=_LONGEST_STOP_S)

    def work(self, analysis_id: str, step: Step) -> None:
        """Carry a job through.

        Parameters
        ----------
        analysis_id : str
            Which.
        step : callable
            Records what a step gave, so that a repetition goes on behind it.

        Raises
        ------
        StoppingError
            If the process stops.
        """
        with self._changed:
            self._running += 1
        try:
            self._carry_through(analysis_id, step)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _carry_through(self, analysis_id: str, step: Step) -> None:
        kind, problem = self._tries(analysis_id, step)
        ended = None
        if kind != "cancelled":
            ended = step("conclude", partial(self._conclude, analysis_id, kind, problem))
        if ended is None:
            self._finish_cancelled(analysis_id)
            return
        step("notify", partial(self._notify, analysis_id, ended))
        if kind == "done":
            # Those of others stay for who looks for the reason, or queues the job again.
            self._files.remove(analysis_id)

    def _tries(self, analysis_id: str, step: Step) -> tuple[State, Any]:
        settings = self._engine.settings
        for number in range(settings.job_tries):
            end = step("analyse", partial(self._try, analysis_id))
            if end["kind"] != "again":
                return end["kind"], end["problem"]
            self._pause(min(settings.job_pause_s * 2.0**number, _LONGEST_PAUSE_S))
        return "dead", end["problem"]

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise StoppingError

    def _try(self, analysis_id: str) -> dict[str, JsonValue]:
        self._wait_until_ready()
        instance, order = analysis_id, None
        try:
            running = partial(self._catalogue.note, analysis_id, state="running")
            if not self._patiently(running):
                return End("done" if self._is_done(analysis_id) else "cancelled").as_json()
            order = self._files.order(analysis_id)
            instance = f"{order.href_root}/{analysis_id}"
            # A process may have been killed between the result and the record of it.
            if self._is_kept(order):
                return End("done").as_json()
            self._wait_for_model(order)
            # A try before may have come to its end just after its claim.
            self._patiently(partial(self._catalogue.release, analysis_id))
            if self._files.begun(analysis_id) > _MOST_BEGINNINGS:
                return self._abandoned(analysis_id, instance)
            with self._files.open(analysis_id) as job:
                error = self._analysed(job)
        except Exception as troubled:  # noqa: BLE001 - a job that raises would run for ever
            error = troubled
        self._files.ended(analysis_id)
        if error is None or self._is_here(order):
            # Where it is here, something went wrong only after it was kept.
            return End("done").as_json()
        if isinstance(error, asyncio.CancelledError):
            return End("cancelled").as_json()
        # Nothing was kept: until the next try, and during it, it can be cancelled.
        self._patiently(partial(self._catalogue.release, analysis_id))
        problem = problem_of(error, analysis_id, instance)
        return End("again" if is_transient(error) else "failed", problem).as_json()

    def _is_done(self, analysis_id: str) -> bool:
        """Tell whether a reader has taken it down whose result was kept when a process died."""
        try:
            order = self._files.order(analysis_id)
        except JobError:
            return False
        return bool(self._patiently(partial(self._state, order)) == "done")

    def _state(self, order: JobOrder) -> State:
        return self._catalogue.get(order.owner, order.analysis_id).state

    def _abandoned(self, analysis_id: str, instance: str) -> dict[str, JsonValue]:
        msg = (
            f"the process that worked on it has died {_MOST_BEGINNINGS} times; an operator can "
            "queue it again (petroserve jobs retry)"
        )
        problem = problem_of(JobAbandonedError(msg), analysis_id, instance)
        return End("dead", problem).as_json()

    def _wait_until_ready(self) -> None:
        """A job that was begun before waits while models are loaded; it is not at fault."""
        while True:
            try:
                self._engine.require_ready()
            except NotReadyError:
                self._pause(_LOOK_S)
            else:
                return

    def _wait_for_model(self, order: JobOrder) -> None:
        """Wait while this process may have yet to load what another one has promised."""
        while order.model is not None:
            try:
                self._engine.repository.get(order.model)
            except ModelNotFoundError:
                begun = self._catalogue.get(order.owner, order.analysis_id).created_utc
                if datetime.now(UTC) - begun > timedelta(seconds=_OTHERS_LOAD_S):
                    raise
                self._pause(_LOOK_S)
            else:
                return

    def _is_kept(self, order: JobOrder) -> bool:
        return newest_version(self._engine.store, order.analysis_id, order.owner) is not None

    def _is_here(self, order: JobOrder | None) -> bool:
        """As `_is_kept`, a moment after the work: no bucket is asked."""
        if order is None:
            return False
        store = self._engine.store
        path = store.possible_folder(ANALYSES, order.analysis_id, order.owner)
        return path is not None and path.is_dir()

    def _analysed(self, job: OpenJob) -> BaseException | None:
        """Analyse; returns what stood in the way."""
        stop, progress = asyncio.Event(), Progress()

        def on_event(event: AnalysisEvent) -> None:
            progress.on_event(event)
            if event.stage == LAST_STAGE and not self._may_keep(job.order.analysis_id):
                raise concurrent.futures.CancelledError

        placed = self._in_a_place(_until(stop, work_of(self._engine, job, on_event)))
        # For whoever handed it in, maybe in another process and long ago.
        with (
            asked_by(Who(job.order.owner or None, job.order.key_id)),
            continued(job.order.traceparent, "job", kind="consumer"),
            bound(job_id=job.order.analysis_id),
        ):
            future = asyncio.run_coroutine_threadsafe(placed, self._loop)
        told = None
        while not concurrent.futures.wait([future], timeout=_LOOK_S).done:
            if self._stopping.is_set() or not self._told(job.order, progress, told):
                self._loop.call_soon_threadsafe(stop.set)
                concurrent.futures.wait([future])
                break
            told = progress.latest()
        error = _error_of(future)
        if self._stopping.is_set() and error is not None:
            self._files.ended(job.order.analysis_id)
            raise StoppingError
        return error

    def _may_keep(self, analysis_id: str) -> bool:
        """Ask in the last moment; whoever cancels from now on is told that it is too late."""
        try:
            return bool(self._patiently(partial(self._catalogue.claim, analysis_id)))
        except StoppingError:
            # In the thread of the analysis: there it ends like any that nobody waits for.
            return False

    async def _in_a_place(self, work: Coroutine[Any, Any, object]) -> object:
        with self._engine.admission.further_place():
            return await work

    def _told(self, order: JobOrder, progress: Progress, before: tuple[str, float] | None) -> bool:
        """Write the progress down; returns whether the job is still wanted."""
        latest = progress.latest()
        try:
            if latest not in (None, before) and self._noted(order, *latest):
                return True
            state = self._state(order)
        except DatabaseUnavailableError:
            # Work goes on; only its progress cannot be told.
            return True
        except AnalysisNotFoundError:
            return False
        # It is done where somebody has read what is being kept; the end is still to be told.
        return state == "done" or state not in ENDED

    def _noted(self, order: JobOrder, stage: str, progress_fraction: float) -> bool:
        return self._catalogue.note(
            order.analysis_id, state="running", stage=stage, progress_fraction=progress_fraction
        )

    def _conclude(
        self, analysis_id: str, kind: State, problem: dict[str, JsonValue] | None
    ) -> dict[str, JsonValue] | None:
        """Take down the end; None where somebody else has ended the job."""
        done = kind == "done"
        noted = partial(
            self._catalogue.note,
            analysis_id,
            state=kind,
            problem=problem,
            stage=LAST_STAGE if done else None,
            status="preliminary" if done else None,
            # A review that came first stays.
            version=1 if done else None,
        )
        try:
            order = self._patiently(partial(self._files.order, analysis_id))
        except JobError:
            # Whom to tell is lost with the files.
            self._patiently(noted)
            return None
        read = partial(self._catalogue.get, order.owner, analysis_id)
        # What was begun is not queued, unless it ended in a process that was killed before this was
        # recorded, and an operator tries it again.
        if self._patiently(read).state != "queued":
            self._patiently(noted)
        record = self._patiently(read)
        if record.state != kind:
            return None
        state = state_of(record, order.href_root)
        return {
            "happened": datetime.now(UTC).isoformat(),
            "callback": order.callback,
            "owner": order.owner,
            "state": state.model_dump(mode="json"),
        }

    def _patiently(self, call: Callable[[], Any]) -> Any:
        """Call until disk and database answer: an end that was reached must not be lost."""
        told = False
        while True:
            try:
                return call()
            except _PASSING as error:
                if not told:
                    _log.warning("a job waits: %s", error)
                told = True
                self._pause(_PATIENCE_S)

    def _finish_cancelled(self, analysis_id: str) -> None:
        finished = partial(
            finish_cancelled, analysis_id, self._catalogue, self._files, self._callbacks
        )
        try:
            self._patiently(finished)
        except Exception:  # noqa: BLE001 - nothing is left to be done
            _log.error("the cancellation of job %s is not told", analysis_id, exc_info=True)

    def _notify(self, analysis_id: str, ended: dict[str, Any]) -> None:
        if self._callbacks is None or ended["callback"] is None:
            return
        told = partial(
            self._callbacks.send,
            ended["callback"],
            JobState.model_validate(ended["state"]),
            happened=datetime.fromisoformat(ended["happened"]),
            # An end that was recorded before this software was brought up to date lacks it.
            owner=ended.get("owner", ""),
        )
        try:
            self._patiently(told)
        except Exception:  # noqa: BLE001 - the job has ended all the same
            _log.error("no callback of job %s", analysis_id, exc_info=True)


def _error_of(future: concurrent.futures.Future[object]) -> BaseException | None:
    """What stood in the way; a cancellation is one kind, whoever it comes from."""
    error = None if future.cancelled() else future.exception()
    cancelled = future.cancelled() or isinstance(error, concurrent.futures.CancelledError)
    return asyncio.CancelledError() if cancelled else error


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, object]) -> object:
    """Await work, cancelling it, and waiting for that, when it is stopped."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        watching.cancel()
        working.cancel()
        await asyncio.wait({working, watching})
    return working.result()
