"""Analyses under a key: one each, whatever happens to who asked."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest

from petrography.errors import (
    DamagedImageError,
    DatabaseUnavailableError,
    IdempotencyConflictError,
    StorageUnavailableError,
)
from petrography.pipeline import AnalysisRequest
from service.catalogue import AnalysisRecord, Catalogue, NewAnalysis
from service.engine import ArtefactStore, Finished, OnEvent, RecordedAnalyses, digest_of_upload
from service.engine.course import AnalysisEvent
from tests.databases import sqlite_url

pytestmark = pytest.mark.anyio


def asked(key: str | None, body: str = "a") -> NewAnalysis:
    return NewAnalysis("lab", "S", key, body * 64, "tiny:1", "bulk", False, "{}")


class Work:
    """Stands in for an analysis: keeps a document under its id, and counts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "tenants" / "lab" / "analyses"
        self.made: Counter[str] = Counter()

    async def __call__(self, analysis_id: str, on_event: OnEvent) -> Finished:
        await asyncio.sleep(0)
        on_event(AnalysisEvent("segmentation", 1, 2))
        self.made[analysis_id] += 1
        document = json.dumps({"id": analysis_id}).encode()
        (self._folder / analysis_id).mkdir(parents=True)
        (self._folder / analysis_id / "result.json").write_bytes(document)
        return Finished(analysis_id, document)


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[RecordedAnalyses]:
    store = ArtefactStore(tmp_path, max_count=10_000, max_bytes=10**9)
    store.open_folder()
    catalogue = Catalogue(sqlite_url(tmp_path))
    yield RecordedAnalyses(catalogue, store)
    catalogue.close()


async def test_a_thousand_submissions_make_as_many_analyses_as_keys(
    recorded: RecordedAnalyses, tmp_path: Path
) -> None:
    work, random_one = Work(tmp_path), random.Random(6)
    keys = [f"key {random_one.randrange(600)}" for _ in range(1000)]
    gate = asyncio.Semaphore(20)
    answers: dict[str, set[bytes | str]] = {}

    async def submit(key: str) -> None:
        async with gate:
            outcome = await recorded.analyse(asked(key), work)
        if isinstance(outcome, Finished):
            answers.setdefault(key, set()).add(outcome.document)
        else:
            assert outcome.state in {"queued", "running"}

    await asyncio.gather(*map(submit, keys))

    assert len(work.made) == len(set(keys)) == len(answers)
    assert set(work.made.values()) == {1}
    assert {len(documents) for documents in answers.values()} == {1}


async def test_another_body_under_a_key_is_refused(
    recorded: RecordedAnalyses, tmp_path: Path
) -> None:
    work = Work(tmp_path)
    await recorded.analyse(asked("k"), work)

    with pytest.raises(IdempotencyConflictError):
        await recorded.analyse(asked("k", "b"), work)
    assert sum(work.made.values()) == 1


async def test_what_the_client_has_to_mend_is_not_tried_again(
    recorded: RecordedAnalyses, tmp_path: Path
) -> None:
    async def refuse(_analysis_id: str, _on_event: OnEvent) -> Finished:
        msg = "cut off"
        raise DamagedImageError(msg)

    with pytest.raises(DamagedImageError):
        await recorded.analyse(asked("k"), refuse)
    again = await recorded.analyse(asked("k"), Work(tmp_path))

    assert isinstance(again, AnalysisRecord)
    assert again.state == "failed"
    assert again.problem is not None
    assert (again.problem["status"], again.problem["detail"]) == (422, "cut off")


async def test_a_fault_of_ours_is_tried_again(recorded: RecordedAnalyses, tmp_path: Path) -> None:
    def fail(_analysis_id: str, _on_event: OnEvent) -> Awaitable[Finished]:
        msg = "/secret/path"
        raise OSError(28, msg)

    with pytest.raises(OSError, match="secret"):
        await recorded.analyse(asked("k"), fail)
    (record,) = recorded.catalogue.page("lab").records
    assert record.problem is not None
    assert "secret" not in str(record.problem)

    again = await recorded.analyse(asked("k"), Work(tmp_path))
    assert isinstance(again, Finished)
    assert again.result_id == record.analysis_id
    assert recorded.catalogue.get("lab", again.result_id).state == "done"


