"""An engine with its jobs in this process, without a protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np

from petrography.errors import NotReadyError
from service.catalogue import AnalysisRecord, Catalogue, State, database_url
from service.engine import Engine
from service.jobs import JobRequest, Jobs, Submission, has_ended
from service.settings import Settings
from service.telemetry import Telemetry
from tests.http_service import png
from tests.tiny_model import TILE_PX, paint

WITHIN_S = 60.0
FIELD = png(paint(np.zeros((TILE_PX, 3 * TILE_PX), dtype=np.intp)))


@dataclass(frozen=True)
class Sent:
    """A file in memory, as often read as wanted."""

    content: bytes = FIELD

    def read(self) -> bytes:
        return self.content


@dataclass(frozen=True)
class Running:
    """What runs."""

    engine: Engine
    jobs: Jobs
    catalogue: Catalogue

    async def submit(self, content: bytes = FIELD, key: str | None = None, **asked: object) -> str:
        """Hand an image in; returns its id."""
        begun = await self.jobs.submit(submission(content, key, **asked))
        return begun.analysis_id

    async def until(
        self, analysis_id: str, wanted: Callable[[AnalysisRecord], bool] = has_ended
    ) -> AnalysisRecord:
        """Wait until the record of a job is as wanted."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                record = await self.jobs.record("", analysis_id)
                if wanted(record):
                    return record
                await asyncio.sleep(0.02)

    async def ended(self, analysis_id: str) -> State:
        """Wait until a job has ended; returns how."""
        return (await self.until(analysis_id)).state


def submission(content: bytes = FIELD, key: str | None = None, **asked: object) -> Submission:
    """An image with a request, handed in under a key."""
    request = JobRequest.model_validate(asked)
    return Submission(
        request=request.analysis(),
        files={"image": Sent(content)},
        href_root="/v1/analyses",
        body_sha256=f"{hash((content, request.model_dump_json())):064x}"[-64:],
        callback=request.callback,
        idempotency_key=key,
    )


@asynccontextmanager
async def running_jobs(settings: Settings) -> AsyncIterator[Running]:
    """Start an engine and its jobs, wait until it is ready, and stop both after the block."""
    engine = Engine(settings, Telemetry())
    catalogue = Catalogue(database_url(settings))
    jobs = Jobs(engine, catalogue)
    try:
        async with engine.running(), jobs.running():
            async with asyncio.timeout(WITHIN_S):
                while not _is_ready(engine):
                    await asyncio.sleep(0.005)
            yield Running(engine, jobs, catalogue)
    finally:
        catalogue.close()


def _is_ready(engine: Engine) -> bool:
    try:
        engine.require_ready()
    except NotReadyError:
        return False
    return True
