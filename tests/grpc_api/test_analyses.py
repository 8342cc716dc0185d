"""`petroserve.v1.AnalysisService`: a real client, a real server, a real tiny model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from service.proto import analysis_pb2 as messages
from tests.grpc_service import (
    Service,
    analyse,
    running_grpc,
    upload,
)
from tests.http_service import png, settings_for
from tests.tiny_model import CODES, paint

pytestmark = pytest.mark.anyio

FIELD = png(paint(np.random.default_rng(7).integers(0, len(CODES), (70, 130))))


@pytest.fixture
async def service(
    model_folder: Path, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    async with running_grpc(settings_for(model_folder, tmp_path / "artefacts")) as running:
        yield running


async def test_an_analysis_tells_how_far_it_is_and_gives_its_result(service: Service) -> None:
    events = await analyse(service, upload(FIELD, {"um_per_px": 0.5}))

    kinds = [event.WhichOneof("event") for event in events]
    assert (kinds[0], kinds[-1]) == ("accepted", "finished")
    assert set(kinds[1:-1]) == {"progress"}
    finished = events[-1].finished
    assert finished.analysis_id == events[0].accepted.analysis_id
    result = json.loads(finished.result_json)
    assert (result["id"], result["scale"]["um_per_px"]) == (finished.analysis_id, 0.5)

    kept = await service.analyses.GetAnalysis(
        messages.GetAnalysisRequest(analysis_id=finished.analysis_id)
    )
    assert kept == finished
    for artefact in result["artefacts"]:
        wanted = messages.GetArtefactRequest(
            analysis_id=finished.analysis_id, name=artefact["name"]
        )
        first, *rest = [chunk async for chunk in service.analyses.GetArtefact(wanted)]
        content = b"".join(chunk.data for chunk in rest)
        assert first.artefact.media_type == artefact["media_type"]
        assert first.artefact.size_bytes == len(content)
        assert hashlib.sha256(content).hexdigest() == artefact["sha256"]
        http = await service.http.get(artefact["href"])
        assert (http.content, http.headers["etag"]) == (content, first.artefact.etag)
