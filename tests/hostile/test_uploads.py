"""Uploads that are too large, too slow or of a false length: refused early, the place is freed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.hostile.refusals import (
    BODY_LIMIT,
    GOOD,
    MAX_IMAGE_BYTES,
    MULTIPART,
    assert_healthy,
    assert_problem,
)
from tests.http_service import part, running_service, settings_for

pytestmark = pytest.mark.anyio


async def test_a_body_over_the_limit_is_refused_by_its_stated_length(
    client: httpx.AsyncClient,
) -> None:
    class Unread(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            pytest.fail("the body was read")
            yield b""

    for length in (str(BODY_LIMIT + 1), "9" * 400):
        headers = MULTIPART | {"Content-Length": length}
        request = httpx.Request(
            "POST", "http://petroserve/v1/analyses", headers=headers, stream=Unread()
        )
        assert_problem(await client.send(request), 413, str(BODY_LIMIT))
    await assert_healthy(client)


@pytest.mark.parametrize("length", ["-1", "1.5", "abc", "١٢", " "])
async def test_a_stated_length_that_is_no_number(client: httpx.AsyncClient, length: str) -> None:
    headers = [(b"content-type", b"multipart/form-data; boundary=cut")]
    request = httpx.Request(
        "POST",
        "http://petroserve/v1/analyses",
        headers=[*headers, (b"content-length", length.encode())],
        stream=httpx.ByteStream(b""),
    )

    assert_problem(await client.send(request), 400, "Content-Length")


async def test_a_body_over_the_limit_is_refused_while_it_streams(
    client: httpx.AsyncClient,
) -> None:
    chunk = b"\x00" * 10_000
    sent_bytes = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent_bytes
        yield part("image", b"")[:-2]
        while True:
            sent_bytes += len(chunk)
            yield chunk

    response = await client.post("/v1/analyses", content=endless(), headers=MULTIPART)

    assert_problem(response, 413, f"'image' has more than {MAX_IMAGE_BYTES} bytes")
    assert sent_bytes <= MAX_IMAGE_BYTES + 2 * len(chunk)
    await assert_healthy(client)


async def test_a_body_that_never_ends_is_given_up(model_folder: Path, tmp_path: Path) -> None:
    impatient = settings_for(model_folder, tmp_path / "artefacts", upload_timeout_s=0.05)
    never = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield part("image", GOOD)
        await never.wait()

    async with running_service(impatient) as (client, _):
        response = await client.post("/v1/analyses", content=stalling(), headers=MULTIPART)
        assert_problem(response, 400, "0.05 s")


async def test_a_body_that_pauses_is_given_up_early(model_folder: Path, tmp_path: Path) -> None:
    watchful = settings_for(model_folder, tmp_path / "artefacts", upload_pause_s=0.05)
    never = asyncio.Event()

    async def pausing() -> AsyncIterator[bytes]:
        yield part("image", GOOD)
        await never.wait()

    async with running_service(watchful) as (client, engine):
        response = await client.post("/v1/analyses", content=pausing(), headers=MULTIPART)
        assert_problem(
            response, 400, "paused for 0.05 s", f"after {len(part('image', GOOD))} bytes"
        )
        # Its place is free again.
        assert "petroserve_queue_depth 0.0" in engine.telemetry.exposition().decode()
        await assert_healthy(client)
