"""The work of one job by hand: a runner over a catalogue and files, with a stand-in for the engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from service.catalogue import AnalysisRecord, Catalogue, NewAnalysis
from service.engine import AnalysisEvent, ArtefactStore
from service.jobs.callbacks import Callbacks
from service.jobs.job_files import JobFiles
from service.jobs.job_runner import JobRunner
from service.jobs.job_state import JobState
from service.settings import Settings
from tests.databases import sqlite_url
from tests.jobs.kept_job import kept_job
from tests.kept_results import keep_files

CALLBACK = "https://lims.example.org/x"
OnEvent = Callable[[AnalysisEvent], None]


@dataclass
class Told:
    """Stands in for the callbacks: what was sent, after some troubles."""

    messages: list[tuple[str, str, float]] = field(default_factory=list)
    troubles: list[Exception] = field(default_factory=list)

    def send(self, _url: str, state: JobState, *, happened: Any, owner: str) -> None:
        assert owner == ""
        if self.troubles:
            raise self.troubles.pop()
        self.messages.append((state.id, state.state, happened.timestamp()))


@dataclass
class Engine:
    """Stands in for the engine: `work` is called with what is told of the progress, then it keeps."""

    store: ArtefactStore
    settings: Settings
    work: Callable[[OnEvent], object] = lambda _on_event: None
    admission: Any = field(default_factory=lambda: SimpleNamespace(further_place=nullcontext))

    def require_ready(self) -> None:
        """Always."""

    async def analyse(self, *_: Any, analysis_id: str, on_event: OnEvent, **_more: Any) -> None:
        await asyncio.to_thread(self._analyse, analysis_id, on_event)

    def _analyse(self, analysis_id: str, on_event: OnEvent) -> None:
        self.work(on_event)
        on_event(AnalysisEvent("report", 1, 1))
        self.keep(analysis_id)

    def keep(self, analysis_id: str) -> None:
        from service.engine import ANALYSES

        keep_files(self.store, ANALYSES, analysis_id, {"result.json": b"{}"})


@dataclass
class OneJob:
    """A job that was taken, and the runner that works on it."""

    catalogue: Catalogue
    files: JobFiles
    engine: Engine
    told: Told
    runner: JobRunner
    analysis_id: str

    def work(self, step: Callable[[str, Callable[[], Any]], Any] | None = None) -> str:
        """Carry the job through; returns its state."""
        self.runner.work(self.analysis_id, step or (lambda _name, call: call()))
        return self.record.state

    @property
    def record(self) -> AnalysisRecord:
        return self.catalogue.get("", self.analysis_id)


@contextmanager
def one_job(folder: Path, *, url: str | None = None, model: str | None = None) -> Iterator[OneJob]:
    """Take a job in, maybe one that was told its model; its work succeeds."""
    catalogue = Catalogue(url or sqlite_url(folder))
    files = JobFiles(folder / "files")
    store = ArtefactStore(folder / "results", max_count=10, max_bytes=10**9)
    store.open_folder()
    engine = Engine(store, Settings(job_pause_s=0.0, job_tries=3))
    loop, told = asyncio.new_event_loop(), Told()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    callbacks = cast("Callbacks", told)
    runner = JobRunner(cast("Any", engine), catalogue, files, callbacks, loop)
    try:
        analysis_id = taken(catalogue, files, model=model)
        yield OneJob(catalogue, files, engine, told, runner, analysis_id)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        catalogue.close()


def taken(
    catalogue: Catalogue, files: JobFiles, *, key: str | None = None, model: str | None = None
) -> str:
    """Record a job and keep its files."""
    begun = catalogue.begin(asked_job(key))
    stated = {"href_root": "/v1/analyses", "callback": CALLBACK, "model": model}
    return kept_job(files, begun.analysis_id, **stated).analysis_id


def asked_job(key: str | None = None) -> NewAnalysis:
    """What the catalogue is told of a job."""
    return NewAnalysis("", None, key, "a" * 64, "tiny:1", "bulk", True, "{}")
