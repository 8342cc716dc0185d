"""Bodies of JSON: cut when they drip, and nothing in them that is read and then ignored."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.http_service import running_service, settings_for
from tests.inference_requests import INFER, error_of, image_input
from tests.tiny_model import CODES, paint, write_model

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("clean_environment")]

IMAGE = paint(np.random.default_rng(8).integers(0, len(CODES), (6, 7)))
INPUT = image_input(IMAGE)


@pytest.mark.parametrize(
    "path", ["/v1/analyses/0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a/corrections", "/v1/estimate", INFER]
)
async def test_a_body_that_drips_is_cut(model_folder: Path, tmp_path: Path, path: str) -> None:
    """Every byte comes before the pause is too long; the whole takes too long all the same."""
    settings = settings_for(model_folder, tmp_path / "artefacts", upload_timeout_s=0.2)
    enough = asyncio.Event()

    async def dripping() -> AsyncIterator[bytes]:
        while not enough.is_set():
            yield b" "
            await asyncio.sleep(0.02)

    async with asyncio.timeout(20.0), running_service(settings) as (client, _):
        headers = {"Content-Type": "application/json"}
        answer = await client.post(path, content=dripping(), headers=headers)
        enough.set()
    assert answer.status_code == 400, answer.text
    assert "did not arrive within 0.2 s" in answer.text


async def test_the_body_may_choose_the_version(tmp_path: Path) -> None:
    for version in (1, 2):
        write_model(tmp_path / "models", version=version)
    settings = settings_for(tmp_path / "models", tmp_path / "artefacts")
    async with running_service(settings) as (client, _):

        async def version_for(path: str, **fields: object) -> httpx.Response:
            return await client.post(path, json={"inputs": [INPUT], **fields})

        at_version = "/v2/models/tiny/versions/2/infer"
        for path, stated, got in (
            (INFER, {"model_version": "1"}, "1"),
            (INFER, {"model_version": "2", "model_name": "tiny"}, "2"),
            (INFER, {"model_version": ""}, "2"),
            (at_version, {"model_version": "2"}, "2"),
        ):
            answer = await version_for(path, **stated)
            assert (stated, answer.json().get("model_version")) == (stated, got)
        assert (await version_for(INFER, model_version="9")).status_code == 404
        other = await version_for(at_version, model_version="1")
        assert "the URL says '2'" in error_of(other, 422)


async def test_unknown_parameters_of_inputs_are_refused(client: httpx.AsyncClient) -> None:
    good = {"inputs": [{**INPUT, "parameters": {"content_type": "np"}}]}
    assert (await client.post(INFER, content=json.dumps(good))).status_code == 200
    for parameters in ({"foo": 1}, {"content_type": "np", "binary_data": True}):
        bad = {"inputs": [{**INPUT, "parameters": parameters}]}
        answer = await client.post(INFER, json=bad)
        assert list(parameters)[-1] in error_of(answer, 422)
