"""What is wanted of the result of an analysis that has none is told so to its owner, to others 404."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from petrography.errors import AnalysisCancelledError, AnalysisNotFoundError, ConflictError
from service.catalogue import Catalogue, NewAnalysis, State
from service.engine import ANALYSES, Engine
from service.engine.unfinished import unfinished_told
from tests.hostile.refusals import assert_problem
from tests.http_service import png, running_service, settings_for
from tests.kept_results import keep_files

pytestmark = pytest.mark.anyio

STATES: list[State] = ["queued", "running", "failed", "dead", "cancelled"]
VOID = {"status": "rejected", "reviewer": "Grace", "reason": "r"}


@pytest.fixture
async def service(
    model_folder: Path, tmp_path: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, Engine]]:
    async with running_service(settings_for(model_folder, tmp_path / "kept")) as running:
        yield running


def begun(catalogue: Catalogue, state: State, owner: str = "") -> str:
    new = NewAnalysis(
        owner=owner,
        sample_id=None,
        idempotency_key=None,
        body_sha256="",
        model="tiny:1",
        priority="interactive",
        asynchronous=False,
        request_json="{}",
    )
    analysis_id = catalogue.begin(new).analysis_id
    if state != "queued":
        catalogue.note(analysis_id, state=state)
    return analysis_id


async def evaluated(client: httpx.AsyncClient, analysis_id: str) -> httpx.Response:
    truth = png(np.zeros((8, 8), dtype=np.uint8))
    return await client.post(
        "/v1/evaluations",
        files={"truth": ("truth.png", truth)},
        data={"request": json.dumps({"analyses": [analysis_id]})},
    )


@pytest.mark.parametrize("state", STATES)
async def test_an_analysis_without_a_result_says_how_it_stands(
    service: tuple[httpx.AsyncClient, Engine], state: State
) -> None:
    client, engine = service
    analysis_id = begun(engine.recorded.catalogue, state)
    place = f"/v1/analyses/{analysis_id}"

    for answer in (
        await client.get(f"{place}/labels.png"),
        await client.get(f"{place}/senaite.csv"),
        await client.get(place, params={"version": 1}),
        await client.post(f"{place}/corrections", json=VOID),
        await evaluated(client, analysis_id),
    ):
        problem = assert_problem(answer, 409, state, "has no result; wanted")
        assert problem["type"].endswith("cancelled" if state == "cancelled" else "conflict")
    # There can be no such file, of none.
    assert_problem(await client.get(f"{place}/gold.png"), 404, "there is no artefact")


async def test_nobody_is_told_of_the_analyses_of_others(
    service: tuple[httpx.AsyncClient, Engine],
) -> None:
    client, engine = service
    for analysis_id in (begun(engine.recorded.catalogue, "running", "b"), str(uuid.uuid4())):
        place = f"/v1/analyses/{analysis_id}"
        for answer in (
            await client.get(f"{place}/labels.png"),
            await client.get(f"{place}/senaite.csv"),
            await client.get(place, params={"version": 1}),
            await client.post(f"{place}/corrections", json=VOID),
            await evaluated(client, analysis_id),
        ):
            assert_problem(answer, 404, analysis_id, "is kept")


async def test_what_is_kept_or_was_has_a_result(
    service: tuple[httpx.AsyncClient, Engine],
) -> None:
    _, engine = service
    catalogue, store = engine.recorded.catalogue, engine.store

    def assert_told(analysis_id: str, error: type[Exception], said: str) -> None:
        with (
            pytest.raises(error, match=said),
            unfinished_told(catalogue, store, analysis_id),
        ):
            raise store.not_found(ANALYSES, analysis_id, "labels.png")

    assert_told(begun(catalogue, "done"), AnalysisNotFoundError, "labels.png")
    # Kept a moment ago, and not noted yet.
    kept = begun(catalogue, "running")
    assert_told(kept, ConflictError, "is running")
    keep_files(store, ANALYSES, kept, {"result.json": b"{}"})
    assert_told(kept, AnalysisNotFoundError, "labels.png")
    assert_told(begun(catalogue, "cancelled"), AnalysisCancelledError, "was cancelled")
    with pytest.raises(AnalysisNotFoundError):
        engine.recorded.document(str(uuid.uuid4()))