async def test_a_client_that_goes_can_come_again(
    recorded: RecordedAnalyses, tmp_path: Path
) -> None:
    begun = asyncio.Event()

    async def wait(_analysis_id: str, on_event: OnEvent) -> Finished:
        on_event(AnalysisEvent("decode", 1, 1))
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    waiting = asyncio.ensure_future(recorded.analyse(asked("k"), wait))
    await begun.wait()
    (record,) = recorded.catalogue.page("lab").records
    assert (record.state, record.stage) == ("running", "decode")
    meanwhile = await recorded.analyse(asked("k"), wait)
    assert isinstance(meanwhile, AnalysisRecord)
    assert meanwhile.analysis_id == record.analysis_id
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert recorded.catalogue.get("lab", record.analysis_id).state == "cancelled"

    again = await recorded.analyse(asked("k"), Work(tmp_path))
    assert isinstance(again, Finished)
    assert again.result_id == record.analysis_id


async def test_who_goes_at_once_leaves_nothing_that_waits(recorded: RecordedAnalyses) -> None:
    def never(_analysis_id: str, _on_event: OnEvent) -> Awaitable[Finished]:
        raise AssertionError

    asking = asyncio.ensure_future(recorded.analyse(asked("k"), never))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    states = {record.state for record in recorded.catalogue.page("lab").records}
    assert states <= {"cancelled"}


async def test_what_was_kept_before_a_process_died_is_not_made_twice(
    recorded: RecordedAnalyses, tmp_path: Path
) -> None:
    work = Work(tmp_path)
    begun = recorded.catalogue.begin(asked("k"))
    await work(begun.analysis_id, lambda _event: None)
    recorded.catalogue.note(begun.analysis_id, state="cancelled")

    again = await recorded.analyse(asked("k"), work)

    assert again == Finished(begun.analysis_id, json.dumps({"id": begun.analysis_id}).encode())
    assert sum(work.made.values()) == 1
    assert recorded.catalogue.get("lab", begun.analysis_id).state == "done"


