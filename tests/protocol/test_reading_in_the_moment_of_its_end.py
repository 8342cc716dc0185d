"""Whoever asks in the moment in which an analysis ends is told one or the other, never a 404."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from service.engine import ANALYSES, OpenArtefact, open_version
from service.proto import analysis_pb2 as messages
from tests.grpc_service import Service, running_grpc
from tests.http_service import png, settings_for
from tests.tiny_model import paint

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("clean_environment")]

SMALL = png(paint(np.zeros((8, 8), dtype=np.intp)))


@pytest.fixture
async def service(model_folder: Path, tmp_path: Path) -> AsyncIterator[Service]:
    async with running_grpc(settings_for(model_folder, tmp_path / "artefacts")) as running:
        yield running


@pytest.fixture
def too_early(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The first look for a result is before it is there, the look at its record after its end."""
    looked: list[str] = []

    def look(store: object, analysis_id: str, *more: object) -> OpenArtefact:
        looked.append(analysis_id)
        if looked.count(analysis_id) == 1:
            raise ANALYSES.not_found("not yet")
        return open_version(store, analysis_id, *more)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr("service.engine.catching_up.open_version", look)
    return looked


async def test_an_analysis_that_ends_between_two_looks_is_not_missing(
    service: Service, too_early: list[str]
) -> None:
    made = await service.http.post("/v1/analyses", files={"image": SMALL})
    place, analysis_id = made.headers["Location"], made.json()["id"]

    assert (await service.http.get(place)).json() == made.json()
    too_early.clear()
    asked = messages.GetAnalysisRequest(analysis_id=analysis_id)
    answer = await service.analyses.GetAnalysis(asked)
    assert answer.result_json
    assert answer.analysis_id == analysis_id
    assert too_early == [analysis_id, analysis_id]


async def test_a_result_that_was_removed_is_missing(service: Service) -> None:
    made = await service.http.post("/v1/analyses", files={"image": SMALL})
    folder = service.engine.store.folder_of(ANALYSES, made.json()["id"])
    assert folder is not None
    folder.rename(folder.with_name(".aside-gone"))

    gone = await service.http.get(made.headers["Location"])

    assert (gone.status_code, gone.json()["type"]) == (
        404,
        "urn:petroserve:problem:analysis-not-found",
    )
