"""Records that nobody works on: they end, and are forgotten when they are old and have no result."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from petrography.errors import AnalysisNotFoundError, BucketUnavailableError
from service.catalogue import Catalogue
from service.engine import ANALYSES, ArtefactStore
from service.jobs import record_expiry
from service.jobs.record_expiry import RecordKeeping
from tests.databases import sqlite_url
from tests.jobs.one_job import asked_job
from tests.kept_results import keep_files
from tests.service.test_catalogue import age

NEVER = 1e-9


class SilentStore(ArtefactStore):
    def is_kept(self, *_: object) -> bool:
        raise BucketUnavailableError("silent")


def test_old_records_go_unless_their_result_is_kept(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path, max_count=10, max_bytes=10**9)
    store.open_folder()
    catalogue = Catalogue(sqlite_url(tmp_path))
    kept, removed, failed, waiting = (
        catalogue.begin(asked_job(key)).analysis_id for key in ("a", "b", "c", "d")
    )
    for one in (kept, removed):
        catalogue.note(one, state="done")
    catalogue.note(failed, state="failed")
    keep_files(store, ANALYSES, kept, {"result.json": b"{}"})

    assert RecordKeeping(catalogue, store, 365.0).forget_old() == 0
    silent = SilentStore(tmp_path, max_count=10, max_bytes=10**9)
    assert RecordKeeping(catalogue, silent, NEVER).forget_old() == 0
    assert RecordKeeping(catalogue, store, NEVER).forget_old() == 2

    assert {one.analysis_id for one in catalogue.page("").records} == {kept, waiting}
    assert catalogue.begin(asked_job("b")).fresh
    with pytest.raises(AnalysisNotFoundError):
        catalogue.get("", removed)
    catalogue.close()


def test_old_records_are_listed_one_behind_the_other(tmp_path: Path) -> None:
    catalogue = Catalogue(sqlite_url(tmp_path))
    for _ in range(5):
        catalogue.note(catalogue.begin(asked_job()).analysis_id, state="failed")
    later = datetime.now(UTC) + timedelta(seconds=1)
    first = catalogue.old_records(later, limit=3)
    rest = catalogue.old_records(later, first[-1], limit=3)
    assert (len(first), len(rest)) == (3, 2)
    assert catalogue.forget(first, later) == 3
    assert catalogue.old_records(later) == rest
    catalogue.close()


@pytest.mark.anyio
async def test_an_abandoned_analysis_ends_while_the_service_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_expiry, "_LOOK_S", 0.01)
    url = sqlite_url(tmp_path)
    catalogue = Catalogue(url)
    store = ArtefactStore(tmp_path, max_count=10, max_bytes=10**9)
    going_on = asyncio.create_task(RecordKeeping(catalogue, store, 365.0).go_on())
    asked = dataclasses.replace(asked_job(), asynchronous=False)
    analysis_id = catalogue.begin(asked).analysis_id
    await asyncio.sleep(0.05)
    assert catalogue.get("", analysis_id).state == "queued"
    age(url, analysis_id, 3600)
    async with asyncio.timeout(60.0):
        while catalogue.get("", analysis_id).state != "failed":
            await asyncio.sleep(0.01)
    going_on.cancel()
    catalogue.close()