async def test_a_database_that_goes_does_not_take_the_result_along(
    recorded: RecordedAnalyses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(tmp_path)

    def gone(*_: object, **__: object) -> bool:
        msg = "gone"
        raise DatabaseUnavailableError(msg)

    monkeypatch.setattr(recorded.catalogue, "note", gone)
    made = await recorded.analyse(asked("k"), work)
    assert isinstance(made, Finished)
    monkeypatch.setattr(recorded.catalogue, "begin", gone)
    with pytest.raises(DatabaseUnavailableError):
        await recorded.analyse(asked("other"), work)
    assert sum(work.made.values()) == 1


class Sent:
    """A file of a request."""

    def __init__(self, content: bytes, name: str = "f") -> None:
        self.name = name
        self._content = content

    def read(self) -> bytes:
        return self._content


def test_a_digest_tells_requests_apart_and_not_their_spelling() -> None:
    def digest(*contents: bytes, request: str = "{}", part: str = "image", name: str = "f") -> str:
        files = {part: tuple(Sent(content, name) for content in contents)}
        return digest_of_upload(files, AnalysisRequest.model_validate_json(request))

    same = digest(b"ab", request='{"um_per_px": 1.0}')
    assert same == digest(b"ab", request=' { "um_per_px" : 1.00 } ', name="other")
    others = {
        digest(b"ab"),
        digest(b"a", b"b"),
        digest(b"", b"ab"),
        digest(b"ab", part="imag"),
        digest(b"ab", request='{"um_per_px": 2.0}'),
    }
    assert len(others) == 5
    assert same not in others
    two = {"x": (Sent(b"1"),), "y": (Sent(b"2"),)}
    swapped = {"x": (Sent(b"2"),), "y": (Sent(b"1"),)}
    request = AnalysisRequest()
    assert digest_of_upload(two, request) != digest_of_upload(swapped, request)
    assert digest_of_upload(two, request) == digest_of_upload(dict(reversed(two.items())), request)


async def test_a_client_that_goes_when_the_result_is_kept_cancels_nothing(
    recorded: RecordedAnalyses, tmp_path: Path
) -> None:
    work, kept = Work(tmp_path), asyncio.Event()

    async def keep_and_go_on(analysis_id: str, on_event: OnEvent) -> Finished:
        finished = await work(analysis_id, on_event)
        kept.set()
        await asyncio.Event().wait()
        return finished

    going = asyncio.create_task(recorded.analyse(asked(None), keep_and_go_on))
    await kept.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going

    (record,) = recorded.catalogue.page("lab").records
    assert (record.state, record.status) == ("done", "preliminary")


async def test_a_result_that_is_being_kept_cannot_be_cancelled(
    recorded: RecordedAnalyses, tmp_path: Path
) -> None:
    work = Work(tmp_path)

    async def cancelled_late(analysis_id: str, on_event: OnEvent) -> Finished:
        on_event(AnalysisEvent("report", 1, 1))
        assert not recorded.catalogue.note(analysis_id, state="cancelled")
        return await work(analysis_id, on_event)

    finished = await recorded.analyse(asked(None), cancelled_late)

    assert isinstance(finished, Finished)
    record = recorded.catalogue.get("lab", finished.result_id)
    assert (record.state, record.stage) == ("done", "report")


async def test_a_client_that_goes_just_before_the_result_is_kept_leaves_nothing_that_runs(
    recorded: RecordedAnalyses,
) -> None:
    claimed = asyncio.Event()

    async def about_to_keep(_analysis_id: str, on_event: OnEvent) -> Finished:
        on_event(AnalysisEvent("report", 1, 1))
        claimed.set()
        await asyncio.Event().wait()
        raise AssertionError

    going = asyncio.create_task(recorded.analyse(asked("k"), about_to_keep))
    await claimed.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going

    (record,) = recorded.catalogue.page("lab").records
    assert record.state == "cancelled"


async def test_what_fails_after_the_result_was_kept_leaves_it_done(
    recorded: RecordedAnalyses, tmp_path: Path
) -> None:
    work = Work(tmp_path)

    async def keep_and_fail(analysis_id: str, on_event: OnEvent) -> Finished:
        await work(analysis_id, on_event)
        raise StorageUnavailableError("the disk is full")

    with pytest.raises(StorageUnavailableError):
        await recorded.analyse(asked(None), keep_and_fail)

    (record,) = recorded.catalogue.page("lab").records
    assert (record.state, record.status, record.problem) == ("done", "preliminary", None)


async def test_a_result_of_a_process_that_was_thought_dead_is_done(
    recorded: RecordedAnalyses, tmp_path: Path
) -> None:
    work = Work(tmp_path)

    async def stand_still(analysis_id: str, on_event: OnEvent) -> Finished:
        # Another process, which has not heard of this one for a minute (`Catalogue.end_abandoned`).
        assert recorded.catalogue.note(analysis_id, state="failed", problem={"status": 500})
        return await work(analysis_id, on_event)

    finished = await recorded.analyse(asked(None), stand_still)

    assert isinstance(finished, Finished)
    record = recorded.catalogue.get("lab", finished.result_id)
    assert (record.state, record.status, record.problem) == ("done", "preliminary", None)


async def test_a_client_that_goes_leaves_what_another_process_is_about_to_keep(
    recorded: RecordedAnalyses,
) -> None:
    taken_over = asyncio.Event()

    async def slow(analysis_id: str, _on_event: OnEvent) -> Finished:
        assert recorded.catalogue.claim(analysis_id)
        taken_over.set()
        await asyncio.Event().wait()
        raise AssertionError

    going = asyncio.create_task(recorded.analyse(asked("k"), slow))
    await taken_over.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going

    (record,) = recorded.catalogue.page("lab").records
    assert (record.state, record.stage) == ("running", "keeping")
