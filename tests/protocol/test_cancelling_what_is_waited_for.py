"""An analysis whose client waits is cancelled by another: over HTTP, gRPC, in another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest

from petrography.errors import AuditUnavailableError
from service.audit import entries_of
from service.catalogue import Catalogue, database_url
from service.engine import Engine
from service.proto import analysis_pb2 as messages
from tests.grpc_service import Service, problem, running_grpc, upload
from tests.http_service import png, settings_for
from tests.tiny_model import paint

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("clean_environment")]

WITHIN_S = 30.0
# So many that there is something to give up: a fast machine is done with 400 before the cancellation.
TILES = 900
LARGE = png(paint(np.kron(np.arange(4).reshape(2, 2), np.ones((960, 960), dtype=np.intp))))
CANCELLED = "urn:petroserve:problem:analysis-cancelled"


@pytest.fixture
async def service(model_folder: Path, tmp_path: Path) -> AsyncIterator[Service]:
    settings = settings_for(model_folder, tmp_path / "artefacts", concurrent_interactive=0)
    async with asyncio.timeout(WITHIN_S), running_grpc(settings) as running:
        yield running


async def begun(client: httpx.AsyncClient, state: str) -> str:
    """Wait until the only analysis stands like this; its id."""
    while True:
        for one in (await client.get("/v1/analyses")).json()["analyses"]:
            if one["state"] == state:
                return str(one["id"])
        await asyncio.sleep(0.01)


async def until_idle(engine: Engine) -> None:
    while engine.admission.taken:
        await asyncio.sleep(0.001)


def posted(service: Service, **headers: str) -> asyncio.Task[httpx.Response]:
    sent = service.http.post("/v1/analyses", files={"image": LARGE}, headers=headers)
    return asyncio.create_task(sent)


def on_record(service: Service, analysis_id: str) -> list[str]:
    entries = entries_of(service.engine.settings.audit_log_folder)
    return [one.event for one in entries if one.subject == analysis_id]


async def assert_cancelled(service: Service, analysis_id: str, waiting: httpx.Response) -> None:
    assert (waiting.status_code, waiting.json()["type"]) == (409, CANCELLED)
    gone = await service.http.get(f"/v1/analyses/{analysis_id}")
    assert (gone.status_code, gone.json()["type"]) == (409, CANCELLED)
    assert service.engine.telemetry.tiles._value.get() < TILES
    await until_idle(service.engine)


async def test_delete_cancels_what_runs(service: Service) -> None:
    waiting = posted(service)
    analysis_id = await begun(service.http, "running")

    answer = await service.http.delete(f"/v1/analyses/{analysis_id}")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    await assert_cancelled(service, analysis_id, await waiting)
    assert on_record(service, analysis_id) == ["analysis.cancelled"]
    assert 'outcome="cancelled"' in service.engine.telemetry.exposition().decode()


async def test_delete_cancels_what_waits_for_its_turn(service: Service) -> None:
    async with service.engine.admission.turn("bulk"):
        waiting = posted(service)
        analysis_id = await begun(service.http, "queued")
        assert (await service.http.delete(f"/v1/analyses/{analysis_id}")).status_code == 200
        await assert_cancelled(service, analysis_id, await waiting)
    again = await service.http.delete(f"/v1/analyses/{analysis_id}")
    assert again.status_code == 200


async def test_another_process_cancels_too(service: Service) -> None:
    waiting = posted(service)
    analysis_id = await begun(service.http, "running")
    elsewhere = Catalogue(database_url(service.engine.settings))
    try:
        assert elsewhere.note(analysis_id, state="cancelled", problem={"type": CANCELLED})
    finally:
        elsewhere.close()

    answer = await waiting

    assert (answer.status_code, answer.json()["type"]) == (409, CANCELLED)
    await until_idle(service.engine)


async def test_what_runs_over_grpc_is_cancelled_over_both_and_on_record(service: Service) -> None:
    for over_http in (True, False):
        call = service.analyses.Analyse(iter(upload(LARGE)))
        events = aiter(call)
        analysis_id = (await anext(events)).accepted.analysis_id
        if over_http:
            answer = await service.http.delete(f"/v1/analyses/{analysis_id}")
            assert answer.status_code == 200
        else:
            asked = messages.CancelAnalysisRequest(analysis_id=analysis_id)
            await service.analyses.CancelAnalysis(asked)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            async for _ in events:
                pass
        assert raised.value.code() == grpc.StatusCode.CANCELLED
        assert problem(raised.value)["type"] == CANCELLED
        assert on_record(service, analysis_id) == ["analysis.cancelled"]
        await until_idle(service.engine)


async def test_what_was_cancelled_is_not_begun_again_under_its_key(service: Service) -> None:
    key = {"Idempotency-Key": '"section-17"'}
    waiting = posted(service, **key)
    analysis_id = await begun(service.http, "running")
    await service.http.delete(f"/v1/analyses/{analysis_id}")
    await assert_cancelled(service, analysis_id, await waiting)

    again = await posted(service, **key)

    await assert_cancelled(service, analysis_id, again)


async def test_a_cancellation_that_the_full_audit_log_refuses_is_on_record_when_repeated(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = posted(service)
    place = f"/v1/analyses/{await begun(service.http, 'running')}"
    analysis_id = place.rpartition("/")[2]

    def full(*_: object, **__: object) -> None:
        raise AuditUnavailableError("the audit log takes no entry: No space left on device")

    with monkeypatch.context() as filled:
        filled.setattr(service.engine.audit, "record", full)
        assert (await service.http.delete(place)).status_code == 503
        await assert_cancelled(service, analysis_id, await waiting)
        assert (await service.http.delete(place)).status_code == 503
    assert on_record(service, analysis_id) == []

    repeated = [(await service.http.delete(place)).status_code for _ in range(2)]

    assert repeated == [200, 200]
    assert on_record(service, analysis_id) == ["analysis.cancelled"]


async def test_what_has_ended_stays_as_it_is(service: Service) -> None:
    small = png(paint(np.zeros((20, 20), dtype=np.intp)))
    made = await service.http.post("/v1/analyses", files={"image": small})

    answer = await service.http.delete(made.headers["location"])

    assert (answer.status_code, answer.json()["type"][-14:]) == (409, "analysis-ended")
    assert (await service.http.get(made.headers["location"])).content == made.content
